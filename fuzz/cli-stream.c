/*
 * A server's stream, cut anywhere, becomes the same lines; and an output record that is read by hand means what jansson
 * says that it means.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lines.h"
#include "output_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t lines, bytes;
};

static int count_line(void *arg, char *line, size_t length)
{
    struct sum *sum = arg;
    (void)line;
    sum->lines++;
    sum->bytes += length;
    return 0;
}

static int check_line(void *arg, char *line, size_t length)
{
    struct output_record record;
    json_t *json = json_loadb(line, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    const json_t *text = json_object_get(json, "d");
    count_line(arg, line, length);
    if (output_record_read(line, length, &record) == RECORD_OUTPUT) {
        if (record.data < line || record.data + record.size > line + length)
            abort();
        if (json_is_string(text) && json_object_get(json, "b64") == NULL &&
            (json_string_length(text) != record.size || memcmp(json_string_value(text), record.data, record.size) != 0))
            abort();
    }
    json_decref(json);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lines whole = { 0 }, cut = { 0 };
    struct sum first = { 0 }, second = { 0 };
    if (size == 0)
        return 0;
    size_t at = data[0] % size;
    data++;
    size--;
    lines_add(&whole, (const char *)data, size, check_line, &first);
    lines_add(&cut, (const char *)data, at, count_line, &second);
    lines_add(&cut, (const char *)data + at, size - at, count_line, &second);
    if (first.lines != second.lines || first.bytes != second.bytes || whole.used != cut.used)
        abort();
    lines_done(&whole);
    lines_done(&cut);
    return 0;
}
