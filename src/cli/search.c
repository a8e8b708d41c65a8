#include "search.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ansi.h"
#include "cli.h"
#include "client.h"
#include "lines.h"
#include "output_record.h"
#include "sallyport/base/error.h"
#include "sallyport/limits.h"
#include "say.h"

struct searching {
    struct cli *cli;
    struct lines lines;
    uint64_t found, truncated;
    uint64_t page_found, next_offset; /* as the end record says */
    bool has_end, is_complete;
    bool has_last;
    uint64_t last_offset; /* of the line that was printed last */
};

/* Its bytes, in memory that the caller frees; NULL if the record has none. */
static char *line_bytes(const json_t *record, size_t *ret_size)
{
    const json_t *text = json_object_get(record, "d"), *base64 = json_object_get(record, "b64");
    const json_t *payload = text != NULL ? text : base64;
    if (!json_is_string(payload))
        return NULL;
    *ret_size = json_string_length(payload);
    char *bytes = strdup(json_string_value(payload));
    if (bytes != NULL && text == NULL)
        *ret_size = base64_decode(bytes, *ret_size);
    if (bytes != NULL && *ret_size == SIZE_MAX) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static int print_match(const struct searching *searching, const json_t *record)
{
    size_t size = 0;
    if (searching->cli->format == FORMAT_NDJSON) {
        json_dumpf(record, stdout, JSON_COMPACT);
        putchar('\n');
        return 0;
    }
    char *bytes = line_bytes(record, &size);
    if (bytes == NULL)
        return -EPROTO;
    if (searching->cli->is_plain) {
        struct ansi plain = { 0 };
        size = ansi_strip(&plain, bytes, size, bytes);
    }
    fwrite(bytes, 1, size, stdout);
    putchar('\n');
    free(bytes);
    return 0;
}

/* A line that was unfinished on the page before comes again on the next one. */
static int take_match(struct searching *searching, const json_t *record)
{
    const json_t *offset = json_object_get(record, "off");
    if (!json_is_integer(offset))
        return -EPROTO;
    uint64_t at = (uint64_t)json_integer_value(offset);
    if (searching->has_last && at <= searching->last_offset)
        return 0;
    searching->has_last = true;
    searching->last_offset = at;
    searching->found++;
    searching->truncated += json_is_true(json_object_get(record, "truncated"));
    return print_match(searching, record);
}

static int take_end(struct searching *searching, const json_t *record)
{
    const json_t *matches = json_object_get(record, "matches"), *next = json_object_get(record, "next_offset"),
                 *is_complete = json_object_get(record, "is_complete");
    if (!json_is_integer(matches) || !json_is_integer(next) || !json_is_boolean(is_complete))
        return -EPROTO;
    searching->has_end = true;
    searching->page_found = (uint64_t)json_integer_value(matches);
    searching->next_offset = (uint64_t)json_integer_value(next);
    searching->is_complete = json_is_true(is_complete);
    return 0;
}

static int take_line(void *arg, char *line, size_t length)
{
    struct searching *searching = arg;
    json_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(record, "type"));
    int result = type != NULL ? 0 : -EPROTO;
    if (result == 0 && strcmp(type, "match") == 0)
        result = take_match(searching, record);
    else if (result == 0 && strcmp(type, "end") == 0)
        result = take_end(searching, record);
    json_decref(record);
    return result;
}

static int on_bytes(void *arg, const char *data, size_t size)
{
    struct searching *searching = arg;
    return lines_add(&searching->lines, data, size, take_line, searching);
}

/* One page. -errno with a sentence. */
static int ask_page(struct searching *searching, const char *path, struct error *err)
{
    const struct client *client = searching->cli->client;
    const struct request request = { .method = "GET", .path = path, .accept = "application/x-ndjson" };
    const struct sink sink = { .on_bytes = on_bytes, .wake_fd = -1, .arg = searching };
    struct response response;
    int result = 0;
    searching->has_end = false;
    lines_reset(&searching->lines);
    enum exchange exchange = client_stream(searching->cli->client, &request, &sink, &response, err);
    if (exchange == EXCHANGE_STOPPED)
        result = fail_plain(err, EPROTO, "%s answers with something that is no search; check --url or SALLYPORT_URL",
                            client_address(client));
    else if (exchange != EXCHANGE_ANSWERED)
        result = -err->code;
    else if (response.status != 200)
        result = client_refusal(client, &response, err);
    else if (!searching->has_end)
        result =
            fail_plain(err, EPROTO, "%s ended the search early; what is missing is not known", client_address(client));
    response_done(&response);
    return result;
}

static int ask_pages(struct searching *searching, const char *id, const char *text, bool ignores_case,
                     struct error *err)
{
    char path[1024];
    for (uint64_t offset = 0;;) {
        snprintf(path, sizeof path, "/v1/jobs/%s/output?limit=%d&offset=%" PRIu64 "%s&search=", id, SEARCH_MATCHES_MAX,
                 offset, ignores_case ? "&ignore_case=1" : "");
        if (!client_escape(path, sizeof path, text))
            return fail_plain(err, EINVAL, "the text to search for is too long");
        int result = ask_page(searching, path, err);
        bool has_more = searching->page_found >= SEARCH_MATCHES_MAX && !searching->is_complete;
        if (result < 0 || !has_more || searching->next_offset <= offset)
            return result;
        offset = searching->next_offset;
    }
}

int search_job(struct cli *cli, const char *id, const char *text, bool ignores_case)
{
    struct searching searching = { .cli = cli };
    struct error err;
    int result = ask_pages(&searching, id, text, ignores_case, &err);
    lines_done(&searching.lines);
    if (result < 0) {
        fflush(stdout);
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    if (searching.truncated > 0 && !cli->is_quiet) {
        fflush(stdout);
        say_dim("of %" PRIu64 " lines that are too long only the beginning is shown", searching.truncated);
    }
    return searching.found > 0 ? 0 : CODE_NOT_FOUND;
}
