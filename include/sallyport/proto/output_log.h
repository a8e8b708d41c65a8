/*
 * The output of a job as two append-only files: the bytes of both streams in the order in which they were taken, and an
 * index of records of 32 bytes, little-endian. The keeper writes them; front reads them with pread(2) alone.
 *
 * A record is written before its bytes, so a record's length is where the next one begins (the last one's: where the log
 * ends), and a record at the very end of the log has lost its bytes to a crash and means nothing.
 */
#pragma once

#include <stdint.h>

#define OUTPUT_RECORD_BYTES 32

enum output_stream { OUTPUT_STDOUT = 1, OUTPUT_STDERR = 2 };

struct output_record {
    uint64_t offset;        /* in the log */
    uint64_t stream_offset; /* in its own stream */
    uint64_t unix_us;       /* when it was taken */
    uint32_t stream;        /* enum output_stream */
    uint32_t unused;        /* 0 */
};

static inline void output_record_pack(const struct output_record *record, uint8_t bytes[OUTPUT_RECORD_BYTES])
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(record->offset >> (8 * i));
        bytes[8 + i] = (uint8_t)(record->stream_offset >> (8 * i));
        bytes[16 + i] = (uint8_t)(record->unix_us >> (8 * i));
    }
    for (int i = 0; i < 4; i++) {
        bytes[24 + i] = (uint8_t)(record->stream >> (8 * i));
        bytes[28 + i] = 0;
    }
}

static inline void output_record_unpack(const uint8_t bytes[OUTPUT_RECORD_BYTES], struct output_record *ret_record)
{
    *ret_record = (struct output_record){ 0 };
    for (int i = 0; i < 8; i++) {
        ret_record->offset |= (uint64_t)bytes[i] << (8 * i);
        ret_record->stream_offset |= (uint64_t)bytes[8 + i] << (8 * i);
        ret_record->unix_us |= (uint64_t)bytes[16 + i] << (8 * i);
    }
    for (int i = 0; i < 4; i++)
        ret_record->stream |= (uint32_t)bytes[24 + i] << (8 * i);
}
