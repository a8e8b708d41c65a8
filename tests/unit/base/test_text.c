#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/job_id.h"
#include "sallyport/base/text.h"

Test(text, quoted_for_json_cannot_forge_a_line)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        { "plain", "plain" },
        { "a\"b\\c", "a\\\"b\\\\c" },
        { "line\r\nline\t\x01\x1b[31m\x7f", "line\\r\\nline\\t\\u0001\\u001b[31m\\u007f" },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\xff\xc0\x80", "\\ufffd\\ufffd\\ufffd" },
        { "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char to[128];
        text_quote_json(rows[i].from, strlen(rows[i].from), to, sizeof to);
        cr_expect_str_eq(to, rows[i].to, "row %zu: %s", i, to);
    }
}

Test(text, quoted_into_little_room_is_cut_before_a_whole_escape)
{
    char to[6];
    cr_expect_eq(text_quote_json("abc\n\n", 5, to, sizeof to), 5);
    cr_expect_str_eq(to, "abc\\n");
}

Test(text, is_utf8_only_in_its_shortest_form)
{
    static const struct {
        const char *bytes;
        bool is_utf8;
    } rows[] = {
        { "", true },
        { "ascii", true },
        { "\xc3\xa4", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "\x80", false },
        { "\xc0\xaf", false },
        { "\xe0\x80\xaf", false },
        { "\xed\xbf\xbf", false },
        { "\xc3", false },
        { "\xf4\x90\x80\x80", false },
        { "\xf8\x88\x80\x80\x80", false },
        { "a\xff", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(text_is_utf8(rows[i].bytes, strlen(rows[i].bytes)), rows[i].is_utf8, "row %zu", i);
}

Test(text, names_are_short_and_plain)
{
    cr_expect(text_is_name("deploy-web-2"));
    static const char *const wrong[] = { "", "2web", "-web", "Web", "we_b", "we b", "we/b", "w\xc3\xa4" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(text_is_name(wrong[i]), "%s", wrong[i]);
    char longest[65];
    memset(longest, 'a', 64);
    longest[64] = '\0';
    cr_expect_not(text_is_name(longest));
    longest[63] = '\0';
    cr_expect(text_is_name(longest));
}

Test(text, globs_match_the_whole_text)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        { "*", "", true },
        { "*", "anything", true },
        { "deploy-*", "deploy-web", true },
        { "deploy-*", "deploy", false },
        { "*-web", "deploy-web", true },
        { "a*b*c", "aXbYc", true },
        { "a*b*c", "aXbY", false },
        { "", "", true },
        { "", "x", false },
        { "a", "ab", false },
        { "**a", "bca", true },
        { "a?c", "abc", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(text_glob(rows[i].pattern, rows[i].text), rows[i].matches, "%s on %s", rows[i].pattern,
                     rows[i].text);
}

Test(text, numbers_and_units_have_one_spelling)
{
    uint64_t number = 0;
    cr_expect(text_u64("0", 10, &number) && number == 0);
    cr_expect(text_u64("18446744", UINT64_MAX, &number) && number == 18446744);
    static const char *const wrong[] = { "", "01", "+1", "-1", " 1", "1 ", "0x1", "1e3", "99999999999999999999" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(text_u64(wrong[i], UINT64_MAX, &number), "%s", wrong[i]);
    cr_expect_not(text_u64("11", 10, &number));

    cr_expect(text_duration_ms("30s", &number) && number == 30000);
    cr_expect(text_duration_ms("1500ms", &number) && number == 1500);
    cr_expect(text_duration_ms("7d", &number) && number == 7ull * 86400000);
    cr_expect_not(text_duration_ms("30", &number));
    cr_expect_not(text_duration_ms("30 s", &number));
    cr_expect_not(text_duration_ms("9999999999999999999d", &number));

    cr_expect(text_size_bytes("64MiB", &number) && number == 64u << 20);
    cr_expect(text_size_bytes("2TiB", &number) && number == 2ull << 40);
    cr_expect_not(text_size_bytes("64MB", &number));
    cr_expect_not(text_size_bytes("64", &number));
}

Test(text, distance_finds_the_near_miss)
{
    cr_expect_eq(text_distance("timeout", "timeout"), 0);
    cr_expect_eq(text_distance("tiemout", "timeout"), 2);
    cr_expect_eq(text_distance("", "abc"), 3);
}

Test(job_id, is_written_in_one_way_and_read_back)
{
    struct job_id last = { { 0 } };
    for (int i = 0; i < 1000; i++) {
        struct job_id id = job_id_new(), back;
        char text[JOB_ID_TEXT_BYTES];
        job_id_text(&id, text);
        cr_assert_eq(strlen(text), 26);
        cr_assert(job_id_parse(text, &back));
        cr_assert(job_id_equal(&id, &back));
        cr_assert_eq(id.bytes[6] >> 4, 7, "the version of RFC 9562");
        cr_assert_eq(id.bytes[8] >> 6, 2, "its variant");
        cr_assert_gt(memcmp(id.bytes, last.bytes, sizeof id.bytes), 0, "names grow");
        last = id;
    }
}

Test(job_id, has_no_other_spelling)
{
    static const char *const wrong[] = {
        "",
        "01jd8k3v9x5q2m7r4t6w8y0b1",
        "01jd8k3v9x5q2m7r4t6w8y0b1cc",
        "01JD8K3V9X5Q2M7R4T6W8Y0B1C",
        "81jd8k3v9x5q2m7r4t6w8y0b1c",
        "01jd8k3v9x5q2m7r4t6w8y0b1l",
        "../../../../../../etc/pass",
    };
    struct job_id id;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(job_id_parse(wrong[i], &id), "%s", wrong[i]);
    cr_expect(job_id_parse("01jd8k3v9x5q2m7r4t6w8y0b1c", &id));
}

Test(clock, writes_rfc_3339)
{
    char text[CLOCK_TEXT_BYTES];
    cr_expect_str_eq(clock_text(1772359200120u, text), "2026-03-01T10:00:00.120Z");
    cr_expect_str_eq(clock_text(0, text), "1970-01-01T00:00:00.000Z");
}

Test(hash, is_sha256_in_pieces_as_in_one)
{
    uint8_t digest[HASH_BYTES], pieces[HASH_BYTES];
    char text[HASH_TEXT_BYTES];
    hash_sha256("abc", 3, digest);
    text_hex(digest, sizeof digest, text);
    cr_expect_str_eq(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct hash *hash = hash_new();
    hash_update(hash, "a", 1);
    hash_result(hash, pieces);
    cr_expect_not(hash_equal(digest, pieces));
    hash_update(hash, "bc", 2);
    hash_result(hash, pieces);
    cr_expect(hash_equal(digest, pieces));
    hash_free(hash);
    uint8_t back[HASH_BYTES];
    cr_expect(text_unhex(text, HASH_BYTES, back) && hash_equal(back, digest));
    cr_expect_not(text_unhex("zz", 1, back));
}

Test(memory_file, is_sealed_and_judged_by_its_seals)
{
    struct error err;
    uint64_t size = 0;
    auto_fd int sealed = -1, executable = -1;
    cr_assert_eq(memfd_sealed("test", "hello", 5, false, &sealed, &err), 0, "%s", err.text);
    cr_expect_eq(memfd_check_sealed(sealed, 5, &size, &err), 0);
    cr_expect_eq(size, 5);
    cr_expect_lt(memfd_check_sealed(sealed, 4, &size, &err), 0, "above the limit");
    cr_expect_lt(write(sealed, "x", 1), 0, "nobody can write any more");
    cr_expect_lt(ftruncate(sealed, 0), 0);

    cr_assert_eq(memfd_sealed("test", "hello", 5, true, &executable, &err), 0);
    cr_expect_lt(memfd_check_sealed(executable, 5, &size, &err), 0, "an executable one is not taken");
    int pipe_fds[2];
    cr_assert_eq(pipe(pipe_fds), 0);
    cr_expect_lt(memfd_check_sealed(pipe_fds[0], 5, &size, &err), 0, "a pipe is no memory file");
}

Test(text, in_base64_is_read_strictly)
{
    static const struct {
        const char *text, *bytes;
        size_t size;
    } good[] = {
        { "", "", 0 },
        { "AA==", "\0", 1 },
        { "Zg==", "f", 1 },
        { "Zm8=", "fo", 2 },
        { "Zm9v", "foo", 3 },
        { "Zm9vYg==", "foob", 4 },
        { "//79", "\xff\xfe\xfd", 3 },
        { "+/+/", "\xfb\xff\xbf", 3 },
    };
    static const char *const bad[] = { "Z",     "Zg",     "Zg=",      "Zg===",  "=",     "====", "Zh==", "Zm9=",
                                       "Zm9v=", "Zm9v==", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm-v", "Zm_v", "Z=g=" };
    uint8_t to[8];
    size_t size = 99;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(text_unbase64(good[i].text, to, sizeof to, &size), "%s", good[i].text);
        cr_expect_eq(size, good[i].size, "%s", good[i].text);
        cr_expect_eq(memcmp(to, good[i].bytes, size), 0, "%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(text_unbase64(bad[i], to, sizeof to, &size), "%s", bad[i]);
    cr_expect(text_unbase64("Zm9v", to, 3, &size));
    cr_expect_not(text_unbase64("Zm9v", to, 2, &size), "no more than there is room for");
}
