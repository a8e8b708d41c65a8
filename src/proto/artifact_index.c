#include "sallyport/proto/artifact_index.h"

#include <errno.h>

#include "sallyport/base/error.h"

#define SHA256_BYTES 32

static const struct field head_fields[] = {
    U8(struct artifact_index_head, outcome, ARTIFACT_OUTCOME_MAX - 1),
    U32(struct artifact_index_head, unlisted, UINT32_MAX),
};

static const struct field entry_fields[] = {
    BYTES(struct artifact_index_entry, name, ARTIFACT_SHOWN_MAX_BYTES),
    U8(struct artifact_index_entry, why, ARTIFACT_WHY_MAX - 1),
    U64(struct artifact_index_entry, offset),
    U64(struct artifact_index_entry, bytes),
    BYTES(struct artifact_index_entry, sha256, SHA256_BYTES),
};

const struct record_def artifact_index_defs[ARTIFACT_INDEX_RECORD_COUNT] = {
    [ARTIFACT_INDEX_HEAD] = RECORD("artifacts", struct artifact_index_head, head_fields),
    [ARTIFACT_INDEX_ENTRY] = RECORD("artifact", struct artifact_index_entry, entry_fields),
};

static int next_record(struct artifact_index_reader *reader, enum artifact_index_record type,
                       union any_artifact_index_record *ret_record, struct error *err)
{
    uint32_t found = ARTIFACT_INDEX_NONE;
    int more = record_file_next(&reader->in, artifact_index_defs, ARTIFACT_INDEX_RECORD_COUNT, &found, ret_record,
                                sizeof *ret_record, err);
    return more > 0 && found != type ? fail_plain(err, EBADMSG, "index of artefacts: a record in the wrong place")
                                     : more;
}

static bool is_entry(const struct artifact_index_entry *entry, uint64_t stream_bytes)
{
    if (entry->why != ARTIFACT_WHY_NONE)
        return entry->name.size > 0 && entry->bytes == 0 && entry->sha256.size == 0;
    return artifact_name_is_good(entry->name.data, entry->name.size) && entry->sha256.size == SHA256_BYTES &&
           entry->offset <= stream_bytes && entry->bytes <= stream_bytes - entry->offset;
}

int artifact_index_next(struct artifact_index_reader *reader, struct artifact_index_entry *ret_entry, struct error *err)
{
    union any_artifact_index_record record;
    if (!reader->has_head) {
        int done = next_record(reader, ARTIFACT_INDEX_HEAD, &record, err);
        if (done <= 0)
            return done < 0 ? done : fail_plain(err, EBADMSG, "index of artefacts: it is empty");
        reader->has_head = true;
        reader->head = record.head;
    }
    int done = next_record(reader, ARTIFACT_INDEX_ENTRY, &record, err);
    if (done <= 0)
        return done;
    if (!is_entry(&record.entry, reader->stream_bytes))
        return fail_plain(err, EBADMSG, "index of artefacts: an entry that cannot be");
    *ret_entry = record.entry;
    return 1;
}
