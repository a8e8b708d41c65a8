/* Deliveries of each provider: its own published example where there is one, and every way in which one is not genuine. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/hook/verify.h"

struct example {
    const char *scheme, *secret, *body;
    uint64_t now_unix_s;
    struct hook_headers headers;
};

static const struct example published[] = {
    /* GitHub, "Validating webhook deliveries": testing the webhook payload validation */
    { "github",
      "It's a Secret to Everybody",
      "Hello, World!",
      0,
      { .signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" } },
    /* Atlassian, "Manage webhooks": examples of validating */
    { "bitbucket",
      "It's a Secret to Everybody",
      "Hello World!",
      0,
      { .signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9" } },
    /* Slack, "Verifying requests from Slack" */
    { "slack",
      "8f742231b10e8888abcd99yyyzzz85a5",
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
      "foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
      "hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015."
      "47445629121.803a0bc887a14d10d2c447fce8b6703c",
      1531420618,
      { .signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        .timestamp = "1531420618" } },
};

static enum hook_verdict verdict(const struct example *example)
{
    struct hook_secret secret = { (const uint8_t *)example->secret, strlen(example->secret) };
    return hook_verify(hook_scheme_find(example->scheme), &secret, 1, &example->headers, example->body,
                       strlen(example->body), example->now_unix_s);
}

Test(hook_scheme, takes_each_providers_own_example)
{
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
        cr_expect_eq(verdict(&published[i]), HOOK_GENUINE, "%s", published[i].scheme);
}

#define NOW  1700000000
#define BODY "{\"ref\":\"refs/heads/main\"}"

static const char *const names[] = { "github",    "gitlab-token", "gitlab-signing", "gitea",
                                     "bitbucket", "slack",        "stripe",         "standard-webhooks" };

/* What a provider sends, signed here by another way than the verifier's: the whole text in one piece. */
struct sent {
    char signature[512], timestamp[24], delivery[24];
    const char *secret, *body;
    struct hook_headers headers;
};

static void base64(const uint8_t *data, size_t size, char *to)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)data[i] << 16 | (i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0) |
                         (i + 2 < size ? data[i + 2] : 0);
        for (unsigned k = 0; k < 4; k++)
            *to++ = i + k > size ? '=' : letters[three >> (18 - 6 * k) & 63];
    }
    *to = '\0';
}

static void sign(const struct hook_scheme *scheme, uint64_t at, struct sent *sent)
{
    static const uint8_t standard_key[] = "twenty-four bytes of key";
    bool is_standard = scheme->proof == HOOK_PROOF_STANDARD;
    char text[1024], hex[HASH_TEXT_BYTES];
    uint8_t digest[HASH_BYTES];
    sent->secret = is_standard ? "whsec_dHdlbnR5LWZvdXIgYnl0ZXMgb2Yga2V5" : "a secret";
    sent->body = BODY;
    snprintf(sent->timestamp, sizeof sent->timestamp, "%llu", (unsigned long long)at);
    strcpy(sent->delivery, "delivery-1");
    if (strcmp(scheme->preset, "slack") == 0)
        snprintf(text, sizeof text, "v0:%s:%s", sent->timestamp, sent->body);
    else if (strcmp(scheme->preset, "stripe") == 0)
        snprintf(text, sizeof text, "%s.%s", sent->timestamp, sent->body);
    else if (is_standard)
        snprintf(text, sizeof text, "%s.%s.%s", sent->delivery, sent->timestamp, sent->body);
    else
        snprintf(text, sizeof text, "%s", sent->body);
    struct hash_piece whole = { text, strlen(text) };
    const uint8_t *key = is_standard ? standard_key : (const uint8_t *)sent->secret;
    cr_assert_eq(hash_hmac_sha256(key, is_standard ? 24 : strlen(sent->secret), &whole, 1, digest), 0);
    text_hex(digest, sizeof digest, hex);
    if (scheme->proof == HOOK_PROOF_TOKEN)
        strcpy(sent->signature, sent->secret);
    else if (scheme->proof == HOOK_PROOF_DIGEST)
        snprintf(sent->signature, sizeof sent->signature, "%s%s", scheme->prefix, hex);
    else if (scheme->proof == HOOK_PROOF_STRIPE)
        snprintf(sent->signature, sizeof sent->signature, "t=%s,v0=00,v1=%s", sent->timestamp, hex);
    else {
        strcpy(sent->signature, "v1a,hnO3f9T8 v1,");
        base64(digest, sizeof digest, sent->signature + strlen(sent->signature));
    }
    sent->headers = (struct hook_headers){ sent->signature, scheme->timestamp[0] != '\0' ? sent->timestamp : NULL,
                                           scheme->delivery[0] != '\0' ? sent->delivery : NULL };
}

