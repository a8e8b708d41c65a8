/* Reading along while the keeper writes: a snapshot that changes nothing, a check, a copy. */
#include "rig.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(reader, .init = setup, .fini = teardown);

static struct store *open_reader(const char *file)
{
    struct store *reader = NULL;
    cr_assert_eq(store_open_to_read(file, &reader, &err), 0, "%s", err.text);
    return reader;
}

static struct job_id add_job(void)
{
    struct job_record record = sample("deploy", "ci");
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_add(store, &record, &(struct job_input){ 0 }, &err), 0, "%s", err.text);
    cr_assert_eq(store_commit(store, &err), 0);
    return record.id;
}

Test(reader, sees_one_moment_while_the_keeper_goes_on)
{
    struct job_id before = add_job();
    tell(AUDIT_SUBMIT, &before, "ci");
    struct store *reader = open_reader(path);
    struct job_id after = add_job();
    tell(AUDIT_SUBMIT, &after, "ci");
    struct job_record found;
    uint64_t entries = 0;
    cr_expect_eq(store_job_read(reader, &before, &found, &err), 1);
    cr_expect_eq(store_job_read(reader, &after, &found, &err), 0);
    cr_expect_eq(audit_verify(reader, &entries, &err), 0, "%s", err.text);
    cr_expect_eq(entries, 1);
    store_close(reader);
    reader = open_reader(path);
    cr_expect_eq(store_job_read(reader, &after, &found, &err), 1);
    cr_expect_eq(audit_verify(reader, &entries, &err), 0, "%s", err.text);
    cr_expect_eq(entries, 2);
    store_close(reader);
}

Test(reader, cannot_write)
{
    struct store *reader = open_reader(path);
    cr_expect_lt(store_begin(reader, &err), 0);
    store_close(reader);
}

Test(reader, leaves_what_the_keeper_has_not_moved_yet)
{
    char log[128];
    struct stat was, is;
    struct job_id id = add_job();
    struct job_record found;
    snprintf(log, sizeof log, "%s-wal", path);
    cr_assert_eq(stat(log, &was), 0);
    for (int i = 0; i < 3; i++)
        store_close(open_reader(path));
    cr_assert_eq(stat(log, &is), 0);
    cr_expect(was.st_size == is.st_size && was.st_ino == is.st_ino);
    cr_expect_eq(store_job_read(store, &id, &found, &err), 1);
}

Test(reader, reads_a_database_that_nobody_has_open)
{
    struct job_id id = add_job();
    struct job_record found;
    store_close(store);
    store = NULL;
    struct store *reader = open_reader(path);
    cr_expect_eq(store_job_read(reader, &id, &found, &err), 1);
    cr_expect_eq(store_check(reader, &err), 0, "%s", err.text);
    store_close(reader);
}

Test(reader, refuses_what_is_not_ours_or_not_of_this_version)
{
    struct store *none = NULL;
    meddle("INSERT INTO migrations VALUES (1000, 'from the future', 0)");
    cr_expect_eq(store_open_to_read(path, &none, &err), -EPROTO);
    cr_expect_not_null(strstr(err.text, "has schema 1000"), "%s", err.text);
    meddle("DELETE FROM migrations WHERE version > 1");
    cr_expect_eq(store_open_to_read(path, &none, &err), -EPROTO);
    cr_expect_not_null(strstr(err.text, "start sallyportd of this version once"), "%s", err.text);
    cr_expect_eq(store_open_to_read("/dev/null", &none, &err), -EPROTO);
    cr_expect_eq(store_open_to_read("/nowhere/jobs.db", &none, &err), -ENOENT, "%s", err.text);
    cr_expect_null(none);
}

Test(reader, finds_damage_that_a_disk_did)
{
    for (int i = 0; i < 200; i++)
        add_job();
    store_close(store);
    store = NULL;
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    static const char junk[200];
    /* The last pages, far from the schema: what cannot be opened is another fault. */
    for (off_t at = st.st_size - 8 * 4096 + 2000; at < st.st_size; at += 4096)
        cr_assert_eq(pwrite(fd, junk, sizeof junk, at), sizeof junk);
    close(fd);
    struct store *reader = open_reader(path);
    cr_expect_eq(store_check(reader, &err), -EBADMSG);
    cr_expect_not_null(strstr(err.text, "damaged"), "%s", err.text);
    store_close(reader);
}

Test(reader, copies_the_database_while_the_keeper_writes)
{
    char copy[128];
    struct job_record found;
    snprintf(copy, sizeof copy, "%s/copy.db", directory);
    struct job_id before = add_job();
    tell(AUDIT_SUBMIT, &before, "ci");
    struct store *reader = open_reader(path);
    struct job_id after = add_job();
    for (int i = 0; i < 2; i++) /* the second over the first */
        cr_assert_eq(store_backup(reader, copy, &err), 0, "%s", err.text);
    store_close(reader);
    struct store *copied = NULL;
    cr_assert_eq(store_open(copy, true, &copied, &err), 0, "%s", err.text);
    cr_expect_eq(store_check(copied, &err), 0, "%s", err.text);
    cr_expect_eq(store_job_read(copied, &before, &found, &err), 1);
    cr_expect_eq(store_job_read(copied, &after, &found, &err), 0);
    uint64_t entries;
    cr_expect_eq(audit_verify(copied, &entries, &err), 0, "%s", err.text);
    store_close(copied);
    cr_expect_eq(store_backup(store, "/nowhere/copy.db", &err), -ENOENT, "%s", err.text);
}
