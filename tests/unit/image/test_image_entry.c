#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sallyport/base/error.h"
#include "sallyport/image/entry.h"

static int judge(struct entry_claim claim, struct entry_judged *judged, struct error *err)
{
    *err = (struct error){ 0 };
    return entry_judge(&claim, judged, err);
}

Test(image_entry, has_its_shortest_name)
{
    static const char *const names[][2] = {
        { "a", "a" },     { "./a", "a" },         { "a//b/", "a/b" },           { "./a/./b", "a/b" },
        { "...", "..." }, { "a.wh.b", "a.wh.b" }, { "devices/x", "devices/x" }, { "\xc3\xa4", "\xc3\xa4" },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct entry_judged judged;
        struct error err;
        cr_expect_eq(judge((struct entry_claim){ .path = names[i][0], .type = S_IFREG }, &judged, &err), 0, "%s",
                     err.text);
        cr_expect_eq(judged.deed, ENTRY_MAKE);
        cr_expect_str_eq(judged.path, names[i][1]);
    }
}

Test(image_entry, with_a_name_that_leads_elsewhere_is_refused)
{
    static const char *const names[] = { NULL,      "",          "/etc",    "//",        "..",       "a/..",
                                         "../a",    "a/../../b", "a\nb",    "a\x7f",     "a\xff",    ".wh.",
                                         "a/.wh..", "a/.wh...",  ".wh.a/b", ".wh..wh.x", "a/.wh.b/c" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct entry_judged judged;
        struct error err;
        cr_expect_eq(judge((struct entry_claim){ .path = names[i], .type = S_IFREG }, &judged, &err), -EPERM, "%zu: %s",
                     i, names[i] != NULL ? names[i] : "(none)");
        cr_expect_neq(err.text[0], '\0');
    }
}

Test(image_entry, of_the_root_is_a_directory_and_is_left_alone)
{
    static const char *const names[] = { ".", "./", "/", "././" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct entry_judged judged;
        struct error err;
        cr_expect_eq(judge((struct entry_claim){ .path = names[i], .type = S_IFDIR }, &judged, &err), 0, "%s",
                     err.text);
        cr_expect_eq(judged.deed, ENTRY_NOTHING);
        cr_expect_eq(judge((struct entry_claim){ .path = names[i], .type = S_IFREG }, &judged, &err), -EPERM);
    }
}

Test(image_entry, that_marks_a_removal_names_what_goes)
{
    static const struct {
        const char *name;
        enum entry_deed deed;
        const char *path;
    } cases[] = {
        { ".wh.a", ENTRY_REMOVE, "a" },
        { "d/.wh.a", ENTRY_REMOVE, "d/a" },
        { ".wh..wh..opq", ENTRY_REMOVE_BELOW, "" },
        { "d/e/.wh..wh..opq", ENTRY_REMOVE_BELOW, "d/e" },
        { "d/.wh..a", ENTRY_REMOVE, "d/.a" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct entry_judged judged;
        struct error err;
        cr_expect_eq(judge((struct entry_claim){ .path = cases[i].name, .type = S_IFREG }, &judged, &err), 0, "%s",
                     err.text);
        cr_expect_eq(judged.deed, cases[i].deed, "%s", cases[i].name);
        cr_expect_str_eq(judged.path, cases[i].path);
    }
}

Test(image_entry, that_is_no_file_directory_or_link_is_refused_but_where_no_job_sees_it)
{
    static const mode_t types[] = { S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, 0 };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct entry_judged judged;
        struct error err;
        cr_expect_eq(judge((struct entry_claim){ .path = "a", .type = types[i] }, &judged, &err), -EPERM);
        cr_expect_eq(judge((struct entry_claim){ .path = "dev/null", .type = types[i] }, &judged, &err), 0);
        cr_expect_eq(judged.deed, ENTRY_NOTHING);
    }
}

Test(image_entry, that_is_a_link_has_a_target_that_a_link_may_have)
{
    struct entry_judged judged;
    struct error err;
    static char long_target[PATH_MAX_BYTES + 1];
    memset(long_target, 'a', PATH_MAX_BYTES);
    static const char *const bad[] = { NULL, "", "a\nb", "\xff", long_target };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(judge((struct entry_claim){ .path = "a", .type = S_IFLNK, .symlink = bad[i] }, &judged, &err),
                     -EPERM);
    /* Where a symbolic link leads is nobody's matter: it is never followed while files are made. */
    cr_expect_eq(judge((struct entry_claim){ .path = "a", .type = S_IFLNK, .symlink = "/etc/../x" }, &judged, &err), 0);
    static const char *const hard[] = { "/etc/passwd", "../x", "", "./" };
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++)
        cr_expect_eq(judge((struct entry_claim){ .path = "a", .type = S_IFREG, .hardlink = hard[i] }, &judged, &err),
                     -EPERM);
    cr_expect_eq(judge((struct entry_claim){ .path = "a", .type = S_IFREG, .hardlink = "./b" }, &judged, &err), 0);
    cr_expect_str_eq(judged.hardlink, "b");
}

Test(image_entry, that_is_too_large_too_long_or_too_deep_is_refused)
{
    struct entry_judged judged;
    struct error err;
    char name[4096];
    cr_expect_eq(judge((struct entry_claim){ .path = "a", .type = S_IFREG, .size = -1 }, &judged, &err), -EFBIG);
    cr_expect_eq(judge((struct entry_claim){ .path = "a", .type = S_IFREG, .size = INT64_MAX }, &judged, &err), -EFBIG);
    for (size_t length = IMAGE_NAME_MAX_BYTES; length <= IMAGE_NAME_MAX_BYTES + 1; length++) {
        memset(name, 'n', length);
        name[length] = '\0';
        cr_expect_eq(judge((struct entry_claim){ .path = name, .type = S_IFREG }, &judged, &err),
                     length == IMAGE_NAME_MAX_BYTES ? 0 : -EPERM);
    }
    name[0] = '\0';
    for (unsigned i = 0; i < IMAGE_DEPTH_MAX; i++)
        strcat(name, "d/");
    cr_expect_eq(judge((struct entry_claim){ .path = name, .type = S_IFDIR }, &judged, &err), 0);
    strcat(name, "d");
    cr_expect_eq(judge((struct entry_claim){ .path = name, .type = S_IFDIR }, &judged, &err), -ENAMETOOLONG);
    name[0] = '\0';
    for (unsigned i = 0; i < 10; i++) {
        memset(name + strlen(name), 'p', 150);
        name[i * 151 + 150] = '/';
        name[i * 151 + 151] = '\0';
    }
    cr_expect_eq(judge((struct entry_claim){ .path = name, .type = S_IFDIR }, &judged, &err), -EPERM);
}

Test(image_entry, has_no_set_id_bits_and_is_written_by_its_owner_alone)
{
    cr_expect_eq(entry_mode(S_IFREG, 07777), 0755);
    cr_expect_eq(entry_mode(S_IFREG, 0), 0400);
    cr_expect_eq(entry_mode(S_IFDIR, 01777), 0755);
    cr_expect_eq(entry_mode(S_IFDIR, 0), 0700);
}
