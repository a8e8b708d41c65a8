/* The host's own files about names, as the C library reads them. */
#include <criterion/criterion.h>
#include <string.h>

#include "resolver_files.h"

static struct span span(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static struct resolv_conf conf(const char *text)
{
    struct resolv_conf conf;
    resolv_conf_parse(span(text), &conf);
    return conf;
}

Test(resolv_conf, names_servers_search_and_options)
{
    struct resolv_conf read = conf("# by hand\n"
                                   "nameserver 10.0.0.1\r\n"
                                   "nameserver\t2001:db8::53   # second\n"
                                   "domain old.example\n"
                                   "search corp.example example.com\n"
                                   "options ndots:5 timeout:1 attempts:2 rotate\n");
    cr_assert_eq(read.nameserver_count, 2);
    cr_expect_str_eq(read.nameservers[0], "10.0.0.1");
    cr_expect_str_eq(read.nameservers[1], "2001:db8::53");
    cr_assert_eq(read.search_count, 2, "the last such line holds");
    cr_expect_str_eq(read.search[0], "corp.example");
    cr_expect_str_eq(read.search[1], "example.com");
    cr_expect_eq(read.ndots, 5);
    cr_expect_eq(read.timeout_s, 1);
    cr_expect_eq(read.attempts, 2);
}

Test(resolv_conf, asks_this_host_when_it_names_nobody)
{
    static const char *const texts[] = { "",
                                         "\n\n",
                                         "nameserver\n",
                                         "nameserver name.example\n",
                                         "; nameserver 10.0.0.1",
                                         "nameserver fe80::1%eth0\n",
                                         "Nameserver 10.0.0.1\n" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct resolv_conf read = conf(texts[i]);
        cr_assert_eq(read.nameserver_count, 1, "%s", texts[i]);
        cr_expect_str_eq(read.nameservers[0], "127.0.0.1", "%s", texts[i]);
    }
}

Test(resolv_conf, keeps_to_its_bounds)
{
    char text[3000] = "search";
    for (int i = 0; i < 100; i++)
        strcat(text, " a.example");
    strcat(text, "\noptions ndots:99 timeout:0 attempts:1000 ndots:x timeout:\n");
    for (int i = 0; i < 5; i++)
        strcat(text, "nameserver 10.0.0.1\n");
    struct resolv_conf read = conf(text);
    cr_expect_eq(read.search_count, SEARCH_MAX);
    cr_expect_eq(read.nameserver_count, NAMESERVERS_MAX);
    cr_expect_eq(read.ndots, 15);
    cr_expect_eq(read.timeout_s, 1);
    cr_expect_eq(read.attempts, 5);
}

static const char hosts[] = "127.0.0.1 localhost\n"
                            "::1       localhost ip6-localhost\n"
                            "  10.0.0.7\tChat.internal chat # people talk there\n"
                            "10.0.0.8 chat\n"
                            "nonsense chat\n"
                            "10.0.0.9\n"
                            "# 10.0.0.10 hidden\n"
                            "10.0.0.11 last";

Test(hosts, are_found_by_any_of_their_names)
{
    static const struct {
        const char *name;
        unsigned count;
        const char *first;
    } cases[] = {
        { "localhost", 2, "127.0.0.1" },
        { "ip6-localhost", 1, "::1" },
        { "chat", 2, "10.0.0.7" },
        { "CHAT.INTERNAL", 1, "10.0.0.7" },
        { "last", 1, "10.0.0.11" },
        { "hidden", 0, NULL },
        { "there", 0, NULL },
        { "cha", 0, NULL },
        { "10.0.0.9", 0, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ip ips[4];
        char text[IP_TEXT_BYTES];
        unsigned count = hosts_find(span(hosts), cases[i].name, ips, 4);
        cr_assert_eq(count, cases[i].count, "%s: %u", cases[i].name, count);
        if (count > 0)
            cr_expect_str_eq(ip_text(&ips[0], text), cases[i].first, "%s", cases[i].name);
    }
    struct ip one;
    cr_expect_eq(hosts_find(span(hosts), "chat", &one, 1), 1, "no more than there is room for");
}

Test(hosts, may_have_lines_of_any_length)
{
    static char text[10000];
    struct ip ip;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "10.0.0.1 ", 9);
    strcpy(text + 9000, "\n10.0.0.2 b\n");
    cr_expect_eq(hosts_find(span(text), "b", &ip, 1), 1);
}
