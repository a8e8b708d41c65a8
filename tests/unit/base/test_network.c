/* Which addresses may be connected to: the table that a request forged through us would have to get past. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sallyport/base/network.h"

static struct ip ip(const char *text)
{
    struct ip ip;
    cr_assert(ip_parse(text, &ip), "%s", text);
    return ip;
}

static struct network network(const char *text)
{
    struct network network;
    const char *why = network_parse(text, &network);
    cr_assert_null(why, "%s %s", text, why);
    return network;
}

Test(network, takes_addresses_of_the_internet_for_public)
{
    static const char *const addresses[] = {
        "1.1.1.1",     "9.255.255.255",   "11.0.0.0",       "100.63.255.255",   "100.128.0.0",     "126.255.255.255",
        "128.0.0.1",   "169.253.255.255", "172.15.255.255", "172.32.0.0",       "192.0.1.0",       "192.167.255.255",
        "192.169.0.0", "198.17.255.255",  "198.20.0.0",     "223.255.255.255",  "2606:4700::1111", "2a00:1450::1",
        "2001:200::1", "2620:fe::fe",     "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1",
    };
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct ip address = ip(addresses[i]);
        cr_expect(ip_is_public(&address), "%s", addresses[i]);
        cr_expect(networks_allow(NULL, 0, &address), "%s", addresses[i]);
    }
}

Test(network, takes_no_address_of_this_host_or_of_a_private_network_for_public)
{
    static const char *const addresses[] = {
        /* this host, private, shared, link-local (metadata of clouds), reserved */
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        /* the same in IPv6's spellings of IPv4: mapped, compatible, NAT64, 6to4 */
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:1::1",
        /* IPv6's own */
        "::",
        "::1",
        "::2",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    };
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct ip address = ip(addresses[i]);
        cr_expect_not(ip_is_public(&address), "%s", addresses[i]);
        cr_expect_not(networks_allow(NULL, 0, &address), "%s", addresses[i]);
    }
}

Test(network, allows_what_a_list_names_and_nothing_else)
{
    struct network list[] = { network("10.0.0.0/8"), network("192.168.7.4"), network("fd00::/8"), network("::1") };
    static const struct {
        const char *address;
        bool is_allowed;
    } cases[] = {
        { "10.0.0.0", true },
        { "10.255.255.255", true },
        { "11.0.0.0", false },
        { "9.255.255.255", false },
        { "192.168.7.4", true },
        { "192.168.7.5", false },
        { "fd12::1", true },
        { "fc00::1", false },
        { "::1", true },
        { "::2", false },
        { "1.1.1.1", false },
        { "2606:4700::1111", false },
        { "::ffff:10.1.2.3", true },
        { "::10.1.2.3", false },
        { "64:ff9b::a00:1", false },
        { "127.0.0.1", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ip address = ip(cases[i].address);
        cr_expect_eq(networks_allow(list, 4, &address), cases[i].is_allowed, "%s", cases[i].address);
    }
}

Test(network, keeps_the_two_families_apart)
{
    struct network all_v4 = network("0.0.0.0/0"), all_v6 = network("::/0");
    struct ip v4 = ip("10.0.0.1"), mapped = ip("::ffff:10.0.0.1"), v6 = ip("fd00::1");
    cr_expect(network_has(&all_v4, &v4));
    cr_expect(network_has(&all_v4, &mapped));
    cr_expect_not(network_has(&all_v4, &v6));
    cr_expect(network_has(&all_v6, &v6));
    cr_expect_not(network_has(&all_v6, &v4));
    cr_expect_not(network_has(&all_v6, &mapped));
}

Test(network, never_allows_the_address_without_a_number)
{
    struct network all[] = { network("0.0.0.0/0"), network("::/0") };
    struct ip v4 = ip("0.0.0.0"), v6 = ip("::");
    cr_expect_not(networks_allow(all, 2, &v4), "the kernel takes it for loopback");
    cr_expect_not(networks_allow(all, 2, &v6));
}

Test(network, says_what_is_wrong_with_a_network)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "is no network" },
        { "10.0.0.0/", "no prefix of the right length" },
        { "10.0.0.0/33", "no prefix of the right length" },
        { "10.0.0.0/-1", "no prefix of the right length" },
        { "10.0.0.0/08", "no prefix of the right length" },
        { "fd00::/129", "no prefix of the right length" },
        { "10.0.0.1/8", "bits behind its prefix" },
        { "fd00::1/8", "bits behind its prefix" },
        { "10.0/8", "is no network" },
        { "010.0.0.0/8", "is no network" },
        { "0x0a.0.0.0/8", "is no network" },
        { "localhost", "is no network" },
        { "fe80::1%eth0", "is no network" },
        { "::ffff:10.0.0.0/104", "write it as IPv4" },
        { "10.0.0.0/8/8", "no prefix of the right length" },
        { "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20/8", "is no network" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network read;
        const char *why = network_parse(cases[i].text, &read);
        cr_assert_not_null(why, "%s", cases[i].text);
        cr_expect_not_null(strstr(why, cases[i].why), "%s: %s", cases[i].text, why);
    }
}

Test(network, reads_addresses_of_sockets)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_un other = { .sun_family = AF_UNIX };
    struct ip read, wanted = ip("10.0.0.1");
    char text[IP_TEXT_BYTES];
    cr_assert(ip_of_sockaddr((struct sockaddr *)&v4, &read));
    cr_expect_eq(memcmp(&read, &wanted, sizeof read), 0);
    cr_expect_str_eq(ip_text(&read, text), "10.0.0.1");
    cr_assert(ip_of_sockaddr((struct sockaddr *)&v6, &read));
    cr_expect_str_eq(ip_text(&read, text), "::1");
    cr_expect_not(ip_of_sockaddr((struct sockaddr *)&other, &read));
}

Test(network, unpacks_what_it_packed_and_nothing_else)
{
    struct network list[] = { network("10.0.0.0/8"), network("fd00::/8"), network("0.0.0.0/0") }, read[3];
    uint8_t packed[3 * NETWORK_PACKED_BYTES + 1] = { 0 };
    unsigned count = 0;
    for (unsigned i = 0; i < 3; i++)
        network_pack(&list[i], packed + (size_t)i * NETWORK_PACKED_BYTES);
    struct span span = { packed, 3 * NETWORK_PACKED_BYTES };
    cr_assert(networks_unpack(span, read, 3, &count));
    cr_expect_eq(count, 3);
    cr_expect_eq(memcmp(list, read, sizeof list), 0);
    cr_expect_not(networks_unpack(span, read, 2, &count), "one too many");
    cr_expect_not(networks_unpack((struct span){ packed, sizeof packed }, read, 3, &count), "a byte too many");
    packed[NETWORK_PACKED_BYTES - 1] = 129;
    cr_expect_not(networks_unpack(span, read, 3, &count), "a prefix of 129 bits");
    packed[NETWORK_PACKED_BYTES - 1] = 96;
    cr_expect_not(networks_unpack(span, read, 3, &count), "bits behind the prefix");
    cr_assert(networks_unpack((struct span){ NULL, 0 }, read, 3, &count));
    cr_expect_eq(count, 0);
}
