#include "request_digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/proto/entries.h"

/* One parameter: its entry, and those of its items. */
struct group {
    struct span name, bytes;
};

static int compare_groups(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    uint32_t shorter = a->name.size < b->name.size ? a->name.size : b->name.size;
    int order = shorter > 0 ? memcmp(a->name.data, b->name.data, shorter) : 0;
    if (order != 0)
        return order;
    return (a->name.size > b->name.size) - (a->name.size < b->name.size);
}

static bool is_item(const struct entry *entry)
{
    return (entry->kind & ENTRY_ITEM) != 0;
}

/* Groups point into params. Returns how many, or -EBADMSG. */
static int group_params(struct span params, struct group *groups, size_t room)
{
    struct reader in = { params.data, params.size };
    struct entry entry;
    size_t count = 0;
    int got;
    for (;;) {
        const uint8_t *begin = in.at;
        got = entries_next(&in, &entry);
        if (got <= 0)
            break;
        if (!is_item(&entry) || count == 0) {
            if (count == room)
                return -EBADMSG;
            groups[count++] = (struct group){ .name = entry.name, .bytes = { begin, 0 } };
        }
        groups[count - 1].bytes.size = (uint32_t)(in.at - groups[count - 1].bytes.data);
    }
    return got < 0 ? got : (int)count;
}

static void add_part(struct hash *hash, const void *data, uint32_t size)
{
    uint8_t head[4] = { (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24) };
    hash_update(hash, head, sizeof head);
    hash_update(hash, data, size);
}

static void add_text(struct hash *hash, const char *text)
{
    add_part(hash, text, (uint32_t)strlen(text));
}

static int add_params(struct hash *hash, struct span params, struct error *err)
{
    size_t room = params.size / 7 + 1; /* no entry is smaller */
    struct group *groups = calloc(room, sizeof *groups);
    if (groups == NULL)
        return fail(err, ENOMEM, "compare parameters");
    int count = group_params(params, groups, room);
    if (count > 0)
        qsort(groups, (size_t)count, sizeof *groups, compare_groups);
    for (int i = 0; i < count; i++)
        add_part(hash, groups[i].bytes.data, groups[i].bytes.size);
    free(groups);
    return count < 0 ? fail(err, -count, "compare parameters") : 0;
}

int request_digest(const struct msg_submit *submit, struct span params, const uint8_t *stdin_sha256,
                   uint8_t ret_digest[HASH_BYTES], struct error *err)
{
    struct hash *hash = hash_new();
    if (hash == NULL)
        return fail(err, ENOMEM, "compare requests");
    add_text(hash, submit->command);
    int done = add_params(hash, params, err);
    add_part(hash, submit->labels.data, submit->labels.size);
    add_text(hash, submit->reason);
    add_part(hash, &submit->timeout_ms, sizeof submit->timeout_ms);
    if (submit->steps.size > 0) {
        add_part(hash, submit->steps.data, submit->steps.size);
        add_part(hash, &submit->parallel, sizeof submit->parallel);
    }
    if (submit->has_priority) /* else as it was before there were any */
        add_part(hash, &submit->priority, sizeof submit->priority);
    if (stdin_sha256 != NULL)
        add_part(hash, stdin_sha256, HASH_BYTES);
    if (submit->callback[0] != '\0') {
        add_text(hash, "callback");
        add_text(hash, submit->callback);
        add_text(hash, submit->callback_url);
        if (submit->callback_format != CALLBACK_FORMAT_OWN)
            add_text(hash, "callback_format");
    }
    if (done == 0)
        hash_result(hash, ret_digest);
    hash_free(hash);
    return done;
}
