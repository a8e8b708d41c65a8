/* Connections of one address. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include "crowd.h"

static struct crowd crowd;

static void start(void)
{
    cr_assert_eq(crowd_init(&crowd), 0);
}

TestSuite(front_crowd, .init = start, .timeout = 30);

static bool enter(struct crowd_member *member, const char *address, unsigned most)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return crowd_enter(&crowd, member, (struct sockaddr *)&v4, most);
    cr_assert_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return crowd_enter(&crowd, member, (struct sockaddr *)&v6, most);
}

Test(front_crowd, lets_an_address_have_so_many_and_another_too)
{
    struct crowd_member members[5] = { 0 };
    cr_expect(enter(&members[0], "192.0.2.1", 2));
    cr_expect(enter(&members[1], "192.0.2.1", 2));
    cr_expect_not(enter(&members[2], "192.0.2.1", 2));
    cr_expect(enter(&members[3], "192.0.2.2", 2));
    crowd_leave(&members[0]);
    cr_expect(enter(&members[2], "192.0.2.1", 2));
    cr_expect_not(enter(&members[4], "192.0.2.1", 2));
    crowd_leave(&members[4]); /* it was not counted */
    crowd_leave(&members[4]);
    cr_expect_not(enter(&members[4], "192.0.2.1", 2));
}

Test(front_crowd, takes_a_network_of_64_bits_for_one_address_and_mapped_ones_for_their_own)
{
    struct crowd_member members[6] = { 0 };
    cr_expect(enter(&members[0], "2001:db8:1:2::1", 1));
    cr_expect_not(enter(&members[1], "2001:db8:1:2:ffff::2", 1));
    cr_expect(enter(&members[1], "2001:db8:1:3::1", 1));
    cr_expect(enter(&members[2], "192.0.2.1", 1));
    cr_expect_not(enter(&members[3], "::ffff:192.0.2.1", 1));
    cr_expect(enter(&members[3], "::ffff:192.0.2.2", 1));
    cr_expect(enter(&members[4], "::1", 1));
}

Test(front_crowd, does_not_count_who_has_no_address)
{
    struct sockaddr_un none = { .sun_family = AF_UNIX };
    struct crowd_member members[3] = { 0 };
    for (int i = 0; i < 3; i++)
        cr_expect(crowd_enter(&crowd, &members[i], (struct sockaddr *)&none, 1));
    for (int i = 0; i < 3; i++)
        crowd_leave(&members[i]);
}

Test(front_crowd, forgets_nobody_and_leaves_nothing)
{
    static struct crowd_member members[20000];
    char address[INET_ADDRSTRLEN];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(address, sizeof address, "10.%u.%u.%u", i >> 13, i >> 5 & 255, i & 31);
        cr_assert(enter(&members[i], address, 1), "%s", address);
    }
    for (unsigned i = 0; i < 20000; i += 7) {
        struct crowd_member again = { 0 };
        snprintf(address, sizeof address, "10.%u.%u.%u", i >> 13, i >> 5 & 255, i & 31);
        cr_assert_not(enter(&again, address, 1), "%s", address);
    }
    for (unsigned i = 0; i < 20000; i++)
        crowd_leave(&members[i]);
    for (unsigned i = 0; i < CROWD_BUCKETS; i++)
        cr_assert_null(crowd.buckets[i]);
}
