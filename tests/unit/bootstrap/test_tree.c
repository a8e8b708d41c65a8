#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "tree.h"

static char directory[64], shared[128], canary[128];
static int root_fd = -1;

/* A root with a tree of the host in it, whose names a job could change: /shared/way leads out, /shared/real does not. */
static void make_root(void)
{
    struct error err = { 0 };
    char path[256];
    int tree_fd = -1;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
        cr_skip_test("needs root: it mounts");
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    snprintf(directory, sizeof directory, "/var/tmp/sallyport-test.XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(shared, sizeof shared, "%s/shared", directory);
    snprintf(canary, sizeof canary, "%s/canary", directory);
    cr_assert_eq(mkdir(shared, 0755) | mkdir(canary, 0755), 0);
    snprintf(path, sizeof path, "%s/real", shared);
    cr_assert_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/way", shared);
    cr_assert_eq(symlink(canary, path), 0);

    cr_assert_eq(tree_new_tmpfs("0755", &root_fd, &err), 0, "%s", err.text);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(tree_attach(AT_FDCWD, "/tmp", root_fd, &err), 0, "%s", err.text);
    cr_assert_eq(tree_copy(shared, TREE_WRITABLE, false, &tree_fd, &err), 0, "%s", err.text);
    cr_assert_eq(tree_attach(root_fd, "/shared", tree_fd, &err), 0, "%s", err.text);
    close(tree_fd);
}

static void remove_root(void)
{
    char command[160];
    close(root_fd);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    cr_assert_eq(umount2("/tmp", MNT_DETACH) | system(command), 0); /* NOLINT(cert-env33-c) */
}

TestSuite(tree, .init = make_root, .fini = remove_root);

static int attach_at(const char *path, enum tree_kind kind, const char *source, struct error *err)
{
    int tree_fd = -1;
    cr_assert_eq(tree_copy(source, kind, true, &tree_fd, err), 0, "%s", err->text);
    int done = tree_attach(root_fd, path, tree_fd, err);
    close(tree_fd);
    return done;
}

static void expect_nothing_made(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", canary, name);
    cr_expect_neq(access(path, F_OK), 0, "'%s' was made", path);
    snprintf(path, sizeof path, "%s/real/%s", shared, name);
    cr_expect_neq(access(path, F_OK), 0, "'%s' was made", path);
}

Test(tree, makes_the_places_that_it_needs_in_its_own_root)
{
    struct error err = { 0 };
    struct stat st;
    cr_expect_eq(attach_at("/srv/deep/place", TREE_DATA, "/etc", &err), 0, "%s", err.text);
    cr_expect_eq(fstatat(root_fd, "srv/deep/place/passwd", &st, 0), 0);
    cr_expect_eq(attach_at("/srv/file", TREE_DATA, "/etc/passwd", &err), 0, "%s", err.text);
    cr_expect_eq(fstatat(root_fd, "srv/file", &st, 0), 0);
    cr_expect_gt(st.st_size, 0);
}

Test(tree, takes_a_place_that_an_attached_tree_has)
{
    struct error err = { 0 };
    struct stat st;
    cr_expect_eq(attach_at("/shared/real", TREE_DATA, "/etc", &err), 0, "%s", err.text);
    cr_expect_eq(fstatat(root_fd, "shared/real/passwd", &st, 0), 0);
}

Test(tree, makes_nothing_behind_a_link_that_somebody_put_there)
{
    struct error err = { 0 };
    cr_expect_eq(attach_at("/shared/way/made", TREE_DATA, "/etc", &err), -ELOOP, "%s", err.text);
    cr_expect_eq(attach_at("/shared/way/made", TREE_DATA, "/etc/passwd", &err), -ELOOP, "%s", err.text);
    expect_nothing_made("made");
}

Test(tree, makes_nothing_in_a_tree_of_the_host)
{
    struct error err = { 0 };
    cr_expect_eq(attach_at("/shared/real/made", TREE_DATA, "/etc", &err), -EXDEV, "%s", err.text);
    cr_expect_eq(attach_at("/shared/real/made", TREE_DATA, "/etc/passwd", &err), -EXDEV, "%s", err.text);
    expect_nothing_made("made");
}

Test(tree, is_not_attached_to_a_link)
{
    struct error err = { 0 };
    cr_expect_lt(attach_at("/shared/way", TREE_DATA, "/etc", &err), 0);
}