static enum hook_verdict judge(const struct hook_scheme *scheme, const struct sent *sent, uint64_t now)
{
    struct hook_secret secrets[] = { { (const uint8_t *)"whsec_YW5vdGhlciBzZWNyZXQ=", 26 },
                                     { (const uint8_t *)sent->secret, strlen(sent->secret) } };
    return hook_verify(scheme, secrets, 2, &sent->headers, sent->body, strlen(sent->body), now);
}

Test(hook_scheme, takes_what_is_signed_with_either_secret)
{
    unsigned count = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++, count++) {
        const struct hook_scheme *scheme = hook_scheme_find(names[i]);
        struct sent sent;
        sign(scheme, NOW, &sent);
        cr_expect_eq(judge(scheme, &sent, NOW), HOOK_GENUINE, "%s", names[i]);
        cr_expect_eq(judge(scheme, &sent, NOW + HOOK_WINDOW_S), HOOK_GENUINE, "%s", names[i]);
    }
    cr_expect_eq(count, 8);
    cr_expect_null(hook_scheme_find("nobody"));
}

/* Each row spoils one thing; what it is told as. A token says nothing of body and time. */
static void spoil_body(struct sent *sent)
{
    sent->body = BODY " ";
}

static void spoil_secret(struct sent *sent)
{
    sent->secret = "another";
}

static void spoil_last_letter(struct sent *sent)
{
    char *last = &sent->signature[strlen(sent->signature) - 5];
    *last = *last == '1' ? '2' : '1';
}

static void lose_signature(struct sent *sent)
{
    sent->headers.signature = NULL;
}

static void empty_signature(struct sent *sent)
{
    sent->headers.signature = "";
}

static void lose_time(struct sent *sent)
{
    sent->headers.timestamp = NULL;
}

static void lose_delivery(struct sent *sent)
{
    sent->headers.delivery = NULL;
}

static void empty_time(struct sent *sent)
{
    sent->headers.timestamp = "";
}

static void name_with_the_end_of_one(struct sent *sent)
{
    sent->headers.delivery = "delivery.1";
}

static void write_nonsense(struct sent *sent)
{
    sent->headers.signature = "sha256=,v1,t=,v1=zz v1,%%";
}

static void other_algorithm(struct sent *sent)
{
    sent->headers.signature = "sha1=2c26b46b68ffc68ff99b453c1d30413413422d70";
}

Test(hook_scheme, refuses_what_is_spoilt_in_one_thing)
{
    enum { ALL = 0, SIGNED = 1, TIMED = 2, NAMED = 4 };
    static const struct {
        const char *what;
        void (*spoil)(struct sent *sent);
        enum hook_verdict verdict;
        unsigned of; /* which schemes have such a thing */
    } cases[] = {
        { "body", spoil_body, HOOK_FORGED, SIGNED },
        { "secret", spoil_secret, HOOK_FORGED, ALL },
        { "letter", spoil_last_letter, HOOK_FORGED, ALL },
        { "no signature", lose_signature, HOOK_UNSIGNED, ALL },
        { "an empty signature", empty_signature, HOOK_UNSIGNED, ALL },
        { "no time", lose_time, HOOK_UNSIGNED, TIMED },
        { "an empty time", empty_time, HOOK_UNSIGNED, TIMED },
        { "no name", lose_delivery, HOOK_UNSIGNED, NAMED },
        { "a name that has two ends", name_with_the_end_of_one, HOOK_MALFORMED, NAMED },
        { "nonsense", write_nonsense, HOOK_MALFORMED, SIGNED },
        { "another algorithm", other_algorithm, HOOK_MALFORMED, SIGNED },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct hook_scheme *scheme = hook_scheme_find(names[i]);
        unsigned has = (scheme->proof != HOOK_PROOF_TOKEN ? SIGNED : 0) | (scheme->timestamp[0] != '\0' ? TIMED : 0) |
                       (strstr(scheme->before, "{id}") != NULL ? NAMED : 0);
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            struct sent sent;
            sign(scheme, NOW, &sent);
            cases[k].spoil(&sent);
            if ((cases[k].of & ~has) == 0)
                cr_expect_eq(judge(scheme, &sent, NOW), cases[k].verdict, "%s: %s", names[i], cases[k].what);
        }
    }
}

