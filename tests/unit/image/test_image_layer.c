#include <criterion/criterion.h>
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/image/place.h"
#include "sallyport/image/seal.h"

static char directory[] = "/tmp/layer-XXXXXX";
static int root = -1;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(directory));
    chmod(directory, 0755);
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void tear_down(void)
{
    place_empty(root, "", NULL);
    close(root);
    rmdir(directory);
}

TestSuite(image_layer, .init = set_up, .fini = tear_down);

static char bytes[256 * 1024];
static size_t used;

static void begin(struct archive **ret_tar)
{
    used = 0;
    *ret_tar = archive_write_new();
    archive_write_set_format_pax_restricted(*ret_tar);
    archive_write_add_filter_none(*ret_tar);
    archive_write_set_bytes_per_block(*ret_tar, 0);
    cr_assert_eq(archive_write_open_memory(*ret_tar, bytes, sizeof bytes, &used), ARCHIVE_OK);
}

static void add(struct archive *tar, const char *path, mode_t type, const char *content)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    if (type == S_IFLNK)
        archive_entry_set_symlink(entry, content);
    else
        archive_entry_set_size(entry, content != NULL ? (la_int64_t)strlen(content) : 0);
    cr_assert_eq(archive_write_header(tar, entry), ARCHIVE_OK);
    if (type == S_IFREG && content != NULL)
        archive_write_data(tar, content, strlen(content));
    archive_entry_free(entry);
}

static int apply_with(const char *digest, struct layer_budget *budget, struct error *err)
{
    int blob = memfd_create("layer", MFD_CLOEXEC);
    cr_assert_eq(write(blob, bytes, used), (ssize_t)used);
    int done = layer_apply(blob, digest, root, budget, err);
    close(blob);
    return done;
}

static int apply(struct layer_budget *budget, struct error *err)
{
    uint8_t digest[HASH_BYTES];
    char text[HASH_TEXT_BYTES];
    struct hash *hash = hash_new();
    hash_update(hash, bytes, used);
    hash_result(hash, digest);
    hash_free(hash);
    text_hex(digest, sizeof digest, text);
    return apply_with(text, budget, err);
}

static bool is_there(const char *path)
{
    return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Test(image_layer, becomes_files_that_a_seal_takes)
{
    struct archive *tar;
    struct layer_budget budget = { 0 };
    struct error err = { 0 };
    uint8_t digest[HASH_BYTES];
    char text[8] = "";
    begin(&tar);
    add(tar, "d/file", S_IFREG, "hello");
    add(tar, "link", S_IFLNK, "/anywhere");
    archive_write_free(tar);
    cr_assert_eq(apply(&budget, &err), 0, "%s", err.text);
    cr_expect_eq(budget.bytes, 5);
    cr_expect_eq(budget.entries, 2);
    int fd = openat(root, "d/file", O_RDONLY);
    cr_expect_eq(read(fd, text, sizeof text), 5);
    close(fd);
    cr_expect_str_eq(text, "hello");
    cr_expect_eq(seal_tree(root, SEAL_KEEPS_OWNER, digest, &err), 0, "%s", err.text);
}

Test(image_layer, with_another_digest_makes_nothing)
{
    struct archive *tar;
    struct layer_budget budget = { 0 };
    struct error err = { 0 };
    begin(&tar);
    add(tar, "file", S_IFREG, "hello");
    archive_write_free(tar);
    cr_expect_eq(apply_with("0000000000000000000000000000000000000000000000000000000000000000", &budget, &err),
                 -EBADMSG);
    cr_expect_not_null(strstr(err.text, "unpacks to sha256:"));
    cr_expect(!is_there("file"));
}

Test(image_layer, whose_last_file_is_not_padded_is_whole_and_one_that_is_cut_is_not)
{
    struct archive *tar;
    struct layer_budget budget = { 0 };
    struct error err = { 0 };
    begin(&tar);
    add(tar, "file", S_IFREG, "hello");
    archive_write_free(tar);
    used = 512 + 5;
    cr_expect_eq(apply(&budget, &err), 0, "%s", err.text);
    cr_expect(is_there("file"));
    begin(&tar);
    char content[2001];
    memset(content, 'c', 2000);
    content[2000] = '\0';
    add(tar, "cut", S_IFREG, content);
    archive_write_free(tar);
    used = 512 + 700;
    cr_expect_eq(apply(&budget, &err), -EBADMSG);
}

Test(image_layer, removes_what_older_ones_brought_before_it_brings_its_own)
{
    struct archive *tar;
    struct layer_budget budget = { 0 };
    struct error err = { 0 };
    begin(&tar);
    add(tar, "d/old", S_IFREG, "x");
    add(tar, "gone", S_IFREG, "x");
    archive_write_free(tar);
    cr_assert_eq(apply(&budget, &err), 0, "%s", err.text);
    begin(&tar);
    add(tar, "d/new", S_IFREG, "x");
    add(tar, "d/.wh..wh..opq", S_IFREG, NULL);
    add(tar, ".wh.gone", S_IFREG, NULL);
    archive_write_free(tar);
    cr_assert_eq(apply(&budget, &err), 0, "%s", err.text);
    cr_expect(!is_there("d/old") && is_there("d/new") && !is_there("gone"));
}

Test(image_layer, that_goes_beyond_what_an_image_may_have_is_refused)
{
    struct archive *tar;
    struct error err = { 0 };
    begin(&tar);
    add(tar, "file", S_IFREG, "hello");
    archive_write_free(tar);
    struct layer_budget bytes_left = { .bytes = IMAGE_BYTES_MAX - 4 };
    cr_expect_eq(apply(&bytes_left, &err), -EFBIG);
    struct layer_budget entries_left = { .entries = IMAGE_ENTRY_COUNT_MAX };
    cr_expect_eq(apply(&entries_left, &err), -E2BIG);
}

Test(image_layer, that_is_no_archive_is_refused)
{
    struct layer_budget budget = { 0 };
    struct error err = { 0 };
    used = 1024;
    memset(bytes, 'x', used);
    cr_expect_eq(apply(&budget, &err), -EBADMSG);
    used = 0;
    cr_expect_lt(apply(&budget, &err), 0);
}
