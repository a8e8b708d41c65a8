#include "starts.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"

/* At least one whole record, from `at` on. */
static int fill(struct starts *starts, uint64_t at, struct error *err)
{
    uint64_t wanted = starts->bytes - at;
    if (wanted > sizeof starts->block)
        wanted = sizeof starts->block;
    ssize_t got = pread(starts->fd, starts->block, (size_t)wanted, (off_t)at);
    if (got < 0)
        return fail(err, errno, "read the launcher's start record");
    if (got < START_RECORD_BYTES)
        return fail_plain(err, EBADMSG, "the launcher's start record became shorter while it was read");
    starts->block_at = at;
    starts->block_bytes = (uint64_t)got - (uint64_t)got % START_RECORD_BYTES;
    return 0;
}

static int starts_next(void *arg, uint8_t ret_head[HASH_BYTES], struct error *err)
{
    static_assert(HASH_BYTES == START_RECORD_HEAD_BYTES, "a head is a hash");
    struct starts *starts = arg;
    uint64_t at = starts->count * START_RECORD_BYTES;
    if (at >= starts->bytes)
        return 0;
    int done = at < starts->block_at + starts->block_bytes ? 0 : fill(starts, at, err);
    if (done < 0)
        return done;
    struct reader in = { starts->block + (at - starts->block_at), START_RECORD_BYTES };
    if (record_decode(&start_record_def, &in, &starts->last, NULL) < 0 ||
        starts->last.audit_head.size != START_RECORD_HEAD_BYTES)
        return fail_plain(err, EBADMSG, "entry %llu of the launcher's start record is not what it wrote",
                          (unsigned long long)starts->count + 1);
    starts->count++;
    memcpy(ret_head, starts->last.audit_head.data, HASH_BYTES);
    return 1;
}

struct audit_witness starts_witness(struct starts *starts)
{
    return (struct audit_witness){ starts_next, starts };
}
