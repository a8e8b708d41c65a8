/* The launcher's start record as the witness of an audit trail: read in order, to where it was, and no further. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "starts.h"

static struct starts starts;
static struct error err;

static void setup(void)
{
    starts = (struct starts){ .fd = memfd_create("starts", MFD_CLOEXEC) };
}

static void teardown(void)
{
    close(starts.fd);
}

TestSuite(starts, .init = setup, .fini = teardown);

/* The head's first two bytes are the record's number. */
static void add(uint32_t number, uint32_t head_bytes)
{
    uint8_t bytes[START_RECORD_BYTES] = { 0 },
            head[START_RECORD_HEAD_BYTES] = { (uint8_t)(number >> 8), (uint8_t)number };
    const struct start_record record = { .command = number, .audit_head = { head, head_bytes } };
    struct writer out = { bytes, sizeof bytes };
    cr_assert_eq(record_encode(&start_record_def, &record, &out, &err), 0, "%s", err.text);
    cr_assert_eq(write(starts.fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    starts.bytes += sizeof bytes;
}

static int next(uint8_t head[HASH_BYTES])
{
    const struct audit_witness witness = starts_witness(&starts);
    return witness.next(witness.arg, head, &err);
}

Test(starts, come_in_their_order_however_many_there_are)
{
    uint8_t head[HASH_BYTES];
    for (uint32_t i = 0; i < 1000; i++)
        add(i, START_RECORD_HEAD_BYTES);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(next(head), 1, "%s", err.text);
        cr_assert_eq((head[0] << 8) + head[1], (int)i);
        cr_assert_eq(starts.last.command, i);
    }
    cr_expect_eq(next(head), 0);
    cr_expect_eq(next(head), 0);
    cr_expect_eq(starts.count, 1000);
}

Test(starts, end_where_they_ended_when_the_file_was_opened)
{
    uint8_t head[HASH_BYTES];
    add(1, START_RECORD_HEAD_BYTES);
    add(2, START_RECORD_HEAD_BYTES);
    starts.bytes = START_RECORD_BYTES;
    cr_expect_eq(next(head), 1);
    cr_expect_eq(next(head), 0);
}

Test(starts, are_refused_when_one_is_not_what_the_launcher_writes)
{
    uint8_t head[HASH_BYTES];
    add(1, START_RECORD_HEAD_BYTES);
    add(2, 20);
    cr_expect_eq(next(head), 1);
    cr_expect_eq(next(head), -EBADMSG);
    cr_expect_not_null(strstr(err.text, "entry 2 of the launcher's start record"), "%s", err.text);
}

Test(starts, are_refused_when_the_file_shrinks)
{
    uint8_t head[HASH_BYTES];
    add(1, START_RECORD_HEAD_BYTES);
    cr_assert_eq(ftruncate(starts.fd, 10), 0);
    cr_expect_eq(next(head), -EBADMSG);
}
