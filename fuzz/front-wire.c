/* Bytes of a connection: one verdict however they are cut, and a head that is taken is what it was taken for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct verdict {
    int done;
    size_t head_size;
    enum wire_fault fault;
};

/* As the guard reads: all there is, again and again, up to a fault or the end. */
static struct verdict judge(const char *data, size_t size, size_t step)
{
    struct wire_scan scan = { 0 };
    struct verdict verdict = { 0, 0, WIRE_FINE };
    for (size_t there = 0; there < size && verdict.done == 0;) {
        there = size - there < step ? size : there + step;
        verdict.done = wire_scan_head(&scan, data, there, &verdict.head_size, &verdict.fault);
    }
    return verdict;
}

static void check_head(const char *data, size_t size)
{
    struct wire_head head;
    if (wire_parse_head(data, size, 1000, &head) != WIRE_FINE)
        return;
    if (memchr(data, '\0', size) != NULL || memcmp(data + size - 4, "\r\n\r\n", 4) != 0 ||
        memmem(data, size - 4, "\r\n\r\n", 4) != NULL)
        abort();
    if ((head.body == WIRE_BODY_LENGTH) != (head.length > 0) || head.length > 1000 ||
        (head.body != WIRE_BODY_NONE && !head.may_have_body))
        abort();
    size_t at = 0;
    for (unsigned i = 0; i < head.body_line_count; i++) {
        const struct wire_line *line = &head.body_lines[i];
        if (line->at < at || line->at + line->size > size - 2 || data[line->at + line->size - 1] != '\n')
            abort();
        at = line->at + line->size;
    }
}

/* What was taken, and a sum of the data that was in it. */
static size_t take(struct wire_chunks *chunks, const char *bytes, size_t size, bool *ret_is_fine, uint64_t *sum)
{
    size_t taken = 0, data_size, step;
    *ret_is_fine = true;
    do {
        step = wire_take_chunk(chunks, bytes + taken, size - taken, &data_size, ret_is_fine);
        if (data_size > step || step > size - taken)
            abort();
        taken += step;
        for (size_t i = taken - data_size; i < taken; i++)
            *sum = *sum * 31 + (unsigned char)bytes[i] + 1;
    } while (step > 0 && *ret_is_fine);
    return taken;
}

static void check_chunks(const char *data, size_t size, size_t cut)
{
    struct wire_chunks whole = { 0 }, parts = { 0 };
    uint64_t whole_sum = 0, parts_sum = 0;
    bool whole_is_fine, parts_are_fine;
    size_t taken = take(&whole, data, size, &whole_is_fine, &whole_sum);
    size_t again = take(&parts, data, cut, &parts_are_fine, &parts_sum);
    if (parts_are_fine && again == cut)
        again += take(&parts, data + cut, size - cut, &parts_are_fine, &parts_sum);
    if (taken != again || whole_is_fine != parts_are_fine || whole.state != parts.state || whole_sum != parts_sum)
        abort();
}

/* The first byte says where to cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t cut = data[0] % size;
    struct verdict whole = judge(bytes, size - 1, size), parts = judge(bytes, size - 1, cut + 1);
    if (whole.done != parts.done || whole.fault != parts.fault || whole.head_size != parts.head_size)
        abort();
    if (whole.done > 0)
        check_head(bytes, whole.head_size);
    check_chunks(bytes, size - 1, cut < size - 1 ? cut : 0);
    return 0;
}
