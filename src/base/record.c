#include "sallyport/base/record.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"

#define FILE_HEAD_BYTES 8

static bool write_number(struct writer *out, uint64_t number, size_t width)
{
    if (out->left < width)
        return false;
    for (size_t i = 0; i < width; i++)
        out->at[i] = (uint8_t)(number >> (8 * i));
    out->at += width;
    out->left -= width;
    return true;
}

static bool write_bytes(struct writer *out, const void *data, size_t size)
{
    if (!write_number(out, size, 4) || out->left < size)
        return false;
    if (size > 0)
        memcpy(out->at, data, size);
    out->at += size;
    out->left -= size;
    return true;
}

static bool read_number(struct reader *in, size_t width, uint64_t *ret_number)
{
    if (in->left < width)
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++)
        number |= (uint64_t)in->at[i] << (8 * i);
    in->at += width;
    in->left -= width;
    *ret_number = number;
    return true;
}

static bool read_bytes(struct reader *in, uint64_t max, struct span *ret_span)
{
    uint64_t size;
    if (!read_number(in, 4, &size) || size > max || size > in->left)
        return false;
    *ret_span = (struct span){ in->at, (uint32_t)size };
    in->at += size;
    in->left -= size;
    return true;
}

/* The value of a number field in its struct, widened. */
static uint64_t load_number(enum field_kind kind, const void *from)
{
    switch (kind) {
    case FIELD_U8:
        return *(const uint8_t *)from;
    case FIELD_BOOL:
        return *(const bool *)from;
    case FIELD_U32:
        return *(const uint32_t *)from;
    default:
        return *(const uint64_t *)from; /* int64_t travels as its two's complement */
    }
}

static void store_number(enum field_kind kind, uint64_t number, void *to)
{
    switch (kind) {
    case FIELD_U8:
        *(uint8_t *)to = (uint8_t)number;
        break;
    case FIELD_BOOL:
        *(bool *)to = number != 0;
        break;
    case FIELD_U32:
        *(uint32_t *)to = (uint32_t)number;
        break;
    default:
        *(uint64_t *)to = number;
        break;
    }
}

static const uint8_t number_width[] = {
    [FIELD_U8] = 1, [FIELD_BOOL] = 1, [FIELD_U32] = 4, [FIELD_U64] = 8, [FIELD_I64] = 8,
};

static int write_field(const struct field *field, const void *from, struct writer *out)
{
    switch (field->kind) {
    case FIELD_ID:
        if (out->left < JOB_ID_BYTES)
            return -EMSGSIZE;
        memcpy(out->at, from, JOB_ID_BYTES);
        out->at += JOB_ID_BYTES;
        out->left -= JOB_ID_BYTES;
        return 0;
    case FIELD_TEXT: {
        size_t length = strnlen(from, field->max);
        if (length == field->max)
            return -EINVAL;
        return write_bytes(out, from, length) ? 0 : -EMSGSIZE;
    }
    case FIELD_BYTES: {
        const struct span *span = from;
        if (span->size > field->max)
            return -EINVAL;
        return write_bytes(out, span->data, span->size) ? 0 : -EMSGSIZE;
    }
    default: {
        uint64_t number = load_number(field->kind, from);
        if (field->kind != FIELD_I64 && number > field->max)
            return -EINVAL;
        return write_number(out, number, number_width[field->kind]) ? 0 : -EMSGSIZE;
    }
    }
}

static bool read_field(const struct field *field, struct reader *in, void *to)
{
    switch (field->kind) {
    case FIELD_ID:
        if (in->left < JOB_ID_BYTES)
            return false;
        memcpy(to, in->at, JOB_ID_BYTES);
        in->at += JOB_ID_BYTES;
        in->left -= JOB_ID_BYTES;
        return true;
    case FIELD_TEXT: {
        struct span text;
        if (!read_bytes(in, field->max - 1, &text) || memchr(text.data, '\0', text.size) != NULL)
            return false;
        memcpy(to, text.data, text.size);
        ((char *)to)[text.size] = '\0';
        return true;
    }
    case FIELD_BYTES:
        return read_bytes(in, field->max, to);
    default: {
        uint64_t number;
        if (!read_number(in, number_width[field->kind], &number))
            return false;
        if (field->kind != FIELD_I64 && number > field->max)
            return false;
        store_number(field->kind, number, to);
        return true;
    }
    }
}

