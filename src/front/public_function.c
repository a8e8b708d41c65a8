#include "public_function.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <event2/http.h>

#include "sallyport/base/error.h"
#include "sallyport/base/http_field.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

static int read_accept(struct public_function *function, struct span accept, struct error *err)
{
    struct reader in = { accept.data, accept.size };
    struct entry entry;
    int got;
    while ((got = entries_next(&in, &entry)) > 0)
        if (entry.kind != ENTRY_FIELD || function->accept_count == ROUTE_ACCEPT_MAX ||
            !text_copy_bytes(function->accept[function->accept_count++], MEDIA_TYPE_BYTES, entry.name.data,
                             entry.name.size))
            return fail_plain(err, EBADMSG, "media types of function '%s' that are none", function->path);
    return got < 0 ? fail_plain(err, EBADMSG, "media types of function '%s' are cut short", function->path) : 0;
}

int public_function_read(const struct setting_route *setting, struct public_function *ret_function, struct error *err)
{
    *ret_function = (struct public_function){ .methods = setting->methods,
                                              .response = setting->response,
                                              .takes_body = setting->takes_body };
    memcpy(ret_function->command, setting->command, sizeof ret_function->command);
    memcpy(ret_function->path, setting->path, sizeof ret_function->path);
    memcpy(ret_function->type, setting->type, sizeof ret_function->type);
    if (setting->path[0] == '\0' || setting->methods == 0 || setting->statuses.size != ROUTE_STATUS_BYTES ||
        !http_media_type_is_good(setting->type, true))
        return fail_plain(err, EBADMSG, "function '%s' is none", setting->path);
    for (unsigned code = 0; code <= ROUTE_ANY_CODE; code++) {
        unsigned status = (unsigned)setting->statuses.data[2 * code] << 8 | setting->statuses.data[2 * code + 1];
        if (status != 0 && (status < 200 || status > 599))
            return fail_plain(err, EBADMSG, "function '%s' has a status %u", setting->path, status);
        ret_function->statuses[code] = (uint16_t)status;
    }
    return read_accept(ret_function, setting->accept, err);
}

unsigned public_function_status(const struct public_function *function, uint32_t exit_code)
{
    if (exit_code < ROUTE_ANY_CODE && function->statuses[exit_code] != 0)
        return function->statuses[exit_code];
    return exit_code == 0 ? 200 : function->statuses[ROUTE_ANY_CODE];
}

bool public_function_takes(const struct public_function *function, const char *content_type)
{
    if (content_type == NULL)
        return function->accept_count == 0;
    size_t size = strcspn(content_type, "; \t");
    for (unsigned i = 0; i < function->accept_count; i++) {
        const char *type = function->accept[i];
        size_t length = strlen(type);
        bool is_range = length > 2 && strcmp(type + length - 2, "/*") == 0;
        if (is_range ? size >= length && strncasecmp(type, content_type, length - 1) == 0
                     : size == length && strncasecmp(type, content_type, length) == 0)
            return true;
    }
    return function->accept_count == 0;
}

/* In the order of enum route_method's bits. */
static const struct {
    const char *name;
    unsigned evhttp_methods;
} methods[] = {
    { "GET", EVHTTP_REQ_GET | EVHTTP_REQ_HEAD },
    { "POST", EVHTTP_REQ_POST },
    { "PUT", EVHTTP_REQ_PUT },
    { "PATCH", EVHTTP_REQ_PATCH },
    { "DELETE", EVHTTP_REQ_DELETE },
};

uint32_t function_method(unsigned evhttp_method)
{
    for (unsigned i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if ((methods[i].evhttp_methods & evhttp_method) != 0)
            return 1u << i;
    return 0;
}

const char *function_method_name(unsigned index)
{
    return index < sizeof methods / sizeof methods[0] ? methods[index].name : NULL;
}
