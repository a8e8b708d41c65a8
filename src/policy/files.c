#include "sallyport/policy/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/proto/entries.h"

#define SIZE_TEXT_BYTES 24

bool files_name_is_taken(const char *name)
{
    return strcmp(name, PART_JOB) == 0 || strcmp(name, PART_STDIN) == 0;
}

static struct span span_of(const void *data, size_t size)
{
    return (struct span){ data, (uint32_t)size };
}

bool files_add_entries(const struct bundle *bundle, const uint8_t (*sha256)[HASH_BYTES], struct writer *out)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct bundle_file *file = &bundle->files[i];
        char size[SIZE_TEXT_BYTES];
        snprintf(size, sizeof size, "%" PRIu64, file->bytes);
        struct span digest = sha256 != NULL ? span_of(sha256[i], HASH_BYTES) : (struct span){ 0 };
        if (!entries_add(out, ENTRY_FILE, span_of(file->name, strlen(file->name)), span_of(size, strlen(size)), digest))
            return false;
    }
    return true;
}

int files_count(struct span params)
{
    struct reader in = { params.data, params.size };
    struct entry entry;
    int count = 0, more;
    while ((more = entries_next(&in, &entry)) == 1)
        count += entry.kind == ENTRY_FILE;
    return more < 0 ? more : count;
}

static bool is_file(const struct entry *entry, const struct bundle_file *file)
{
    char size[SIZE_TEXT_BYTES];
    snprintf(size, sizeof size, "%" PRIu64, file->bytes);
    return span_is(entry->name, file->name) && span_is(entry->value, size);
}

int files_compare(struct span params, const struct bundle *bundle, struct error *err)
{
    struct reader in = { params.data, params.size };
    struct entry entry;
    uint32_t found = 0, count = bundle != NULL ? bundle->count : 0;
    int more;
    while ((more = entries_next(&in, &entry)) == 1) {
        if (entry.kind != ENTRY_FILE)
            continue;
        if (found == count || !is_file(&entry, &bundle->files[found]))
            return fail_plain(err, EINVAL, "the files that were handed over are not those of the parameters");
        found++;
    }
    if (more < 0)
        return fail_plain(err, EBADMSG, "parameters are cut short");
    return found == count ? 0 : fail_plain(err, EINVAL, "files were handed over that are no parameters");
}
