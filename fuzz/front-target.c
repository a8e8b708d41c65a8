/* The target of a request line: what is accepted is free of everything that two readers could take differently. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/text.h"

#include "path.h"
#include "query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segment(const char *segment)
{
    if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0 || strpbrk(segment, "/\\\r\n") != NULL)
        abort();
}

static void check_query(const struct query *query)
{
    for (unsigned i = 0; i < query->count; i++) {
        const char *key = query->pairs[i].key, *value = query->pairs[i].value;
        size_t size;
        if (query_get_bytes(query, key, &size) != value || value[size] != '\0' || strpbrk(key, "\r\n") != NULL)
            abort();
        if (query->pairs[i].is_bytes) {
            if (query_get(query, key) != NULL || strcmp(key, "search") != 0)
                abort();
            continue;
        }
        if (query_get(query, key) != value || size != strlen(value) || !text_is_utf8(value, size) ||
            strpbrk(value, "\r\n") != NULL)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *target = strndup((const char *)data, size);
    struct path path;
    struct path_match match;
    struct query query;
    const char *raw_query, *why = NULL;
    if (path_parse(target, &path, &raw_query, &why)) {
        for (unsigned i = 0; i < path.count; i++)
            check_segment(path.segments[i]);
        path_matches(&path, "/v1/jobs/{id}/output", &match);
        if (path_matches(&path, "/v1/commands/{name}", &match) && !text_is_name(match.name))
            abort();
        if (query_parse_bytes(raw_query, "search", &query, &why))
            check_query(&query);
        else if (why == NULL)
            abort();
    } else if (why == NULL) {
        abort();
    }
    free(target);
    return 0;
}
