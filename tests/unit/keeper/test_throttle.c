#include "throttle.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS 1000000

static struct throttle *throttle;

static void begin(void)
{
    throttle = calloc(1, sizeof *throttle);
    cr_assert_eq(throttle_init(throttle, NULL), 0);
}

static void end(void)
{
    free(throttle);
}

TestSuite(throttle, .init = begin, .fini = end);

static struct ip ip_of(const char *text)
{
    struct ip ip;
    cr_assert(ip_parse(text, &ip), "%s", text);
    return ip;
}

static struct span span_of(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static uint64_t left(const char *address, const char *secret, uint64_t now_ms)
{
    struct ip ip = ip_of(address);
    return throttle_left_ms(throttle, &ip, span_of(secret), now_ms);
}

static void guess(const char *address, const char *secret, uint64_t now_ms)
{
    struct ip ip = ip_of(address);
    throttle_note(throttle, &ip, span_of(secret), now_ms);
}

static void guess_often(const char *address, const char *secret, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        cr_assert_eq(left(address, secret, NOW_MS), 0, "after %u", i);
        guess(address, secret, NOW_MS);
    }
}

/* So many tokens, each another. */
static void guess_around(const char *address, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        char secret[32];
        snprintf(secret, sizeof secret, "sp_%08u", i);
        cr_assert_eq(left(address, secret, NOW_MS), 0, "after %u", i);
        guess(address, secret, NOW_MS);
    }
}

Test(throttle, puts_off_a_token_that_goes_on_being_wrong)
{
    guess_often("10.0.0.1", "sp_abcdefgh1", THROTTLE_TOKEN_MOST);
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgh1", NOW_MS + 1), THROTTLE_WINDOW_MS - 1);
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgh2", NOW_MS), THROTTLE_WINDOW_MS, "it begins alike");
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgi1", NOW_MS), 0, "another behind the same address");
    cr_expect_eq(left("10.0.0.2", "sp_abcdefgh1", NOW_MS), 0, "its holder elsewhere");
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgh1", NOW_MS + THROTTLE_WINDOW_MS - 1), 1);
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgh1", NOW_MS + THROTTLE_WINDOW_MS), 0, "and it is over");
    guess("10.0.0.1", "sp_abcdefgh1", NOW_MS + THROTTLE_WINDOW_MS);
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgh1", NOW_MS + THROTTLE_WINDOW_MS), 0, "counted from the start");
}

Test(throttle, forgets_what_was_wrong_when_other_tokens_hold)
{
    guess_often("10.0.0.1", "sp_abcdefgh1", THROTTLE_TOKEN_MOST);
    guess_around("10.0.0.2", THROTTLE_ADDRESS_MOST);
    throttle_forget(throttle);
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgh1", NOW_MS), 0);
    cr_expect_eq(left("10.0.0.2", "sp_right-one", NOW_MS), 0);
    guess_often("10.0.0.1", "sp_abcdefgh1", THROTTLE_TOKEN_MOST);
    cr_expect_gt(left("10.0.0.1", "sp_abcdefgh1", NOW_MS), 0, "and counts anew");
}

Test(throttle, puts_off_an_address_that_shows_many)
{
    guess_around("10.0.0.1", THROTTLE_ADDRESS_MOST);
    cr_expect_eq(left("10.0.0.1", "sp_right-one", NOW_MS), THROTTLE_WINDOW_MS);
    cr_expect_eq(left("10.0.0.2", "sp_right-one", NOW_MS), 0);
    cr_expect_eq(left("::ffff:10.0.0.1", "sp_right-one", NOW_MS), THROTTLE_WINDOW_MS, "the same address");
}

Test(throttle, takes_the_network_of_a_customer_for_one_address)
{
    guess_around("2001:db8:1:2::1", THROTTLE_ADDRESS_MOST);
    cr_expect_gt(left("2001:db8:1:2:ffff::9", "x", NOW_MS), 0);
    cr_expect_eq(left("2001:db8:1:3::1", "x", NOW_MS), 0);
}

Test(throttle, takes_tokens_of_any_length)
{
    guess_often("10.0.0.1", "x", THROTTLE_TOKEN_MOST);
    cr_expect_gt(left("10.0.0.1", "x", NOW_MS), 0);
    cr_expect_eq(left("10.0.0.1", "", NOW_MS), 0);
    cr_expect_eq(left("10.0.0.1", "xx", NOW_MS), 0);
}

/* Whoever comes from everywhere gets rid of counts, and never has anybody refused who did not guess. */
Test(throttle, does_not_grow_and_refuses_nobody_for_what_others_did)
{
    char address[32];
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(address, sizeof address, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        guess(address, "sp_abcdefgh1", NOW_MS);
    }
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(address, sizeof address, "192.168.%u.%u", i >> 8, i & 255);
        cr_assert_eq(left(address, "sp_abcdefgh1", NOW_MS), 0);
    }
    cr_expect_eq(left("10.0.0.1", "sp_abcdefgh1", NOW_MS), 0, "one guess is no reason");
}

/* A heavy guesser is not pushed out by a crowd of addresses that each guessed once. */
Test(throttle, keeps_those_who_guess_most)
{
    char address[32];
    guess_around("10.0.0.1", THROTTLE_ADDRESS_MOST);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(address, sizeof address, "172.16.%u.%u", i >> 8, i & 255);
        guess(address, "sp_abcdefgh1", NOW_MS);
    }
    cr_expect_gt(left("10.0.0.1", "sp_right-one", NOW_MS), 0);
}
