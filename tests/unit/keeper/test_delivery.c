/* One attempt and the next: what answers mean, when the next comes, who is left alone, and the signature. */
#include "rig.h"

#include "attempt.h"
#include "signature.h"
#include "target.h"

static struct msg_delivered answered(uint32_t status)
{
    return (struct msg_delivered){ .outcome = OUTCOME_ANSWERED, .status = status };
}

Test(delivery, is_judged_by_the_answer)
{
    static const struct {
        uint32_t status;
        enum attempt_result result;
    } cases[] = {
        { 200, ATTEMPT_DELIVERED }, { 204, ATTEMPT_DELIVERED }, { 301, ATTEMPT_REFUSED }, { 400, ATTEMPT_REFUSED },
        { 404, ATTEMPT_REFUSED },   { 408, ATTEMPT_AGAIN },     { 410, ATTEMPT_GONE },    { 425, ATTEMPT_AGAIN },
        { 429, ATTEMPT_AGAIN },     { 500, ATTEMPT_AGAIN },     { 503, ATTEMPT_AGAIN },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msg_delivered answer = answered(cases[i].status);
        cr_expect_eq(delivery_judge(&answer), cases[i].result, "status %u", cases[i].status);
    }
    for (unsigned outcome = OUTCOME_DNS; outcome < OUTCOME_COUNT; outcome++) {
        struct msg_delivered answer = { .outcome = (uint8_t)outcome, .status = 200 };
        enum attempt_result wanted = outcome == OUTCOME_BUSY      ? ATTEMPT_NOT_SENT
                                     : outcome == OUTCOME_INVALID ? ATTEMPT_REFUSED
                                                                  : ATTEMPT_AGAIN;
        cr_expect_eq(delivery_judge(&answer), wanted, "outcome %u", outcome);
    }
}

Test(delivery, waits_longer_each_time)
{
    static const uint64_t pauses_s[] = { 5, 30, 120, 600, 3600, 21600, 86400, 86400 };
    struct msg_delivered answer = answered(500);
    for (uint32_t i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
        cr_expect_eq(delivery_pause_ms(i + 1, &answer, 0), pauses_s[i] * 1000);
        for (uint32_t random = 1; random != 0; random *= 3) {
            uint64_t pause_ms = delivery_pause_ms(i + 1, &answer, random);
            cr_expect(pause_ms >= pauses_s[i] * 1000 && pause_ms <= pauses_s[i] * 1200, "%u", random);
            if (random > UINT32_MAX / 3)
                break;
        }
    }
}

Test(delivery, waits_as_long_as_the_receiver_asks)
{
    struct msg_delivered answer = answered(429);
    answer.has_retry_after = true;
    answer.retry_after_s = 60;
    cr_expect_eq(delivery_pause_ms(1, &answer, 0), 60000);
    cr_expect_eq(delivery_pause_ms(4, &answer, 0), 600000, "its own pause is longer");
    answer.retry_after_s = UINT32_MAX;
    cr_expect_eq(delivery_pause_ms(1, &answer, 0), RETRY_AFTER_MAX_S * 1000ull, "but not for ever");
}

Test(delivery, leaves_room_for_other_targets)
{
    struct target target = { .name = "chat" };
    for (unsigned i = 0; i < CALLBACKS_PER_TARGET; i++) {
        cr_expect_gt(target_room(&target, 0), 0);
        target_began(&target);
    }
    cr_expect_eq(target_room(&target, 0), 0);
    target_ended(&target, ATTEMPT_DELIVERED, 0, 1000);
    cr_expect_eq(target_room(&target, 0), 1);
}

static void fail_often(struct target *target, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        target_began(target);
        target_ended(target, ATTEMPT_AGAIN, 100, 1000);
    }
}

Test(delivery, probes_one_at_a_time_who_fails_again_and_again)
{
    struct target target = { .name = "chat" };
    fail_often(&target, CALLBACK_BREAKER_FAILURES - 1);
    cr_expect_eq(target_room(&target, 100), CALLBACKS_PER_TARGET);
    fail_often(&target, 1);
    cr_expect_eq(target_room(&target, 1099), 0);
    cr_expect_eq(target_wait_ms(&target, 1000), 100);
    cr_expect_eq(target_room(&target, 1100), 1);
    target_began(&target);
    cr_expect_eq(target_room(&target, 1100), 0, "one probe");
    target_ended(&target, ATTEMPT_DELIVERED, 1200, 1000);
    cr_expect_eq(target_room(&target, 1200), CALLBACKS_PER_TARGET, "it answers again");
}

Test(delivery, asks_nothing_of_who_is_gone_until_a_reload)
{
    struct target target = { .name = "chat" };
    target_began(&target);
    target_ended(&target, ATTEMPT_GONE, 0, 1000);
    cr_expect_eq(target_room(&target, UINT64_MAX), 0);
    target_renew(&target);
    cr_expect_eq(target_room(&target, 0), CALLBACKS_PER_TARGET);
}

/* The example of the Standard Webhooks specification's own libraries, and the same with a second key. */
Test(delivery, is_signed_as_others_expect)
{
    static const char body[] = "{\"test\": 2432232314}";
    static const char published[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    static const char other[] = "v1,GeTMeTeFP8JrGpDzN9HSPLOBhIa2Pv5QkXhDxqUzDt0=";
    uint8_t key[64];
    size_t size = 0;
    char signature[SIGNATURE_BYTES], both[SIGNATURE_BYTES + 1];
    cr_assert(text_unbase64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", key, sizeof key, &size));
    struct span known = { key, (uint32_t)size }, none = { 0 }, second = text_span("0123456789abcdefghijklmn");
    const struct {
        struct span keys[CALLBACK_SECRETS_MAX];
        const char *signatures[CALLBACK_SECRETS_MAX];
    } rows[] = {
        { { known, none }, { published, NULL } },
        { { second, none }, { other, NULL } },
        { { known, second }, { published, other } },
        { { second, known }, { other, published } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(
            signature_make(rows[i].keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, text_span(body), signature, &err),
            0);
        snprintf(both, sizeof both, "%s%s%s", rows[i].signatures[0], rows[i].signatures[1] != NULL ? " " : "",
                 rows[i].signatures[1] != NULL ? rows[i].signatures[1] : "");
        cr_expect_str_eq(signature, both, "row %zu", i);
    }
}
