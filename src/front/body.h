/* The body of a request, judged by its head. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct request;

/* Nobody needs the body any more: wiped, and the room that it took is given back. Its bytes are gone. */
void body_forget(struct request *request);

/*
 * The bytes of a JSON body; they last as long as the request. False: it was refused (415, 413) and is gone, and the
 * body, which may hold what is secret all the same, is wiped. An empty body needs no media type.
 */
bool body_json(struct request *request, const uint8_t **ret_data, size_t *ret_size);

/* The bytes of any other body, for as long. An empty one needs no media type. False: refused (415) and gone. */
bool body_bytes(struct request *request, const uint8_t **ret_data, size_t *ret_size);

/*
 * Moves the next piece of the body into a memory file; the bytes that moved are gone here. What is left is for the next turns
 * of the loop. 0 or -errno.
 */
int body_pour(struct request *request, int fd, struct error *err);

/* Of a request that says all with its path: no body, or {}. False: it was refused and is gone. */
bool body_nothing(struct request *request);
