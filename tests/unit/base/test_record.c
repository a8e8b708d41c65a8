#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/record.h"

struct sample {
    uint8_t small;
    uint32_t number;
    uint64_t large;
    int64_t balance;
    bool is_set;
    struct job_id id;
    char name[8];
    struct span bytes;
};

static const struct field sample_fields[] = {
    U8(struct sample, small, 9), U32(struct sample, number, 1000), U64(struct sample, large),
    I64(struct sample, balance), BOOL(struct sample, is_set),      ID(struct sample, id),
    TEXT(struct sample, name),   BYTES(struct sample, bytes, 16),
};
static const struct record_def sample_def = RECORD("sample", struct sample, sample_fields);

static const struct sample whole = {
    .small = 9,
    .number = 1000,
    .large = UINT64_MAX,
    .balance = -7,
    .is_set = true,
    .id = { { 1, 2, 3 } },
    .name = "seven77",
    .bytes = { (const uint8_t *)"a\0b", 3 },
};

static size_t encode(const struct sample *sample, uint8_t *room, size_t size)
{
    struct writer out = { room, size };
    struct error err;
    cr_assert_eq(record_encode(&sample_def, sample, &out, &err), 0, "%s", err.text);
    return size - out.left;
}

Test(record, comes_out_as_it_went_in)
{
    uint8_t room[256];
    size_t size = encode(&whole, room, sizeof room);
    struct sample back;
    struct reader in = { room, size };
    cr_assert_eq(record_decode(&sample_def, &in, &back, NULL), 0);
    cr_expect_eq(back.small, 9);
    cr_expect_eq(back.number, 1000);
    cr_expect_eq(back.large, UINT64_MAX);
    cr_expect_eq(back.balance, -7);
    cr_expect(back.is_set);
    cr_expect(job_id_equal(&back.id, &whole.id));
    cr_expect_str_eq(back.name, "seven77");
    cr_expect_eq(back.bytes.size, 3);
    cr_expect_eq(memcmp(back.bytes.data, "a\0b", 3), 0);
}

Test(record, that_is_cut_anywhere_is_refused)
{
    uint8_t room[256];
    size_t size = encode(&whole, room, sizeof room);
    for (size_t cut = 0; cut < size; cut++) {
        struct sample back;
        struct reader in = { room, cut };
        cr_expect_eq(record_decode(&sample_def, &in, &back, NULL), -EBADMSG, "cut at %zu", cut);
    }
}

Test(record, with_bytes_left_over_is_refused)
{
    uint8_t room[256] = { 0 };
    size_t size = encode(&whole, room, sizeof room);
    struct sample back;
    struct error err;
    struct reader in = { room, size + 1 };
    cr_expect_eq(record_decode(&sample_def, &in, &back, &err), -EBADMSG);
    cr_expect_not_null(strstr(err.text, "left over"), "%s", err.text);
}

Test(record, does_not_take_numbers_above_their_bound)
{
    struct sample sample = whole;
    uint8_t room[256];
    struct writer out = { room, sizeof room };
    sample.number = 1001;
    cr_expect_eq(record_encode(&sample_def, &sample, &out, NULL), -EINVAL);

    size_t size = encode(&whole, room, sizeof room);
    struct sample back;
    struct reader in = { room, size };
    room[0] = 10; /* small, whose bound is 9 */
    cr_expect_eq(record_decode(&sample_def, &in, &back, NULL), -EBADMSG);
}

Test(record, does_not_take_text_with_a_nul_inside_or_without_room)
{
    uint8_t room[256];
    size_t size = encode(&whole, room, sizeof room);
    uint8_t *text = memmem(room, size, "seven77", 7);
    cr_assert_not_null(text);
    struct sample back;
    text[3] = '\0';
    cr_expect_eq(record_decode(&sample_def, &(struct reader){ room, size }, &back, NULL), -EBADMSG);
    text[3] = 'e';
    text[-4] = 8; /* longer than the member with its NUL */
    cr_expect_eq(record_decode(&sample_def, &(struct reader){ room, size }, &back, NULL), -EBADMSG);
}

Test(record, does_not_believe_a_length_that_wraps)
{
    uint8_t room[256];
    size_t size = encode(&whole, room, sizeof room);
    struct sample back;
    for (int i = 0; i < 4; i++)
        room[size - 3 - 4 + (size_t)i] = 0xff; /* the length of bytes */
    cr_expect_eq(record_decode(&sample_def, &(struct reader){ room, size }, &back, NULL), -EBADMSG);
}

Test(record, file_gives_back_its_records_in_order_and_no_others)
{
    static const struct record_def defs[] = { { .name = NULL }, RECORD("sample", struct sample, sample_fields) };
    struct record_file file = { 0 };
    struct sample sample = whole;
    for (uint32_t i = 0; i < 100; i++) {
        sample.number = i;
        cr_assert_eq(record_file_add(&file, defs, 2, 1, &sample, NULL), 0);
    }
    struct reader in = { file.data, file.size };
    uint32_t type;
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(record_file_next(&in, defs, 2, &type, &sample, sizeof sample, NULL), 1);
        cr_expect_eq(type, 1);
        cr_expect_eq(sample.number, i);
    }
    cr_expect_eq(record_file_next(&in, defs, 2, &type, &sample, sizeof sample, NULL), 0);
    file.data[0] = 7;
    in = (struct reader){ file.data, file.size };
    cr_expect_eq(record_file_next(&in, defs, 2, &type, &sample, sizeof sample, NULL), -EBADMSG);
    record_file_done(&file);
}
