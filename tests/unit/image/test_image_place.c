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

static char outside[] = "/tmp/place-XXXXXX";
static int root = -1;

/* A root, and beside it a directory with a file that a link in the root leads to. */
static void set_up(void)
{
    char path[128];
    cr_assert_not_null(mkdtemp(outside));
    snprintf(path, sizeof path, "%s/root", outside);
    cr_assert_eq(mkdir(path, 0755), 0);
    root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(root, "../file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_eq(write(fd, "kept", 4), 4);
    close(fd);
    cr_assert_eq(symlinkat("..", root, "up"), 0);
}

static void tear_down(void)
{
    struct stat st;
    cr_expect_eq(fstatat(root, "../file", &st, 0), 0, "what is outside was touched");
    cr_expect_eq(st.st_size, 4);
    cr_expect_eq(place_empty(root, "", NULL), 0);
    close(root);
    char path[128];
    snprintf(path, sizeof path, "%s/file", outside);
    unlink(path);
    snprintf(path, sizeof path, "%s/root", outside);
    rmdir(path);
    cr_expect_eq(rmdir(outside), 0, "something was made outside");
}

static void make(const char *path)
{
    struct error err;
    int fd = -1;
    cr_assert_eq(place_make_file(root, path, 0644, &fd, &err), 0, "%s", err.text);
    close(fd);
}

static bool is_there(const char *path)
{
    return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

TestSuite(image_place, .init = set_up, .fini = tear_down);

Test(image_place, is_made_with_the_directories_above_it)
{
    struct stat st;
    make("a/b/c");
    cr_expect_eq(fstatat(root, "a/b", &st, 0), 0);
    cr_expect_eq(st.st_mode & 07777, 0755);
}

Test(image_place, is_never_reached_through_a_link)
{
    struct error err;
    int fd = -1;
    cr_expect_eq(place_make_file(root, "up/new", 0644, &fd, &err), -ELOOP, "%s", err.text);
    cr_expect_eq(place_make_directory(root, "up/new", 0755, &err), -ELOOP);
    cr_expect_eq(place_make_directory(root, "up/new/below", 0755, &err), -ELOOP);
    cr_expect_eq(place_make_symlink(root, "up/new", "x", &err), -ELOOP);
    cr_expect_eq(place_make_hardlink(root, "new", "up/file", &err), -ELOOP);
    make("mine");
    cr_expect_eq(place_make_hardlink(root, "up/new", "mine", &err), -ELOOP);
    cr_expect_lt(place_remove(root, "up/file", &err), 0);
    cr_expect_lt(place_empty(root, "up", &err), 0);
}

Test(image_place, is_never_outside_even_by_a_name_that_steps_up)
{
    struct error err;
    int fd = -1;
    cr_expect_lt(place_make_file(root, "../evil/x", 0644, &fd, &err), 0);
    cr_expect_lt(place_remove(root, "../../x", &err), 0);
}

Test(image_place, of_a_link_is_given_to_what_comes_instead)
{
    struct error err;
    struct stat st;
    make("up");
    cr_expect_eq(fstatat(root, "up", &st, AT_SYMLINK_NOFOLLOW), 0);
    cr_expect(S_ISREG(st.st_mode));
    cr_expect_eq(place_make_directory(root, "up", 0755, &err), 0);
    cr_expect_eq(fstatat(root, "up", &st, AT_SYMLINK_NOFOLLOW), 0);
    cr_expect(S_ISDIR(st.st_mode));
    make("up/below");
    cr_expect_eq(place_make_directory(root, "up", 0700, &err), 0);
    cr_expect(is_there("up/below"), "a directory that is there keeps what is in it");
}

Test(image_place, of_a_directory_is_emptied_with_all_below_and_links_are_removed_not_followed)
{
    struct error err;
    make("a/b/c");
    cr_assert_eq(symlinkat("../..", root, "a/b/up"), 0);
    cr_expect_eq(place_remove(root, "a", &err), 0, "%s", err.text);
    cr_expect(!is_there("a"));
    cr_expect_eq(place_remove(root, "a", &err), 0, "what is not there is no fault");
    cr_expect_eq(place_remove(root, "never/was", &err), 0);
    cr_expect_eq(place_empty(root, "never", &err), 0);
}

Test(image_place, of_a_hard_link_leads_to_a_file_of_the_root)
{
    struct error err;
    struct stat st;
    make("a");
    cr_expect_eq(place_make_hardlink(root, "d/b", "a", &err), 0, "%s", err.text);
    cr_expect_eq(fstatat(root, "a", &st, 0), 0);
    cr_expect_eq(st.st_nlink, 2);
    cr_expect_eq(place_make_hardlink(root, "c", "none", &err), -ENOENT);
    cr_expect_eq(place_make_hardlink(root, "c", "d", &err), -EPERM);
    cr_expect_eq(place_make_hardlink(root, "c", "up", &err), -EPERM);
    cr_expect_eq(place_make_hardlink(root, "a", "a", &err), -EPERM);
    cr_expect(is_there("a"));
}
