/* The stream of artefacts: what is whole in it is told, and what is none of it is not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/artifact_frames.h"

#define TEXT_SPAN(text) ((struct span){ (const uint8_t *)(text), (uint32_t)strlen(text) })

static uint8_t stream[64 * 1024];
static size_t size;

static void put(enum artifact_frame type, const void *body)
{
    size_t packed = artifact_frame_pack(type, body, stream + size);
    cr_assert_gt(packed, 0);
    size += packed;
}

static void put_file(const char *name, const char *bytes)
{
    put(ARTIFACT_FRAME_FILE, &(struct artifact_file){ TEXT_SPAN(name), strlen(bytes) });
    memcpy(stream + size, bytes, strlen(bytes));
    size += strlen(bytes);
}

static void put_rejected(const char *name, enum artifact_why why)
{
    put(ARTIFACT_FRAME_REJECTED, &(struct artifact_rejected){ TEXT_SPAN(name), (uint8_t)why });
}

static void put_end(enum artifact_outcome outcome)
{
    put(ARTIFACT_FRAME_END, &(struct artifact_end){ .outcome = (uint8_t)outcome });
}

/* Everything that is told of the stream, given in pieces, as one text. */
static const char *tell(size_t piece)
{
    static char told[16 * 1024];
    struct artifact_scan scan = { 0 };
    size_t used = 0;
    told[0] = '\0';
    for (size_t from = 0; from < size; from += piece) {
        struct reader in = { stream + from, size - from < piece ? size - from : piece };
        struct artifact_event event;
        enum artifact_news news;
        while ((news = artifact_scan_next(&scan, &in, &event)) != ARTIFACT_NEWS_NONE) {
            char *to = told + used;
            size_t room = sizeof told - used;
            if (news == ARTIFACT_NEWS_FILE)
                used += (size_t)snprintf(to, room, "file %.*s %lu: ", (int)event.file.name.size, event.file.name.data,
                                         (unsigned long)event.file.bytes);
            else if (news == ARTIFACT_NEWS_BYTES)
                used += (size_t)snprintf(to, room, "%.*s", (int)event.bytes.size, event.bytes.data);
            else if (news == ARTIFACT_NEWS_FILE_END)
                used += (size_t)snprintf(to, room, "; ");
            else if (news == ARTIFACT_NEWS_REJECTED)
                used += (size_t)snprintf(to, room, "rejected %.*s %s; ", (int)event.rejected.name.size,
                                         event.rejected.name.data, artifact_why_text(event.rejected.why));
            else if (news == ARTIFACT_NEWS_END)
                used += (size_t)snprintf(to, room, "end %u", event.end.outcome);
            else {
                snprintf(to, room, "broken");
                return told;
            }
        }
        cr_expect_eq(in.left, 0, "what says nothing new was read");
    }
    return told;
}

Test(artifact_frames, say_the_same_however_they_are_cut)
{
    put_file("report/a.xml", "<a/>");
    put_rejected("link", ARTIFACT_WHY_LINK);
    put_file("empty", "");
    put_file("b", "bytes of b");
    put_end(ARTIFACT_COMPLETE);
    static const size_t pieces[] = { 1, 2, 3, 7, 8, 9, 13, 100, sizeof stream };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        cr_expect_str_eq(
            tell(pieces[i]),
            "file report/a.xml 4: <a/>; rejected link symlink; file empty 0: ; file b 10: bytes of b; end 1",
            "in pieces of %zu", pieces[i]);
}

Test(artifact_frames, keep_what_is_whole_of_a_stream_that_was_cut)
{
    put_file("a", "aaaa");
    put_file("b", "bbbb");
    size -= 2;
    cr_expect_str_eq(tell(5), "file a 4: aaaa; file b 4: bb");
}

Test(artifact_frames, tell_where_the_bytes_of_a_file_begin)
{
    put_file("a", "aaaa");
    size_t second = size;
    put_file("b", "bbbb");
    struct artifact_scan scan = { 0 };
    struct reader in = { stream, size };
    struct artifact_event event;
    uint64_t begins[2];
    unsigned count = 0;
    for (enum artifact_news news; (news = artifact_scan_next(&scan, &in, &event)) != ARTIFACT_NEWS_NONE;)
        if (news == ARTIFACT_NEWS_FILE)
            begins[count++] = event.at;
    cr_assert_eq(count, 2);
    cr_expect_eq(memcmp(stream + begins[0], "aaaa", 4), 0);
    cr_expect_eq(memcmp(stream + begins[1], "bbbb", 4), 0);
    cr_expect_gt(begins[1], second);
}

