#include "commands.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "sallyport/base/error.h"
#include "sallyport/base/job_id.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

int job_id_check(const char *text, struct error *err)
{
    struct job_id id;
    if (job_id_parse(text, &id))
        return 0;
    return fail_plain(err, EINVAL,
                      "'%s' is no id of a job: one has 26 digits and lower-case letters; 'sallyport ls' shows them",
                      text);
}

int list_ask(struct client *client, const char *path, size_t limit, json_t **ret_items, struct error *err)
{
    json_t *all = json_array(), *page = NULL;
    char next[2048];
    snprintf(next, sizeof next, "%s", path);
    for (;;) {
        struct request request = { .method = "GET", .path = next };
        if (client_ask(client, &request, &page, err) < 0)
            break;
        const json_t *items = json_object_get(page, "items");
        if (!json_is_array(items)) {
            fail_plain(err, EPROTO, "%s answers with something that is no list; check --url or SALLYPORT_URL",
                       client_address(client));
            break;
        }
        for (size_t i = 0; i < json_array_size(items) && (limit == 0 || json_array_size(all) < limit); i++)
            json_array_append(all, json_array_get(items, i));
        const char *cursor = json_string_value(json_object_get(page, "next_cursor"));
        bool is_whole = cursor == NULL || (limit > 0 && json_array_size(all) >= limit) || json_array_size(items) == 0;
        snprintf(next, sizeof next, "%s%ccursor=", path, strchr(path, '?') == NULL ? '?' : '&');
        if (is_whole || !client_escape(next, sizeof next, cursor)) {
            json_decref(page);
            *ret_items = all;
            return 0;
        }
        json_decref(page);
        page = NULL;
    }
    json_decref(page);
    json_decref(all);
    return -err->code;
}

int filter_add(char *path, size_t room, const char *name, const char *value, struct error *err)
{
    size_t used = strlen(path);
    if (value == NULL)
        return 0;
    if ((size_t)snprintf(path + used, room - used, "&%s=", name) >= room - used || !client_escape(path, room, value))
        return fail_plain(err, EINVAL, "the filters are too long");
    return 0;
}

int commands_ask(struct client *client, json_t **ret_items, struct error *err)
{
    return list_ask(client, "/v1/commands", 0, ret_items, err);
}

static int fail_unknown(struct client *client, const char *name, struct error *err)
{
    json_t *items = NULL;
    unsigned least = 1 + (unsigned)strlen(name) / 2;
    char nearest[NAME_MAX_BYTES] = "";
    struct error ignored;
    if (commands_ask(client, &items, &ignored) < 0)
        items = NULL;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *known = json_string_value(json_object_get(json_array_get(items, i), "name"));
        if (known != NULL && text_distance(name, known) < least && text_copy(nearest, sizeof nearest, known))
            least = text_distance(name, known);
    }
    json_decref(items);
    if (nearest[0] != '\0')
        return fail_plain(err, ENOENT,
                          "there is no command '%s' for you here; did you mean '%s'? 'sallyport commands' lists them",
                          name, nearest);
    return fail_plain(err, ENOENT, "there is no command '%s' for you here; 'sallyport commands' lists them", name);
}

int command_ask(struct client *client, const char *name, json_t **ret_command, struct error *err)
{
    char path[256] = "/v1/commands/";
    if (!client_escape(path, sizeof path, name) || name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail_plain(err, EINVAL, "'%s' is no name of a command; 'sallyport commands' lists them", name);
    struct request request = { .method = "GET", .path = path };
    struct response response;
    int result = client_call(client, &request, &response, err);
    const char *code = json_string_value(json_object_get(response.json, "code"));
    if (result == 0 && response.status == 404 && code != NULL)
        result = fail_unknown(client, name, err);
    else if (result == 0 && response.status != 200)
        result = client_refusal(client, &response, err);
    else if (result == 0 && !json_is_object(response.json))
        result = fail_plain(err, EPROTO, "%s answers with something that is no command; check --url or SALLYPORT_URL",
                            client_address(client));
    if (result == 0)
        *ret_command = json_incref(response.json);
    response_done(&response);
    return result;
}
