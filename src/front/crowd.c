#include "crowd.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

int crowd_init(struct crowd *crowd)
{
    return getrandom(&crowd->seed, sizeof crowd->seed, 0) == sizeof crowd->seed ? 0 : -errno;
}

/* IPv4 as IPv6 writes it, all of it. False: no address of the network. */
static bool address_of(const struct sockaddr *from, uint64_t ret_address[2])
{
    struct in6_addr address = { 0 };
    if (from->sa_family == AF_INET) {
        address.s6_addr[10] = address.s6_addr[11] = 0xff;
        memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        address = ((const struct sockaddr_in6 *)from)->sin6_addr;
        if (!IN6_IS_ADDR_V4MAPPED(&address))
            memset(&address.s6_addr[8], 0, 8);
    } else {
        return false;
    }
    memcpy(ret_address, &address, sizeof address);
    return true;
}

static unsigned bucket_of(const struct crowd *crowd, const uint64_t address[2])
{
    uint64_t mixed = (address[0] ^ crowd->seed) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 29) ^ address[1]) * (crowd->seed | 1);
    return (unsigned)((mixed ^ (mixed >> 32)) % CROWD_BUCKETS);
}

bool crowd_enter(struct crowd *crowd, struct crowd_member *member, const struct sockaddr *address, unsigned most)
{
    if (!address_of(address, member->address))
        return true;
    struct crowd_member **bucket = &crowd->buckets[bucket_of(crowd, member->address)];
    unsigned count = 0;
    for (const struct crowd_member *other = *bucket; other != NULL; other = other->next)
        count += memcmp(other->address, member->address, sizeof member->address) == 0;
    if (count >= most)
        return false;
    member->next = *bucket;
    member->link = bucket;
    if (member->next != NULL)
        member->next->link = &member->next;
    *bucket = member;
    return true;
}

void crowd_leave(struct crowd_member *member)
{
    if (member->link == NULL)
        return;
    *member->link = member->next;
    if (member->next != NULL)
        member->next->link = member->link;
    *member = (struct crowd_member){ 0 };
}
