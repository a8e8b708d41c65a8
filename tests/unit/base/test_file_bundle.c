#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/file_bundle.h"

static struct bundle two_files(void)
{
    return (struct bundle){ .count = 2,
                            .files = { { .name = "source", .bytes = 5 }, { .name = "rules_2", .bytes = 0 } } };
}

static int decode(const uint8_t *head, uint64_t total_bytes, struct bundle *ret_bundle)
{
    struct error err = { 0 };
    return bundle_decode_head(head, BUNDLE_HEAD_BYTES, total_bytes, ret_bundle, &err);
}

Test(file_bundle, comes_back_as_it_was_with_offsets)
{
    struct bundle bundle = two_files(), again;
    uint8_t head[BUNDLE_HEAD_BYTES];
    bundle_encode_head(&bundle, head);
    cr_assert_eq(decode(head, BUNDLE_HEAD_BYTES + 5, &again), 0);
    cr_expect_eq(again.count, 2);
    cr_expect_str_eq(again.files[0].name, "source");
    cr_expect_eq(again.files[0].bytes, 5);
    cr_expect_eq(again.files[0].offset, BUNDLE_HEAD_BYTES);
    cr_expect_str_eq(again.files[1].name, "rules_2");
    cr_expect_eq(again.files[1].offset, BUNDLE_HEAD_BYTES + 5);
    cr_expect_eq(bundle_content_bytes(&again), 5);
    cr_expect_eq(bundle_find(&again, "rules_2"), &again.files[1]);
    cr_expect_null(bundle_find(&again, "rules"));
}

Test(file_bundle, with_as_many_files_as_may_be_comes_back)
{
    struct bundle bundle = { .count = BUNDLE_FILES_MAX }, again;
    uint8_t head[BUNDLE_HEAD_BYTES];
    for (uint32_t i = 0; i < BUNDLE_FILES_MAX; i++) {
        snprintf(bundle.files[i].name, NAME_MAX_BYTES, "file%u", i);
        bundle.files[i].bytes = i;
    }
    bundle_encode_head(&bundle, head);
    cr_expect_eq(decode(head, BUNDLE_HEAD_BYTES + BUNDLE_FILES_MAX * (BUNDLE_FILES_MAX - 1) / 2, &again), 0);
}

Test(file_bundle, names_are_one_element_of_a_path)
{
    static const char *const good[] = { "a", "source", "A_9-b", "_x" };
    static const char *const bad[] = { "", "-a", ".", "..", "a/b", "/a", "a.b", "a b", "a\n", "\xc3\xa9" };
    char longest[NAME_MAX_BYTES], too_long[NAME_MAX_BYTES + 1];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(bundle_name_is_plain(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(bundle_name_is_plain(bad[i]), "%s", bad[i]);
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    memset(too_long, 'a', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    cr_expect(bundle_name_is_plain(longest));
    cr_expect_not(bundle_name_is_plain(too_long));
}

/* One byte of a good head is changed. */
Test(file_bundle, that_does_not_add_up_is_refused)
{
    enum { COUNT = 0, FIRST = 4, PLACE = NAME_MAX_BYTES + 8 };
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
    } changes[] = {
        { "no file", COUNT, 0 },
        { "a file less than are named", COUNT, 1 },
        { "a file more than are named", COUNT, 3 },
        { "more files than may be", COUNT, BUNDLE_FILES_MAX + 1 },
        { "a count beyond all", COUNT + 3, 1 },
        { "a path", FIRST, '/' },
        { "a dot", FIRST, '.' },
        { "no name", FIRST, '\0' },
        { "bytes behind a name", FIRST + 40, 'x' },
        { "a name without an end", FIRST + NAME_MAX_BYTES - 1, 'x' },
        { "a byte too few", FIRST + NAME_MAX_BYTES, 4 },
        { "a byte too many", FIRST + NAME_MAX_BYTES, 6 },
        { "a size that wraps around", FIRST + NAME_MAX_BYTES + 7, 0xff },
        { "a second size that wraps around", FIRST + PLACE + NAME_MAX_BYTES + 7, 0xff },
        { "something in a place that is not used", FIRST + 2 * PLACE, 'x' },
        { "something in the last place", BUNDLE_HEAD_BYTES - 1, 1 },
    };
    struct bundle bundle = two_files(), again;
    uint8_t head[BUNDLE_HEAD_BYTES];
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        bundle_encode_head(&bundle, head);
        cr_assert_neq(head[changes[i].at], changes[i].value);
        head[changes[i].at] = changes[i].value;
        cr_expect_eq(decode(head, BUNDLE_HEAD_BYTES + 5, &again), -EBADMSG, "%s", changes[i].what);
    }
    bundle_encode_head(&bundle, head);
    cr_expect_eq(decode(head, BUNDLE_HEAD_BYTES + 4, &again), -EBADMSG, "a file that ends early");
    cr_expect_eq(decode(head, BUNDLE_HEAD_BYTES + 6, &again), -EBADMSG, "a file that goes on");
    cr_expect_eq(decode(head, 0, &again), -EBADMSG, "nothing");
    cr_expect_eq(bundle_decode_head(head, BUNDLE_HEAD_BYTES - 1, BUNDLE_HEAD_BYTES + 5, &again, NULL), -EBADMSG,
                 "a head that is cut short");
}

Test(file_bundle, with_one_name_twice_is_refused)
{
    struct bundle bundle = two_files(), again;
    uint8_t head[BUNDLE_HEAD_BYTES];
    strcpy(bundle.files[1].name, "source");
    bundle_encode_head(&bundle, head);
    cr_expect_eq(decode(head, BUNDLE_HEAD_BYTES + 5, &again), -EBADMSG);
}

Test(file_bundle, is_read_from_a_sealed_file_alone)
{
    struct bundle bundle = two_files(), again;
    struct error err = { 0 };
    uint8_t bytes[BUNDLE_HEAD_BYTES + 5];
    auto_fd int sealed = -1, pipe_end = -1;
    int ends[2];
    bundle_encode_head(&bundle, bytes);
    memcpy(bytes + BUNDLE_HEAD_BYTES, "hello", 5);
    cr_assert_eq(memfd_sealed("files", bytes, sizeof bytes, false, &sealed, &err), 0);
    cr_expect_eq(bundle_read_sealed(sealed, 5, &again, &err), 0, "%s", err.text);
    cr_expect_eq(again.count, 2);
    cr_expect_eq(bundle_read_sealed(sealed, 4, &again, &err), -EFBIG);
    cr_assert_eq(pipe(ends), 0);
    pipe_end = ends[0];
    close(ends[1]);
    cr_expect_eq(bundle_read_sealed(pipe_end, 5, &again, &err), -EPERM);
}
