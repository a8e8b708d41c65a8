#include "turn_item.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/fd.h"

void turn_item_free(struct turn_item *item)
{
    for (unsigned i = 0; i < item->fd_count; i++)
        fd_close(&item->fds[i]);
    explicit_bzero(item->body, item->body_bytes);
    free(item);
}

static size_t spans_bytes(enum msg_type type, const void *body)
{
    const struct record_def *def = &message_defs[type];
    size_t bytes = 0;
    for (uint32_t i = 0; i < def->field_count; i++)
        if (def->fields[i].kind == FIELD_BYTES)
            bytes += ((const struct span *)((const char *)body + def->fields[i].offset))->size;
    return bytes;
}

/* Copies the struct, and behind it the bytes of its spans, which then point there. */
static void copy_body(struct turn_item *item, enum msg_type type, const void *body)
{
    const struct record_def *def = &message_defs[type];
    memcpy(item->body, body, def->struct_bytes);
    uint8_t *to = item->body + def->struct_bytes;
    for (uint32_t i = 0; i < def->field_count; i++) {
        if (def->fields[i].kind != FIELD_BYTES)
            continue;
        struct span *span = (struct span *)(void *)(item->body + def->fields[i].offset);
        if (span->size > 0)
            memcpy(to, span->data, span->size);
        span->data = to;
        to += span->size;
    }
}

struct turn_item *turn_item_new(enum msg_type type, const void *body, const int *fds, unsigned fd_count)
{
    size_t body_bytes = message_defs[type].struct_bytes + spans_bytes(type, body);
    struct turn_item *item = calloc(1, sizeof *item + body_bytes);
    if (item == NULL)
        return NULL;
    item->body_bytes = body_bytes;
    copy_body(item, type, body);
    item->type = type;
    for (unsigned i = 0; i < fd_count; i++) {
        item->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (item->fds[i] < 0) {
            turn_item_free(item);
            return NULL;
        }
        item->fd_count++;
    }
    return item;
}
