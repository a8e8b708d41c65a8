/*
 * Plain structs on a wire or in a file, described by tables.
 *
 * A record is a struct and a table of its fields. The encoder and the decoder are one loop each over that table, so
 * every bound is checked in one place. Fixed widths, little-endian, no padding. Decoding allocates nothing: text is
 * copied into the struct, bytes stay views into the caller's buffer.
 *
 * Used for the messages between processes, for the parts of the configuration that each process gets, and for the
 * plan of a cell. A well-formed record is still only a claim: its meaning is the receiver's to check.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/base/job_id.h"

struct error;

/* A view of somebody else's bytes; as long-lived as the buffer that it points into. */
struct span {
    const uint8_t *data;
    uint32_t size;
};

enum field_kind {
    FIELD_NONE,
    FIELD_U8,
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_BOOL,
    FIELD_ID,
    FIELD_TEXT,
    FIELD_BYTES
};

struct field {
    const char *name;
    enum field_kind kind;
    uint32_t offset; /* within the struct */
    uint64_t max;    /* numbers: the largest accepted. text: room with the NUL. bytes: the most */
};

/* Rows of a table. The member's type must be the one that the row says; a mismatch does not compile. */
#define FIELD_ROW(type, member, ctype, the_kind, limit)                                                                \
    {                                                                                                                  \
        .name = #member, .kind = (the_kind), .offset = (uint32_t)offsetof(type, member),                               \
        .max = (limit) + 0 * sizeof(char[_Generic(((type *)0)->member, ctype : 1)])                                    \
    }
#define U8(type, member, limit)    FIELD_ROW(type, member, uint8_t, FIELD_U8, limit)
#define U32(type, member, limit)   FIELD_ROW(type, member, uint32_t, FIELD_U32, limit)
#define U64(type, member)          FIELD_ROW(type, member, uint64_t, FIELD_U64, UINT64_MAX)
#define I64(type, member)          FIELD_ROW(type, member, int64_t, FIELD_I64, 0)
#define BOOL(type, member)         FIELD_ROW(type, member, bool, FIELD_BOOL, 1)
#define ID(type, member)           FIELD_ROW(type, member, struct job_id, FIELD_ID, 0)
#define TEXT(type, member)         FIELD_ROW(type, member, char *, FIELD_TEXT, sizeof(((type *)0)->member))
#define BYTES(type, member, limit) FIELD_ROW(type, member, struct span, FIELD_BYTES, limit)

struct record_def {
    const char *name;
    const struct field *fields;
    uint32_t field_count;
    uint32_t struct_bytes;
};

#define RECORD(the_name, type, table)                                                                                  \
    {                                                                                                                  \
        .name = (the_name), .fields = (table), .field_count = sizeof(table) / sizeof((table)[0]),                      \
        .struct_bytes = (uint32_t)sizeof(type)                                                                         \
    }

struct reader {
    const uint8_t *at;
    size_t left;
};

struct writer {
    uint8_t *at;
    size_t left;
};

/*
 * Writes record into out, which moves on. -EINVAL if a value breaks its own bound (our bug, but a caller may hold
 * foreign text), -EMSGSIZE if the room is too small.
 */
int record_encode(const struct record_def *def, const void *record, struct writer *out, struct error *err);

/*
 * Reads one record that fills `in` wholly. -EBADMSG names record and field. ret_record is zeroed first; after a
 * failure it holds nothing of use.
 */
int record_decode(const struct record_def *def, struct reader *in, void *ret_record, struct error *err);

/*
 * A file of records: each is u32 type, u32 length, and the encoded record. Types index `defs`; a type whose def has no
 * name is unknown and an error on both ways.
 */
struct record_file {
    uint8_t *data; /* grown by record_file_add(); freed by record_file_done() */
    size_t size, room;
};

int record_file_add(struct record_file *file, const struct record_def *defs, uint32_t def_count, uint32_t type,
                    const void *record, struct error *err);
void record_file_done(struct record_file *file);

/*
 * Takes the next record off `in` into ret_record, which must have room for the largest struct. Returns 1, 0 at the end,
 * or -EBADMSG.
 */
int record_file_next(struct reader *in, const struct record_def *defs, uint32_t def_count, uint32_t *ret_type,
                     void *ret_record, size_t record_room, struct error *err);