Test(hook_scheme, refuses_what_was_signed_at_another_time)
{
    static const char *const timed[] = { "slack", "stripe", "standard-webhooks", "gitlab-signing" };
    for (size_t i = 0; i < sizeof timed / sizeof timed[0]; i++) {
        const struct hook_scheme *scheme = hook_scheme_find(timed[i]);
        struct sent sent;
        sign(scheme, NOW, &sent);
        cr_expect_eq(judge(scheme, &sent, NOW + HOOK_WINDOW_S + 1), HOOK_STALE, "%s", timed[i]);
        cr_expect_eq(judge(scheme, &sent, NOW - HOOK_WINDOW_S - 1), HOOK_STALE, "%s", timed[i]);
        if (scheme->timestamp[0] != '\0') {
            sent.headers.timestamp = "1700000001"; /* as if it were new: it is signed */
            cr_expect_eq(judge(scheme, &sent, NOW), HOOK_FORGED, "%s", timed[i]);
        }
    }
}

Test(hook_scheme, proves_nothing_with_an_empty_secret)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct hook_scheme *scheme = hook_scheme_find(names[i]);
        struct sent sent;
        sign(scheme, NOW, &sent);
        struct hook_secret none = { (const uint8_t *)"", 0 };
        cr_expect_eq(hook_verify(scheme, &none, 1, &sent.headers, sent.body, strlen(sent.body), NOW), HOOK_FORGED, "%s",
                     names[i]);
        cr_expect_eq(hook_verify(scheme, NULL, 0, &sent.headers, sent.body, strlen(sent.body), NOW), HOOK_FORGED, "%s",
                     names[i]);
    }
}

Test(hook_scheme, leaves_no_byte_of_which_nobody_knows_whether_it_is_the_names_or_the_bodys)
{
    static const struct {
        const char *text;
        bool is_good;
    } rows[] = {
        { "{body}", true },         { "{id}.{body}", true }, { "{t}.{id}.{body}", true },   { "{id}{body}", false },
        { "{id}{t}{body}", false }, { "{t}{body}", true },   { "v1:{id}:{t}:{body}", true }
    };
    char before[HOOK_TEXT_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(hook_template_fault(rows[i].text, before) == NULL, rows[i].is_good, "%s", rows[i].text);
    struct hook_scheme scheme = *hook_scheme_find(HOOK_GENERIC);
    struct hook_secret secret = { (const uint8_t *)"a secret of some length", 23 };
    char signature[HOOK_SIGNATURE_BYTES];
    strcpy(scheme.signature, "X");
    strcpy(scheme.delivery, "Y");
    strcpy(scheme.before, "{id}:");
    cr_assert(hook_sign(&scheme, &secret, "", "a", "b:c", 3, signature));
    struct hook_headers good = { signature, NULL, "a" }, moved = { signature, NULL, "a:b" };
    cr_expect_eq(hook_verify(&scheme, &secret, 1, &good, "b:c", 3, NOW), HOOK_GENUINE);
    cr_expect_eq(hook_verify(&scheme, &secret, 1, &moved, "c", 1, NOW), HOOK_MALFORMED);
}
