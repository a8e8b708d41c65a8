/* The file of the start record itself: torn ends and full disks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "start_record.h"

static char path[64];
static struct start_file file;
static struct error err;

static void take(void)
{
    cr_assert_eq(start_file_take(&file, open(path, O_WRONLY | O_APPEND | O_CLOEXEC), &err), 0, "%s", err.text);
}

static void setup(void)
{
    strcpy(path, "/tmp/sallyport-starts-XXXXXX");
    close(mkstemp(path));
    take();
}

static void teardown(void)
{
    close(file.fd);
    unlink(path);
}

TestSuite(start_file, .init = setup, .fini = teardown);

static int add(uint32_t command)
{
    static const uint8_t head[START_RECORD_HEAD_BYTES] = { 7 };
    const struct start_record record = { .command = command, .audit_head = { head, sizeof head } };
    return start_file_add(&file, &record, &err);
}

/* The commands of all whole records, as one number: 1, 2, 3 is 123. */
static unsigned commands(void)
{
    unsigned found = 0;
    uint8_t bytes[START_RECORD_BYTES];
    struct start_record record;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
        struct reader in = { bytes, sizeof bytes };
        cr_assert_eq(record_decode(&start_record_def, &in, &record, &err), 0, "%s", err.text);
        cr_assert_eq(record.audit_head.size, START_RECORD_HEAD_BYTES);
        found = 10 * found + record.command;
    }
    close(fd);
    return found;
}

Test(start_file, grows_by_one_record_of_a_fixed_size_for_each_order)
{
    struct stat st;
    cr_assert_eq(add(1), 0);
    cr_assert_eq(add(2), 0);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_size, 2 * START_RECORD_BYTES);
    close(file.fd);
    take();
    cr_assert_eq(add(3), 0);
    cr_expect_eq(commands(), 123);
}

Test(start_file, loses_the_unfinished_record_of_a_launcher_that_died)
{
    cr_assert_eq(add(1), 0);
    cr_assert_eq(write(file.fd, "half", 4), 4);
    close(file.fd);
    take();
    cr_assert_eq(add(2), 0);
    cr_expect_eq(commands(), 12);
}

Test(start_file, goes_on_after_a_full_disk_without_shifting_a_record)
{
    const rlim_t rooms[] = { START_RECORD_BYTES, START_RECORD_BYTES + 10 }; /* nothing of the second fits, or a part */
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
        cr_assert_eq(truncate(path, 0), 0);
        cr_assert_eq(add(1), 0);
        struct rlimit tight = { rooms[i], limit.rlim_max };
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
        cr_expect_eq(add(2), -EFBIG);
        cr_expect_eq(add(3), -EFBIG);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        cr_assert_eq(add(4), 0, "%s", err.text);
        cr_expect_eq(commands(), i == 0 ? 14u : 124u);
    }
}

Test(start_file, is_taken_only_when_it_can_do_nothing_but_append)
{
    const int modes[] = { O_WRONLY, O_RDWR | O_APPEND, O_RDONLY };
    struct start_file other = { .fd = -1 };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        cr_expect_eq(start_file_take(&other, open(path, modes[i] | O_CLOEXEC), &err), -EINVAL);
    cr_expect_eq(other.fd, -1);
}
