/* What is read of a receiver's answer: a status and Retry-After, of the final head alone. */
#include <criterion/criterion.h>
#include <string.h>

#include "reply.h"
#include "retry_after.h"
#include "sallyport/limits.h"

#define NOW 1772359200u /* 2026-03-01T10:00:00Z, a Sunday */

Test(retry_after, is_a_number_or_a_date_in_any_form_of_http)
{
    static const struct {
        const char *text;
        uint32_t seconds;
    } cases[] = {
        { "0", 0 },
        { "120", 120 },
        { "007", 7 },
        { "86400", RETRY_AFTER_MAX_S },
        { "86401", RETRY_AFTER_MAX_S },
        { "99999999999999999999999999999999", RETRY_AFTER_MAX_S },
        { "Sun, 01 Mar 2026 10:02:00 GMT", 120 },
        { "Sunday, 01-Mar-26 10:02:00 GMT", 120 },
        { "Sun Mar  1 10:02:00 2026", 120 },
        { "Sun, 01 Mar 2026 09:59:59 GMT", 0 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
        { "Mon, 01 Jan 0001 00:00:00 GMT", 0 },
        { "Mon, 02 Mar 2026 10:00:00 GMT", 86400 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX_S },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t seconds = 4711;
        cr_assert(retry_after_parse(cases[i].text, NOW, &seconds), "%s", cases[i].text);
        cr_expect_eq(seconds, cases[i].seconds, "%s: %u", cases[i].text, seconds);
    }
}

Test(retry_after, is_nothing_else)
{
    static const char *const texts[] = {
        "",
        "-1",
        "+1",
        "1.5",
        "1 2",
        "0x10",
        "1s",
        "soon",
        "Sun, 01 Mar 2026 10:02:00",
        "Sun, 01 Mar 2026 10:02:00 CET",
        "Sun, 01 Mar 2026 10:02:00 GMT+1",
        "Sun, 41 Mar 2026 10:02:00 GMT",
        "2026-03-01T10:02:00Z",
        "1772359200000, 5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint32_t seconds = 4711;
        cr_expect_not(retry_after_parse(texts[i], NOW, &seconds), "%s", texts[i]);
        cr_expect_eq(seconds, 4711, "%s", texts[i]);
    }
}

static bool take(struct reply *reply, const char *line)
{
    return reply_take_line(reply, line, strlen(line), NOW);
}

Test(reply, is_answered_by_a_whole_head_and_not_before)
{
    struct reply reply = { 0 };
    cr_expect(take(&reply, "HTTP/1.1 429 Too Many Requests\r\n"));
    cr_expect(take(&reply, "RETRY-AFTER: \t 120 \r\n"));
    cr_expect_not(reply.is_answered);
    cr_expect(take(&reply, "\r\n"));
    cr_expect(reply.is_answered);
    cr_expect_eq(reply.status, 429);
    cr_expect(reply.has_retry_after);
    cr_expect_eq(reply.retry_after_s, 120);
}

Test(reply, passes_over_interim_answers)
{
    struct reply reply = { 0 };
    cr_expect(take(&reply, "HTTP/1.1 103 Early Hints\r\n"));
    cr_expect(take(&reply, "Retry-After: 5\r\n"));
    cr_expect(take(&reply, "\r\n"));
    cr_expect_not(reply.is_answered);
    cr_expect(take(&reply, "HTTP/1.1 204\r\n"));
    cr_expect(take(&reply, "\r\n"));
    cr_expect(reply.is_answered);
    cr_expect_eq(reply.status, 204);
    cr_expect_not(reply.has_retry_after, "that was another answer's");
}

Test(reply, ignores_fields_behind_the_body)
{
    struct reply reply = { 0 };
    cr_expect(take(&reply, "HTTP/1.1 503 x\r\n"));
    cr_expect(take(&reply, "\r\n"));
    cr_expect(take(&reply, "Retry-After: 5\r\n"));
    cr_expect(take(&reply, "HTTP/1.1 200 OK\r\n"));
    cr_expect_eq(reply.status, 503);
    cr_expect_not(reply.has_retry_after);
}

Test(reply, reads_of_a_line_only_what_is_there)
{
    static const struct {
        const char *line;
        unsigned status;
    } cases[] = {
        { "HTTP/1.1 200", 200 }, { "HTTP/1.1 20", 20 }, { "HTTP/1.1 ", 0 },       { "HTTP/1.1", 0 },
        { "HTTP/", 0 },          { "HTTP/1.1 abc", 0 }, { "HTTP/1.1 2000", 200 }, { "HTTP/1.1 999 x", 999 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply reply = { 0 };
        size_t size = strlen(cases[i].line);
        char *exact = malloc(size); /* so that a byte too far is noticed */
        memcpy(exact, cases[i].line, size);
        reply_take_line(&reply, exact, size, NOW);
        cr_expect_eq(reply.status, cases[i].status, "%s: %u", cases[i].line, reply.status);
        free(exact);
    }
    struct reply reply = { 0 };
    cr_expect(reply_take_line(&reply, "retry-after:", 12, NOW));
    cr_expect_not(reply.has_retry_after);
}

Test(reply, has_a_head_that_ends_somewhere)
{
    struct reply reply = { 0 };
    cr_expect(take(&reply, "HTTP/1.1 200 OK\r\n"));
    unsigned lines = 0;
    while (lines < 100000 && take(&reply, "x: y\r\n"))
        lines++;
    cr_expect_lt(lines, REPLY_HEAD_MAX_BYTES / 6);
    cr_expect(reply.is_too_large);
    cr_expect_not(reply.is_answered);
    cr_expect_not(take(&reply, "\r\n"));
}

Test(reply, counts_all_interim_answers_together)
{
    struct reply reply = { 0 };
    unsigned answers = 0;
    while (answers < 100000 && take(&reply, "HTTP/1.1 100 Continue\r\n") && take(&reply, "\r\n"))
        answers++;
    cr_expect(reply.is_too_large);
    cr_expect_lt(answers, REPLY_HEAD_MAX_BYTES / 23);
}

Test(reply, wants_no_more_of_a_body_than_a_little)
{
    struct reply reply = { 0 };
    cr_expect(reply_take_body(&reply, REPLY_BODY_MAX_BYTES));
    cr_expect_not(reply_take_body(&reply, 1));
}
