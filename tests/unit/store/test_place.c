/* What the store refuses to open stays exactly as it was. */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/hash.h"

static char copy[96], copy_wal[112];

static void copy_file(const char *from, const char *to)
{
    char command[256];
    snprintf(command, sizeof command, "cp %s %s", from, to);
    cr_assert_eq(system(command), 0);
}

/* A database with some entries in its log, as a killed keeper leaves it, beside the one that is open. */
static void make_copy(void)
{
    char wal[112];
    setup();
    for (int i = 0; i < 5; i++)
        tell(AUDIT_SUBMIT, NULL, "ci");
    snprintf(wal, sizeof wal, "%s-wal", path);
    snprintf(copy, sizeof copy, "%s/copy.db", directory);
    snprintf(copy_wal, sizeof copy_wal, "%s-wal", copy);
    copy_file(path, copy);
    copy_file(wal, copy_wal);
}

TestSuite(place, .init = make_copy, .fini = teardown);

static void hash_of(const char *name, uint8_t ret_hash[HASH_BYTES])
{
    static uint8_t bytes[1 << 20];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", name);
    ssize_t size = read(fd, bytes, sizeof bytes);
    cr_assert(size >= 0 && size < (ssize_t)sizeof bytes);
    close(fd);
    hash_sha256(bytes, (size_t)size, ret_hash);
}

/* Opening the copy fails like this, and changes neither the database nor its log. */
static void refuses(int code, const char *word)
{
    uint8_t before[2][HASH_BYTES], after[2][HASH_BYTES];
    struct store *none = NULL;
    hash_of(copy, before[0]);
    hash_of(copy_wal, before[1]);
    cr_expect_eq(store_open(copy, true, &none, &err), code, "%d: %s", err.code, err.text);
    cr_expect_not_null(strstr(err.text, word), "%s", err.text);
    cr_expect_null(none);
    hash_of(copy, after[0]);
    hash_of(copy_wal, after[1]);
    cr_expect_arr_eq(before, after, sizeof before);
}

static void overwrite(const char *name, off_t at, size_t size)
{
    static uint8_t junk[65536];
    memset(junk, 0xa5, sizeof junk);
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, junk, size, at), (ssize_t)size);
    close(fd);
}

Test(place, is_taken_with_what_its_log_has)
{
    struct store *other = NULL;
    uint64_t entries;
    cr_assert_eq(store_open(copy, true, &other, &err), 0, "%s", err.text);
    cr_expect_eq(audit_verify(other, &entries, &err), 0);
    cr_expect_eq(entries, 5);
    store_close(other);
    cr_expect_eq(access(copy_wal, F_OK), 0, "who only looked leaves it");
    cr_assert_eq(store_open(copy, true, &other, &err), 0);
    store_settle_at_close(other);
    store_close(other);
    cr_expect_lt(access(copy_wal, F_OK), 0, "an orderly end moves the log into the database");
}

Test(place, of_a_newer_program_keeps_its_log)
{
    struct store *other = NULL;
    cr_assert_eq(store_open(copy, true, &other, &err), 0);
    store_close(other);
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(copy, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    cr_assert_eq(sqlite3_exec(db, "INSERT INTO migrations VALUES (99, 'from the future', 0)", NULL, NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(db);
    refuses(-EPROTO, "has schema 99");
}

Test(place, that_is_a_link_is_not_followed)
{
    char elsewhere[112];
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere.db", directory);
    cr_assert_eq(rename(copy, elsewhere), 0);
    cr_assert_eq(symlink(elsewhere, copy), 0);
    refuses(-ELOOP, "symbolic link");
    cr_assert_eq(unlink(copy), 0);
    cr_assert_eq(rename(elsewhere, copy), 0);
    cr_assert_eq(unlink(copy_wal), 0);
    cr_assert_eq(symlink(path, copy_wal), 0);
    refuses(-ELOOP, "copy.db-wal");
}

Test(place, that_is_a_directory_is_named)
{
    struct store *none = NULL;
    cr_expect_eq(store_open(directory, true, &none, &err), -EPROTO);
    cr_expect_not_null(strstr(err.text, "is no file"), "%s", err.text);
}

Test(place, that_its_owner_cannot_write_is_named)
{
    cr_assert_eq(chmod(copy_wal, 0400), 0);
    refuses(-EACCES, "chmod 600");
    cr_assert_eq(chmod(copy_wal, 0600), 0);
    cr_assert_eq(chmod(copy, 0), 0);
    if (geteuid() == 0) /* who can still read it, to compare */
        refuses(-EACCES, "mode 0000");
}

Test(place, of_another_owner_is_named)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(chown(copy, 12345, 12345), 0);
    refuses(-EPERM, "belongs to uid 12345");
    cr_assert_eq(chown(copy, 0, 0), 0);
    cr_assert_eq(chown(copy_wal, 12345, 12345), 0);
    refuses(-EPERM, "copy.db-wal");
}

Test(place, that_is_damaged_is_called_so)
{
    struct stat st;
    /* Without a log all pages come from the database. */
    struct store *other = NULL;
    cr_assert_eq(store_open(copy, true, &other, &err), 0);
    store_settle_at_close(other);
    store_close(other);
    cr_assert_eq(stat(copy, &st), 0);
    cr_assert_eq(close(open(copy_wal, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    char whole[112];
    snprintf(whole, sizeof whole, "%s/whole.db", directory);
    copy_file(copy, whole);

    cr_assert_eq(truncate(copy, st.st_size / 2 / 4096 * 4096), 0);
    refuses(-EBADMSG, "malformed");
    copy_file(whole, copy);
    cr_assert_eq(truncate(copy, 100), 0);
    refuses(-EBADMSG, "");
    copy_file(whole, copy);
    overwrite(copy, 0, 100);
    refuses(-EBADMSG, "not a database");
    copy_file(whole, copy);
    overwrite(copy, 100, 4096 - 100);
    refuses(-EBADMSG, "");
}
