/*
 * Bytes for a job's stream of input (stdin_stream.h), as a caller sends them: who may, do they follow what is known, is there room;
 * then the bytes are stored behind the others, beside the work of the loop; then the record says that they count, in
 * one commit with its audit entry; then the caller hears. A kill between any two of these leaves bytes that do not count, and the
 * next chunk is written over them.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

struct keeper;
struct stdin_chunk;

LIST_HEAD(stdin_chunks, stdin_chunk);

/* Gives up those that are under way. */
void stdin_chunks_done(struct keeper *keeper);
