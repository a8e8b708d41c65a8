/* What a caller showed, and where a request came from: header fields that anybody can write. */
#include <criterion/criterion.h>
#include <string.h>

#include "authorization.h"
#include "forwarded.h"
#include "sallyport/base/text.h"

static uint8_t room[SECRET_MAX_BYTES];

Test(front_evidence, is_a_bearer_token_or_a_name_and_a_token)
{
    static const struct {
        const char *value;
        uint8_t kind;
        const char *secret;
    } cases[] = {
        { "Bearer sp_x", EVIDENCE_BEARER, "sp_x" },
        { "bEARER   sp_x", EVIDENCE_BEARER, "sp_x" },
        { "Basic Y2k6c3BfeA==", EVIDENCE_BASIC, "ci:sp_x" },
        { "basic  Y2k6c3BfeA==", EVIDENCE_BASIC, "ci:sp_x" },
        { "Basic Og==", EVIDENCE_BASIC, ":" },
    };
    static const char *const none[] = {
        "",
        "Bearer",
        "Bearer ",
        "Bearersp_x",
        "sp_x",
        "Digest x",
        "Basic",
        "Basic ",
        "Basic !",
        "Basic Y2k6c3BfeA", /* no padding */
        "Basic Y2k=",       /* no colon */
        "Basic Y2k6AA==",   /* a NUL */
        "Basic Y2k6Cg==",   /* a line end */
        "Basic Y2k6c3BfeA== x",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evidence evidence = { 0 };
        cr_assert(authorization_parse(cases[i].value, room, &evidence), "%s", cases[i].value);
        cr_expect_eq(evidence.kind, cases[i].kind);
        cr_assert_eq(evidence.secret.size, strlen(cases[i].secret));
        cr_expect_eq(memcmp(evidence.secret.data, cases[i].secret, evidence.secret.size), 0);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct evidence evidence = { 0 };
        cr_expect_not(authorization_parse(none[i], room, &evidence), "%s", none[i]);
        cr_expect_eq(evidence.kind, EVIDENCE_NONE);
    }
}

Test(front_evidence, is_not_longer_than_a_message_takes)
{
    char value[SECRET_MAX_BYTES * 2] = "Bearer ";
    struct evidence evidence = { 0 };
    memset(value + 7, 'x', SECRET_MAX_BYTES);
    cr_expect(authorization_parse(value, room, &evidence));
    value[7 + SECRET_MAX_BYTES] = 'x';
    evidence = (struct evidence){ 0 };
    cr_expect_not(authorization_parse(value, room, &evidence));
    memcpy(value, "Basic ", 6);
    memset(value + 6, 'A', 360);
    memcpy(value + 6, "Y2k6", 4); /* ci: and zeros, 270 bytes */
    value[6 + 360] = '\0';
    cr_expect_not(authorization_parse(value, room, &evidence));
}

Test(front_evidence, comes_from_the_right_most_address_that_is_no_listed_proxy)
{
    static const struct {
        const char *peer, *list, *source;
    } cases[] = {
        { "192.0.2.1:5", "10.9.9.9", "192.0.2.1:5" }, /* no proxy: it may say what it likes */
        { "10.0.0.1:5", "", "10.0.0.1:5" },
        { "10.0.0.1:5", " , ,", "10.0.0.1:5" },
        { "10.0.0.1:5", "192.0.2.1", "192.0.2.1" },
        { "10.0.0.1:5", "198.51.100.1, 192.0.2.1", "192.0.2.1" },
        { "10.0.0.1:5", "198.51.100.1,192.0.2.1,10.0.0.2 , 10.0.0.3,", "192.0.2.1" },
        { "10.0.0.1:5", "10.0.0.2, 10.0.0.3", "10.0.0.2" }, /* inside, all the way */
        { "10.0.0.1:5", "10.0.0.2", "10.0.0.2" },
        { "10.0.0.1:5", "192.0.2.1, unknown", "unknown" },
        { "10.0.0.1:5", "192.0.2.1, unknown, 10.0.0.2", "unknown" },
        { "10.0.0.1:5", "192.0.2.1:4711", "192.0.2.1" },
        { "10.0.0.1:5", "[2001:db8::1]:4711", "2001:db8::1" },
        { "10.0.0.1:5", "2001:DB8:0::1", "2001:db8::1" },
        { "[::ffff:10.0.0.1]:5", "192.0.2.1", "192.0.2.1" },
        { "10.0.0.1:5", "192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1" },
        { "unix", "192.0.2.1", "unix" },
    };
    struct proxies proxies = { .count = 1 };
    cr_assert_null(network_parse("10.0.0.0/8", &proxies.networks[0]));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char list[FORWARDED_MAX_BYTES], address[ADDRESS_MAX_BYTES];
        text_copy(list, sizeof list, cases[i].list);
        text_copy(address, sizeof address, cases[i].peer);
        forwarded_follow(&proxies, list, address);
        cr_expect_str_eq(address, cases[i].source, "%s: %s", cases[i].peer, cases[i].list);
    }
}
