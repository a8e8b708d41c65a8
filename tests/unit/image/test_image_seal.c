#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/image/place.h"
#include "sallyport/image/seal.h"

static char directory[] = "/tmp/seal-XXXXXX";
static int root = -1;

static void put(const char *path, const char *content, mode_t mode)
{
    struct error err;
    int fd = -1;
    cr_assert_eq(place_make_file(root, path, mode, &fd, &err), 0, "%s", err.text);
    cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(directory));
    chmod(directory, 0755);
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put("d/a", "content", 0644);
    put("b", "", 0755);
    cr_assert_eq(symlinkat("d/a", root, "link"), 0);
}

static void tear_down(void)
{
    place_empty(root, "", NULL);
    close(root);
    rmdir(directory);
}

TestSuite(image_seal, .init = set_up, .fini = tear_down);

static void seal(uint8_t digest[HASH_BYTES])
{
    struct error err = { 0 };
    cr_assert_eq(seal_tree(root, SEAL_KEEPS_OWNER, digest, &err), 0, "%s", err.text);
}

static void set_content(void)
{
    put("d/a", "CONTENT", 0644);
}

static void add_file(void)
{
    put("d/c", "", 0644);
}

static void add_directory(void)
{
    mkdirat(root, "e", 0755);
}

static void remove_file(void)
{
    unlinkat(root, "b", 0);
}

static void rename_file(void)
{
    renameat(root, "b", root, "c");
}

static void change_mode(void)
{
    fchmodat(root, "b", 0700, 0);
}

static void change_link(void)
{
    unlinkat(root, "link", 0);
    symlinkat("d/b", root, "link");
}

static void move_down(void)
{
    renameat(root, "b", root, "d/b");
}

Test(image_seal, is_the_same_for_the_same_tree_and_another_for_any_change)
{
    static void (*const changes[])(void) = { set_content, add_file,    add_directory, remove_file,
                                             rename_file, change_mode, change_link,   move_down };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t before[HASH_BYTES], again[HASH_BYTES], after[HASH_BYTES];
        seal(before);
        seal(again);
        cr_expect_eq(memcmp(before, again, HASH_BYTES), 0);
        changes[i]();
        seal(after);
        cr_expect_neq(memcmp(before, after, HASH_BYTES), 0, "change %zu", i);
        place_empty(root, "", NULL);
        put("d/a", "content", 0644);
        put("b", "", 0755);
        cr_assert_eq(symlinkat("d/a", root, "link"), 0);
    }
}

Test(image_seal, is_refused_for_what_no_image_may_have)
{
    uint8_t digest[HASH_BYTES];
    struct error err = { 0 };
    static const mode_t modes[] = { 04755, 02755, 01755, 0775, 0757 };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        cr_assert_eq(fchmodat(root, "b", modes[i], 0), 0);
        cr_expect_eq(seal_tree(root, SEAL_KEEPS_OWNER, digest, &err), -EPERM, "%04o", (unsigned)modes[i]);
    }
    cr_assert_eq(fchmodat(root, "b", 0755, 0), 0);
    cr_assert_eq(mkfifoat(root, "pipe", 0644), 0);
    cr_expect_eq(seal_tree(root, SEAL_KEEPS_OWNER, digest, &err), -EPERM);
}

Test(image_seal, takes_the_files_over_from_who_made_them_and_refuses_those_of_anybody_else)
{
    uint8_t digest[HASH_BYTES];
    struct error err = { 0 };
    struct stat st;
    if (geteuid() != 0)
        cr_skip_test("needs root");
    static const char *const paths[] = { ".", "d", "d/a", "b", "link" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        cr_assert_eq(fchownat(root, paths[i], 61234, 61234, AT_SYMLINK_NOFOLLOW), 0);
    cr_expect_eq(seal_tree(root, SEAL_KEEPS_OWNER, digest, &err), -EPERM);
    cr_expect_eq(seal_tree(root, 61235, digest, &err), -EPERM);
    cr_assert_eq(seal_tree(root, 61234, digest, &err), 0, "%s", err.text);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        cr_assert_eq(fstatat(root, paths[i], &st, AT_SYMLINK_NOFOLLOW), 0);
        cr_expect_eq(st.st_uid, 0, "%s", paths[i]);
    }
    cr_assert_eq(linkat(root, "b", root, "b2", 0), 0);
    cr_assert_eq(fchownat(root, "d/a", 61235, 61234, 0), 0);
    cr_expect_eq(seal_tree(root, 61234, digest, &err), -EPERM);
}