int record_encode(const struct record_def *def, const void *record, struct writer *out, struct error *err)
{
    for (uint32_t i = 0; i < def->field_count; i++) {
        const struct field *field = &def->fields[i];
        int done = write_field(field, (const char *)record + field->offset, out);
        if (done < 0)
            return fail(err, -done, "write %s.%s", def->name, field->name);
    }
    return 0;
}

int record_decode(const struct record_def *def, struct reader *in, void *ret_record, struct error *err)
{
    memset(ret_record, 0, def->struct_bytes);
    for (uint32_t i = 0; i < def->field_count; i++) {
        const struct field *field = &def->fields[i];
        if (!read_field(field, in, (char *)ret_record + field->offset))
            return fail(err, EBADMSG, "read %s.%s", def->name, field->name);
    }
    if (in->left != 0)
        return fail(err, EBADMSG, "read %s: %zu bytes left over", def->name, in->left);
    return 0;
}

static size_t record_bytes_most(const struct record_def *def, const void *record)
{
    size_t most = 0;
    for (uint32_t i = 0; i < def->field_count; i++) {
        const struct field *field = &def->fields[i];
        const void *from = (const char *)record + field->offset;
        if (field->kind == FIELD_TEXT)
            most += 4 + strnlen(from, field->max);
        else if (field->kind == FIELD_BYTES)
            most += 4 + ((const struct span *)from)->size;
        else
            most += JOB_ID_BYTES;
    }
    return most;
}

int record_file_add(struct record_file *file, const struct record_def *defs, uint32_t def_count, uint32_t type,
                    const void *record, struct error *err)
{
    assert(type < def_count && defs[type].name != NULL);
    size_t needed = file->size + FILE_HEAD_BYTES + record_bytes_most(&defs[type], record);
    if (needed > file->room) {
        size_t room = needed + file->room;
        uint8_t *larger = realloc(file->data, room);
        if (larger == NULL)
            return fail(err, ENOMEM, "write %s", defs[type].name);
        file->data = larger;
        file->room = room;
    }
    struct writer body = { file->data + file->size + FILE_HEAD_BYTES, file->room - file->size - FILE_HEAD_BYTES };
    int done = record_encode(&defs[type], record, &body, err);
    if (done < 0)
        return done;
    size_t length = (size_t)(body.at - (file->data + file->size + FILE_HEAD_BYTES));
    struct writer head = { file->data + file->size, FILE_HEAD_BYTES };
    write_number(&head, type, 4);
    write_number(&head, length, 4);
    file->size += FILE_HEAD_BYTES + length;
    return 0;
}

void record_file_done(struct record_file *file)
{
    if (file->data != NULL)
        explicit_bzero(file->data, file->size); /* keys are in some of them */
    free(file->data);
    *file = (struct record_file){ 0 };
}

int record_file_next(struct reader *in, const struct record_def *defs, uint32_t def_count, uint32_t *ret_type,
                     void *ret_record, size_t record_room, struct error *err)
{
    if (in->left == 0)
        return 0;
    uint64_t type, length;
    if (!read_number(in, 4, &type) || !read_number(in, 4, &length) || length > in->left)
        return fail(err, EBADMSG, "record file is cut short");
    if (type >= def_count || defs[type].name == NULL)
        return fail_plain(err, EBADMSG, "record file holds an unknown type %u", (unsigned)type);
    assert(defs[type].struct_bytes <= record_room);
    struct reader body = { in->at, (size_t)length };
    in->at += length;
    in->left -= length;
    int done = record_decode(&defs[type], &body, ret_record, err);
    if (done < 0)
        return done;
    *ret_type = (uint32_t)type;
    return 1;
}
