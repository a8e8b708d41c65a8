/*
 * One line of a job's output as the API writes it: {"type":"output","off":0,"t":"...","s":"out","d":"text"}, or "b64" in
 * place of "d". Read by hand, because a gigabyte of them goes through here; everything else is jansson's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct output_record {
    uint64_t offset;  /* of the first byte in the job's output, both streams counted */
    char stream;      /* 'o' or 'e' */
    const char *time; /* NUL-terminated; "" without one */
    const char *data; /* the bytes as the job wrote them */
    size_t size;
};

enum record_kind {
    RECORD_OTHER, /* not an output record; the line is as it was */
    RECORD_OUTPUT,
    RECORD_BROKEN, /* says that it is one and is not; the line may have been changed */
};

/* The record points into line, which is decoded in place. */
enum record_kind output_record_read(char *line, size_t length, struct output_record *ret_record);

/* In place; returns the number of bytes, or SIZE_MAX for what is not RFC 8259 inside of a string, or not RFC 4648. */
size_t json_string_decode(char *text, size_t size);
size_t base64_decode(char *text, size_t size);
