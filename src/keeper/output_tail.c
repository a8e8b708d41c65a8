#include "output_tail.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "output_files.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/store/store.h"

#define CHARACTER_MAX_BYTES 4

static uint32_t rest_of_character(const struct output_tail *tail)
{
    uint32_t size = 0;
    if (tail->offset == 0)
        return 0;
    while (size < CHARACTER_MAX_BYTES - 1 && size < tail->size && (tail->bytes[size] & 0xc0) == 0x80)
        size++;
    return size;
}

void output_tail_trim(struct output_tail *tail)
{
    uint32_t rest = rest_of_character(tail);
    tail->is_text = text_is_utf8(tail->bytes + rest, tail->size - rest);
    if (!tail->is_text)
        return;
    memmove(tail->bytes, tail->bytes + rest, tail->size - rest);
    tail->offset += rest;
    tail->size -= rest;
}

static int read_exactly(int fd, struct output_tail *tail, struct error *err)
{
    for (uint32_t at = 0; at < tail->size;) {
        ssize_t got = pread(fd, tail->bytes + at, tail->size - at, (off_t)(tail->offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno, "read the end of an output");
        if (got == 0)
            return fail_plain(err, EBADMSG, "an output is shorter than its record says");
        at += (uint32_t)got;
    }
    return 0;
}

int output_tail_read(int state_fd, const struct job_record *record, uint32_t most, struct output_tail *ret_tail,
                     struct error *err)
{
    auto_fd int log_fd = -1, index_fd = -1;
    *ret_tail = (struct output_tail){ .is_text = true };
    if (record->is_metadata_only)
        return fail_plain(err, EPERM, "its command keeps metadata only");
    if (record->output_bytes == 0)
        return 0;
    if (most > sizeof ret_tail->bytes)
        most = sizeof ret_tail->bytes;
    ret_tail->size = record->output_bytes < most ? (uint32_t)record->output_bytes : most;
    ret_tail->offset = record->output_bytes - ret_tail->size;
    int done = output_files_read(state_fd, &record->id, &log_fd, &index_fd, err);
    if (done == 0)
        done = read_exactly(log_fd, ret_tail, err);
    if (done == 0)
        output_tail_trim(ret_tail);
    return done;
}
