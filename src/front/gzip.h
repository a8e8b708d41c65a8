/*
 * One answer's bytes on their way into gzip (RFC 1952). Each costs 260 KiB of memory for as long as it lasts, so there are
 * at most GZIP_COUNT_MAX of them; whoever comes then gets the bytes as they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;
struct gzip;

#define GZIP_COUNT_MAX 16

/* NULL when memory is short. *count is of the living ones, for the caller to compare with GZIP_COUNT_MAX. */
struct gzip *gzip_new(unsigned *count);
void gzip_free(struct gzip *gzip);

/*
 * Appends what becomes of the bytes. Nothing may come out of several pieces until gzip_flush(), after which all that came
 * so far can be read by the other end, or gzip_end(), after which nothing may follow. -ENOMEM.
 */
int gzip_add(struct gzip *gzip, const uint8_t *data, size_t size, struct evbuffer *out);
int gzip_flush(struct gzip *gzip, struct evbuffer *out);
int gzip_end(struct gzip *gzip, struct evbuffer *out);
bool gzip_has_ended(const struct gzip *gzip);
