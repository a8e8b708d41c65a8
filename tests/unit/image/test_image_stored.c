#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/image/stored.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char store[] = "/tmp/stored-XXXXXX";
static char image[160], settings[192];

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(store));
    snprintf(image, sizeof image, "%s/sha256-" DIGITS, store);
    snprintf(settings, sizeof settings, "%s/settings", image);
    cr_assert_eq(mkdir(image, 0700), 0);
    FILE *file = fopen(settings, "we");
    fputs("sallyport-image 1\nexec /bin/tool\n", file);
    fclose(file);
}

static void tear_down(void)
{
    unlink(settings);
    rmdir(image);
    rmdir(store);
}

TestSuite(image_stored, .init = set_up, .fini = tear_down);

Test(image_stored, is_held_against_removal_and_says_what_it_is)
{
    struct image_settings said;
    struct error err = { 0 };
    int fd = -1;
    cr_assert_eq(image_stored_hold(store, DIGITS, &fd, &err), 0, "%s", err.text);
    int other = open(image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_expect_eq(flock(other, LOCK_EX | LOCK_NB), -1);
    cr_assert_eq(image_stored_settings(fd, &said, &err), 0, "%s", err.text);
    cr_expect_str_eq(said.exec[0], "/bin/tool");
    image_settings_free(&said);
    close(fd);
    cr_expect_eq(flock(other, LOCK_EX | LOCK_NB), 0);
    fd = -1;
    cr_expect_eq(image_stored_hold(store, DIGITS, &fd, &err), -EBUSY);
    close(other);
}

Test(image_stored, that_is_not_there_or_not_ours_alone_is_refused)
{
    struct error err = { 0 };
    int fd = -1;
    cr_expect_eq(image_stored_hold(store, "00" DIGITS, &fd, &err), -ENOENT);
    cr_expect_eq(image_stored_hold("/tmp/none/such", DIGITS, &fd, &err), -ENOENT);
    chmod(image, 0770);
    cr_expect_eq(image_stored_hold(store, DIGITS, &fd, &err), -EPERM);
    chmod(image, 0700);
    chmod(store, 0707);
    cr_expect_eq(image_stored_hold(store, DIGITS, &fd, &err), -EPERM);
    cr_expect_eq(fd, -1);
}

Test(image_stored, whose_settings_mean_nothing_is_refused)
{
    struct image_settings said;
    struct error err = { 0 };
    int fd = -1;
    FILE *file = fopen(settings, "we");
    fputs("something else\n", file);
    fclose(file);
    cr_assert_eq(image_stored_hold(store, DIGITS, &fd, &err), 0, "%s", err.text);
    cr_expect_eq(image_stored_settings(fd, &said, &err), -EBADMSG);
    close(fd);
}