Test(artifact_frames, break_on_what_no_collector_says)
{
    static const struct {
        const char *what;
        uint8_t bytes[16];
        size_t size;
    } cases[] = {
        { "no type", { 0, 0, 0, 0, 0, 0, 0, 0 }, 8 },
        { "an unknown type", { 4, 0, 0, 0, 0, 0, 0, 0 }, 8 },
        { "a type with high bytes", { 3, 0, 0, 1, 5, 0, 0, 0, 1, 0, 0, 0, 0 }, 13 },
        { "a length beyond any frame", { 1, 0, 0, 0, 255, 255, 255, 255 }, 8 },
        { "a frame without its fields", { 1, 0, 0, 0, 0, 0, 0, 0 }, 8 },
        { "an end without an outcome", { 3, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0 }, 13 },
        { "an end with the keeper's outcome", { 3, 0, 0, 0, 5, 0, 0, 0, ARTIFACT_CUT, 0, 0, 0, 0 }, 13 },
        { "an end with a tail", { 3, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0 }, 14 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(stream, cases[i].bytes, size = cases[i].size);
        cr_expect_str_eq(tell(1), "broken", "%s: %s", cases[i].what, tell(1));
        cr_expect_str_eq(tell(64), "broken", "%s", cases[i].what);
    }
}

Test(artifact_frames, break_on_bytes_behind_the_end)
{
    put_end(ARTIFACT_COMPLETE);
    put_file("late", "");
    cr_expect_str_eq(tell(1), "end 1broken");
}

Test(artifact_frames, break_on_names_that_lead_elsewhere)
{
    static const char *const names[] = { "../x", "/etc/passwd", "a/../b", "a\nb", "a\x1b[2J", "\xff",
                                         ".",    "a//b",        "a\\b",   "a/",   "\xc2\x9b" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size = 0;
        put_file(names[i], "x");
        cr_expect_str_eq(tell(64), "broken", "%s", names[i]);
    }
}

Test(artifact_frames, break_on_more_than_there_may_be)
{
    char name[16];
    for (int i = 0; i <= ARTIFACT_COUNT_MAX; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put_file(name, "");
    }
    cr_expect_not_null(strstr(tell(1000), "broken"));
    size = 0;
    for (int i = 0; i <= ARTIFACT_REJECTED_MAX; i++)
        put_rejected("x", ARTIFACT_WHY_LINK);
    cr_expect_not_null(strstr(tell(1000), "broken"));
}

Test(artifact_frames, take_the_longest_name_and_no_longer_one)
{
    char name[ARTIFACT_NAME_MAX_BYTES + 1];
    uint8_t frame[ARTIFACT_FRAME_MAX_BYTES];
    memset(name, 'n', sizeof name);
    name[ARTIFACT_NAME_MAX_BYTES - 1] = '\0';
    cr_expect(artifact_name_is_good(name, strlen(name)));
    put_file(name, "");
    cr_expect_not_null(strstr(tell(1000), " 0: ; "));
    name[ARTIFACT_NAME_MAX_BYTES - 1] = 'n';
    name[ARTIFACT_NAME_MAX_BYTES] = '\0';
    cr_expect_not(artifact_name_is_good(name, strlen(name)));
    cr_expect_eq(artifact_frame_pack(ARTIFACT_FRAME_FILE, &(struct artifact_file){ TEXT_SPAN(name), 0 }, frame), 0);
}

Test(artifact_frames, show_any_name_as_one_line_of_text)
{
    static const struct {
        const char *name, *shown;
    } cases[] = {
        { "plain/\xc3\xbc", "plain/\xc3\xbc" },
        { "a\nb", "a\\x0ab" },
        { "\x1b[31m", "\\x1b[31m" },
        { "\xff\xfe", "\\xff\\xfe" },
        { "a\\n", "a\\x5cn" },
        { "\xc2\x9b", "\\xc2\\x9b" },
        { "\xe2\x82", "\\xe2\\x82" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
    };
    char shown[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        artifact_name_show(cases[i].name, strlen(cases[i].name), shown, sizeof shown);
        cr_expect_str_eq(shown, cases[i].shown);
    }
    artifact_name_show("\xc3\xbc\xc3\xbc", 4, shown, 4);
    cr_expect_str_eq(shown, "\xc3\xbc", "never half a character");
    artifact_name_show("a\n", 2, shown, 5);
    cr_expect_str_eq(shown, "a", "never half an escape");
}
