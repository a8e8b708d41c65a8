/* Patterns of the names of artefacts. */
#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/base/glob.h"

static bool fits(const char *pattern, const char *name)
{
    return glob_matches(pattern, strlen(pattern), name);
}

Test(glob, matches_as_a_shell_does)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } cases[] = {
        { "out.bin", "out.bin", true },
        { "out.bin", "out.bi", false },
        { "out.bin", "out.bin2", false },
        { "*", "", true },
        { "*", "x", true },
        { "*.xml", "a.xml", true },
        { "*.xml", ".xml", false }, /* a dot at the beginning is asked for by name */
        { ".*", ".xml", true },
        { "*.xml", "a.xml.xml", true },
        { "*.xml", "a.xml.txt", false },
        { "a*b*c", "axxbyyc", true },
        { "a*b*c", "axxbyy", false },
        { "a*b*c", "abcbc", true },
        { "?", "x", true },
        { "?", "", false },
        { "?", "xy", false },
        { "?", "\xc3\xbc", true }, /* one character, not one byte */
        { "?.txt", "\xe2\x82\xac.txt", true },
        { "??", "\xc3\xbc", false },
        { "?", "\xff", true }, /* no UTF-8: a byte is a character */
        { "?", ".", false },
        { "[a-c]", "b", true },
        { "[a-c]", "d", false },
        { "[!a-c]", "d", true },
        { "[!a-c]", "b", false },
        { "[!a]", "\xc3\xbc", true },
        { "[]x]", "]", true },
        { "[!]x]", "]", false },
        { "[a-]", "-", true },
        { "[-a]", "-", true },
        { "x[0-9][0-9]", "x07", true },
        { "[*?]", "*", true },
        { "[*?]", "x", false },
        { "*[0-9]*", "part7.o", true },
        { "*a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(fits(cases[i].pattern, cases[i].name), cases[i].fits, "%s and %s", cases[i].pattern,
                     cases[i].name);
}

Test(glob, takes_what_lies_below_one_directory)
{
    static const char *const good[] = { "out.bin", "report/*.xml", "a/b/c/d/e/f/g/h", "*", "[a-z]?.o", ".hidden",
                                        "...",     "a..b",         "\xc3\xbc/*" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect_null(glob_fault(good[i]), "%s: %s", good[i], glob_fault(good[i]));
}

Test(glob, refuses_what_leads_out_or_reads_in_two_ways)
{
    static const char *const bad[] = { "",     "/etc/passwd", "..",   "../x",       "a/../b", "a/..",
                                       ".",    "./a",         "a//b", "a/",         "**",     "**/x",
                                       "a**b", "[",           "[a",   "[]",         "a[!",    "a\\b",
                                       "a\nb", "a\x7f",       "\xff", "[\xc3\xbc]", "[a/b]",  "a/b/c/d/e/f/g/h/i" };
    char longest[GLOB_MAX_BYTES + 1];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not_null(glob_fault(bad[i]), "%s", bad[i]);
    memset(longest, 'a', sizeof longest);
    longest[GLOB_MAX_BYTES - 1] = '\0';
    cr_expect_null(glob_fault(longest));
    longest[GLOB_MAX_BYTES - 1] = 'a';
    longest[GLOB_MAX_BYTES] = '\0';
    cr_expect_not_null(glob_fault(longest));
}

Test(glob, knows_what_needs_no_listing)
{
    cr_expect(glob_is_plain("report", 6));
    cr_expect_not(glob_is_plain("*", 1));
    cr_expect_not(glob_is_plain("a?", 2));
    cr_expect_not(glob_is_plain("[a]", 3));
    cr_expect(glob_is_plain("a*", 1), "what is behind its end is not its own");
}
