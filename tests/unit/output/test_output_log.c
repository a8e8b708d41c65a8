/* Finding places in a log: what is searched and looked back for is what walking from the beginning would find. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sallyport/output/output_log.h"
#include "sallyport/output/output_piece.h"
#include "sallyport/output/output_text.h"

#define MOST_BYTES   4096
#define MOST_RECORDS 512

/* A log and what is known of it without looking. */
struct known {
    struct output_log log;
    uint8_t bytes[MOST_BYTES];
    uint8_t stream[MOST_BYTES]; /* of each byte */
};

static void known_open(struct known *known)
{
    memset(known, 0, sizeof *known);
    output_log_init(&known->log, memfd_create("bytes", MFD_CLOEXEC), memfd_create("index", MFD_CLOEXEC));
}

static void known_add(struct known *known, uint32_t stream, const void *data, size_t size)
{
    uint8_t packed[OUTPUT_RECORD_BYTES];
    struct output_log *log = &known->log;
    struct output_record record = { .offset = log->bytes, .stream = stream };
    for (uint64_t i = 0; i < log->bytes; i++)
        record.stream_offset += known->stream[i] == stream;
    output_record_pack(&record, packed);
    cr_assert_eq(pwrite(log->index_fd, packed, sizeof packed, (off_t)log->records * OUTPUT_RECORD_BYTES),
                 OUTPUT_RECORD_BYTES);
    cr_assert_eq(pwrite(log->bytes_fd, data, size, (off_t)log->bytes), (ssize_t)size);
    memcpy(known->bytes + log->bytes, data, size);
    memset(known->stream + log->bytes, (int)stream, size);
    cr_assert(output_log_grow(log, log->bytes + size, log->records + 1, false));
}

/* Records of a few bytes, many newlines, and long runs of one stream. */
static void known_random(struct known *known, unsigned seed)
{
    known_open(known);
    srand(seed);
    unsigned change = 1 + (unsigned)rand() % 60;
    uint32_t stream = OUTPUT_STDOUT, count = (uint32_t)rand() % MOST_RECORDS;
    for (uint32_t i = 0; i < count; i++) {
        char data[8];
        size_t size = (size_t)rand() % (sizeof data + 1);
        for (size_t j = 0; j < size; j++)
            data[j] = "ab\n"[rand() % 3];
        if ((unsigned)rand() % change == 0)
            stream = OUTPUT_STDOUT + OUTPUT_STDERR - stream;
        known_add(known, stream, data, size);
    }
}

static bool is_of(const struct known *known, uint64_t offset, uint32_t only)
{
    return only == 0 || known->stream[offset] == only;
}

static uint64_t known_tail(const struct known *known, uint32_t only, uint64_t lines)
{
    bool is_last = true;
    if (lines == 0)
        return known->log.bytes;
    for (uint64_t at = known->log.bytes; at > 0; at--) {
        if (!is_of(known, at - 1, only))
            continue;
        bool is_end = known->bytes[at - 1] == '\n';
        if (is_end && lines == 0)
            return at;
        if (is_end || is_last)
            lines--;
        is_last = false;
    }
    return 0;
}

/* Both may lie in front of bytes of the other stream, which nobody will see. */
static uint64_t next_of(const struct known *known, uint64_t offset, uint32_t only)
{
    while (offset < known->log.bytes && !is_of(known, offset, only))
        offset++;
    return offset;
}

Test(output_log, finds_the_last_lines_of_both_streams_and_of_each)
{
    static struct known known;
    for (unsigned seed = 1; seed <= 60; seed++) {
        known_random(&known, seed);
        for (uint32_t only = 0; only <= OUTPUT_STDERR; only++)
            for (uint64_t lines = 0; lines < 40; lines += 1 + lines / 8) {
                uint64_t found, expected = known_tail(&known, only, lines);
                cr_assert_eq(output_log_tail(&known.log, only, lines, &found), 0);
                cr_assert_eq(next_of(&known, found, only), next_of(&known, expected, only),
                             "seed %u, stream %u, %d lines: %d", seed, only, (int)lines, (int)found);
            }
        output_log_done(&known.log);
    }
}

Test(output_log, finds_the_place_of_a_byte_of_one_stream_and_back)
{
    static struct known known;
    for (unsigned seed = 1; seed <= 60; seed++) {
        known_random(&known, seed);
        for (uint32_t only = OUTPUT_STDOUT; only <= OUTPUT_STDERR; only++) {
            uint64_t position = 0, found;
            for (uint64_t offset = 0; offset <= known.log.bytes; offset++) {
                cr_assert_eq(output_log_position(&known.log, only, offset, &found), 0);
                cr_assert_eq(found, position, "seed %u, stream %u, at %d: %d", seed, only, (int)offset, (int)found);
                if (offset == known.log.bytes || known.stream[offset] != only)
                    continue;
                cr_assert_eq(output_log_find_in_stream(&known.log, only, position, &found), 0);
                cr_assert_eq(found, offset, "seed %u, stream %u, byte %d: %d", seed, only, (int)position, (int)found);
                position++;
            }
            cr_assert_eq(output_log_find_in_stream(&known.log, only, position, &found), 0);
            cr_assert_eq(found, known.log.bytes);
            cr_assert_eq(output_log_stream_bytes(&known.log, only, &found), 0);
            cr_assert_eq(found, position);
        }
        output_log_done(&known.log);
    }
}

