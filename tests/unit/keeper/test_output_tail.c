/* The end of an output: cut anywhere, and never inside a character. */
#include "rig.h"

#include "output_tail.h"
#include "sallyport/proto/state_files.h"

/* Characters of one to four bytes, each beside each of the others. */
static const char mixed[] = "a\xc3\xa4"
                            "b\xe2\x82\xac"
                            "c\xf0\x9f\x98\x80"
                            "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4\xf0\x9f\x98\x80z";
#define MIXED_BYTES (sizeof mixed - 1)

static struct output_tail cut(const void *log, size_t size, size_t most)
{
    struct output_tail tail = { .offset = size - most, .size = (uint32_t)most };
    memcpy(tail.bytes, (const char *)log + tail.offset, most);
    output_tail_trim(&tail);
    return tail;
}

Test(output_tail, is_cut_between_two_characters_wherever_it_is_cut)
{
    for (size_t most = 0; most <= MIXED_BYTES; most++) {
        struct output_tail tail = cut(mixed, MIXED_BYTES, most);
        cr_expect(tail.is_text, "%zu bytes", most);
        cr_expect_eq(tail.offset + tail.size, MIXED_BYTES, "%zu bytes: up to the end", most);
        cr_expect_lt(most - tail.size, 4, "%zu bytes: no more than the rest of a character is left out", most);
        cr_expect(memcmp(tail.bytes, mixed + tail.offset, tail.size) == 0);
        cr_expect(text_is_utf8(mixed, tail.offset), "%zu bytes: what is left out ends with a character", most);
        cr_expect(tail.size == 0 || (tail.bytes[0] & 0xc0) != 0x80);
        bool is_boundary = (mixed[MIXED_BYTES - most] & 0xc0) != 0x80;
        cr_expect(!is_boundary || tail.size == most, "%zu bytes: nothing is left out without need", most);
    }
}

Test(output_tail, that_is_no_text_stays_as_it_is)
{
    static const struct {
        const char *log;
        size_t size, most;
    } rows[] = {
        { "abc\xff", 4, 4 },
        { "abc\xffxyz", 7, 5 },
        { "a\x80\x80\x80\x80z", 6, 5 }, /* four are the rest of no character */
        { "\x80z", 2, 2 },              /* nor is one at the very beginning */
        { "abc\xe2\x82", 5, 5 },        /* killed within a character */
        { "\xf0\x9f\x98\x80\xc0\x80", 6, 4 },
        { "x\xed\xa0\x80", 4, 4 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct output_tail tail = cut(rows[i].log, rows[i].size, rows[i].most);
        cr_expect(!tail.is_text, "row %zu", i);
        cr_expect_eq(tail.size, rows[i].most, "row %zu", i);
        cr_expect_eq(tail.offset, rows[i].size - rows[i].most, "row %zu", i);
        cr_expect(memcmp(tail.bytes, rows[i].log + tail.offset, tail.size) == 0, "row %zu", i);
    }
}

static struct job_record ended_with(const void *log, size_t size)
{
    int fds[2];
    struct job_record record;
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], log, size), (ssize_t)size);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    cr_assert_eq(store_job_read(keeper->store, &id, &record, &err), 1);
    cr_assert_eq(record.output_bytes, size);
    return record;
}

Test(output_tail, is_read_from_the_end_of_the_log, .init = rig_setup, .fini = rig_teardown, .timeout = 60)
{
    static char log[40000];
    struct output_tail tail;
    for (size_t i = 0; i < sizeof log; i++)
        log[i] = (char)('a' + i % 26);
    struct job_record record = ended_with(log, sizeof log);
    static const uint32_t sizes[] = { 0, 1, 100, CALLBACK_TAIL_MAX_BYTES - 1, CALLBACK_TAIL_MAX_BYTES, UINT32_MAX };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t wanted = sizes[i] < CALLBACK_TAIL_MAX_BYTES ? sizes[i] : CALLBACK_TAIL_MAX_BYTES;
        cr_assert_eq(output_tail_read(keeper->state_fd, &record, sizes[i], &tail, &err), 0, "%s", err.text);
        cr_expect(tail.is_text && tail.size == wanted && tail.offset == sizeof log - wanted, "%u bytes", sizes[i]);
        cr_expect(memcmp(tail.bytes, log + tail.offset, tail.size) == 0);
    }
    record.output_bytes = 10; /* what lies behind is not there */
    cr_assert_eq(output_tail_read(keeper->state_fd, &record, 100, &tail, &err), 0, "%s", err.text);
    cr_expect(tail.offset == 0 && tail.size == 10 && memcmp(tail.bytes, "abcdefghij", 10) == 0);
}

Test(output_tail, of_a_log_that_is_damaged_or_not_to_be_kept_is_refused, .init = rig_setup, .fini = rig_teardown,
     .timeout = 60)
{
    char path[200];
    struct state_files names;
    struct output_tail tail;
    struct job_record record = ended_with("0123456789", 10), silent = record, secret = record;
    state_files_name(&record.id, &names);
    snprintf(path, sizeof path, "%s/%s", rig_directory, names.log);
    secret.is_metadata_only = true;
    cr_expect_eq(output_tail_read(keeper->state_fd, &secret, 100, &tail, &err), -EPERM);
    cr_assert_eq(truncate(path, 4), 0);
    cr_expect_eq(output_tail_read(keeper->state_fd, &record, 100, &tail, &err), -EBADMSG);
    cr_assert_eq(unlink(path), 0);
    cr_expect_eq(output_tail_read(keeper->state_fd, &record, 100, &tail, &err), -ENOENT);
    silent.output_bytes = 0;
    cr_expect_eq(output_tail_read(keeper->state_fd, &silent, 100, &tail, &err), 0);
    cr_expect(tail.is_text && tail.size == 0 && tail.offset == 0);
}
