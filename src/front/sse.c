#include "sse.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#define RETRY_MS 2000

void sse_add_hint(struct evbuffer *chunk)
{
    evbuffer_add_printf(chunk, "retry: %d\n\n", RETRY_MS);
}

void sse_add(struct evbuffer *chunk, const char *event, const char *id, const char *data, size_t size)
{
    if (id != NULL)
        evbuffer_add_printf(chunk, "id: %s\n", id);
    evbuffer_add_printf(chunk, "event: %s\ndata: ", event);
    evbuffer_add(chunk, data, size);
    evbuffer_add(chunk, "\n\n", 2);
}

void sse_add_json(struct evbuffer *chunk, const char *event, const char *id, json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    if (text != NULL)
        sse_add(chunk, event, id, text, strlen(text));
    free(text);
    json_decref(json);
}

void sse_add_ping(struct evbuffer *chunk, const char *id)
{
    evbuffer_add_printf(chunk, ": ping\n");
    if (id != NULL)
        evbuffer_add_printf(chunk, "id: %s\n", id);
    evbuffer_add_printf(chunk, "\n");
}