/* The other stream's runs are longer than what is walked over; the log grows between two looks. */
Test(output_log, gives_each_byte_of_a_stream_once_over_long_runs_of_the_other_one)
{
    static struct known known;
    for (uint32_t only = OUTPUT_STDOUT; only <= OUTPUT_STDERR; only++) {
        struct output_cursor cursor = { .only = only };
        size_t size, seen = 0, written = 0;
        known_open(&known);
        for (int i = 0; i < 12; i++) {
            for (int j = 0; j < i * 7; j++)
                known_add(&known, OUTPUT_STDOUT + OUTPUT_STDERR - only, "x", 1);
            for (int j = 0; j < i % 4; j++, written++)
                known_add(&known, only, &(char){ (char)('a' + written % 26) }, 1);
            while (output_stretch_next(&known.log, &cursor, known.log.bytes, 100, &size) > 0) {
                cr_assert_eq(size, 1);
                cr_assert_eq(known.bytes[cursor.at], 'a' + seen % 26);
                cr_assert_eq(known.stream[cursor.at], only);
                cursor.at++;
                seen++;
            }
            cr_assert_eq(seen, written, "%d of %d after round %d", (int)seen, (int)written, i);
        }
        output_log_done(&known.log);
    }
}

Test(output_log, looks_back_over_a_bounded_part_of_log_and_index)
{
    struct output_log log;
    uint8_t packed[OUTPUT_RECORD_BYTES];
    uint64_t found;
    enum { RECORDS = 700000 };
    output_log_init(&log, memfd_create("bytes", MFD_CLOEXEC), memfd_create("index", MFD_CLOEXEC));
    cr_assert_eq(ftruncate(log.bytes_fd, 64 * 1024 * 1024), 0);
    output_record_pack(&(struct output_record){ .stream = OUTPUT_STDOUT }, packed);
    cr_assert_eq(pwrite(log.index_fd, packed, sizeof packed, 0), OUTPUT_RECORD_BYTES);
    cr_assert(output_log_grow(&log, 64 * 1024 * 1024, 1, true));
    cr_assert_eq(output_log_tail(&log, 0, 5, &found), 0);
    cr_expect_eq(found, 48 * 1024 * 1024);
    output_log_done(&log);

    output_log_init(&log, memfd_create("bytes", MFD_CLOEXEC), memfd_create("index", MFD_CLOEXEC));
    cr_assert_eq(ftruncate(log.bytes_fd, RECORDS), 0);
    uint8_t *index = malloc((size_t)RECORDS * OUTPUT_RECORD_BYTES);
    for (uint32_t i = 0; i < RECORDS; i++)
        output_record_pack(&(struct output_record){ .offset = i, .stream_offset = i, .stream = OUTPUT_STDOUT },
                           index + (size_t)i * OUTPUT_RECORD_BYTES);
    cr_assert_eq(pwrite(log.index_fd, index, (size_t)RECORDS * OUTPUT_RECORD_BYTES, 0), RECORDS * OUTPUT_RECORD_BYTES);
    free(index);
    cr_assert(output_log_grow(&log, RECORDS, RECORDS, true));
    cr_assert_eq(output_log_tail(&log, OUTPUT_STDERR, 5, &found), 0);
    cr_expect_eq(found, RECORDS - 16 * 1024 * 1024 / OUTPUT_RECORD_BYTES);
    cr_assert_eq(output_log_stream_bytes(&log, OUTPUT_STDERR, &found), 0);
    cr_expect_eq(found, 0);
    output_log_done(&log);
}

Test(output_log, refuses_an_index_that_contradicts_itself)
{
    struct output_log log;
    uint8_t packed[OUTPUT_RECORD_BYTES];
    uint64_t found;
    output_log_init(&log, memfd_create("bytes", MFD_CLOEXEC), memfd_create("index", MFD_CLOEXEC));
    output_record_pack(&(struct output_record){ .stream_offset = 5, .stream = OUTPUT_STDOUT }, packed);
    cr_assert_eq(pwrite(log.index_fd, packed, sizeof packed, 0), OUTPUT_RECORD_BYTES);
    cr_assert(output_log_grow(&log, 10, 1, true));
    cr_expect_eq(output_log_stream_bytes(&log, OUTPUT_STDERR, &found), -EBADMSG);
    cr_expect_eq(output_log_position(&log, OUTPUT_STDOUT, 3, &found), -EBADMSG);
    output_log_done(&log);
}

static void expect_text(struct output_log *log, uint32_t stream, const char *wanted)
{
    struct output_text text;
    const char *piece;
    size_t size, used = 0;
    char whole[256];
    int more = 1;
    output_text_begin(&text, stream, 0);
    while (more > 0) {
        more = output_text_next(log, &text, &piece, &size);
        cr_assert_geq(more, 0);
        cr_assert_lt(used + size, sizeof whole);
        memcpy(whole + used, piece, size);
        used += size;
    }
    whole[used] = '\0';
    cr_expect_str_eq(whole, wanted);
}

Test(output_log, is_told_as_text_in_which_no_character_is_cut_by_what_lies_between)
{
    static struct known known;
    known_open(&known);
    known_add(&known, OUTPUT_STDOUT, "a\"\xe2", 3);
    known_add(&known, OUTPUT_STDERR, "\xff!\0", 3);
    known_add(&known, OUTPUT_STDOUT, "\x82", 1);
    known_add(&known, OUTPUT_STDERR, "\xc3", 1);
    known_add(&known, OUTPUT_STDOUT, "\xac\n", 2);
    expect_text(&known.log, OUTPUT_STDOUT, "a\\\"\xe2\x82\xac\\n");
    expect_text(&known.log, OUTPUT_STDERR, "\\ufffd!\\u0000\\ufffd");
    expect_text(NULL, OUTPUT_STDOUT, "");
    output_log_done(&known.log);
}
