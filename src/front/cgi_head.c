#include "cgi_head.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "sallyport/base/http_field.h"
#include "sallyport/base/text.h"

struct line {
    const char *at;
    size_t size;
};

/* All that a program may say. The rest is ours, the connection's, or would act beyond this one answer (Set-Cookie). */
static const char *const passed_names[] = { "Cache-Control", "Content-Disposition", "Content-Language", "ETag",
                                            "Expires",       "Last-Modified",       "Location",         "Retry-After" };
static_assert(sizeof passed_names / sizeof passed_names[0] == CGI_FIELDS_MAX, "there is room for each");
#define NAME_STATUS "Status"
#define NAME_TYPE   "Content-Type"

static bool name_is(struct line name, const char *text)
{
    return name.size == strlen(text) && strncasecmp(name.at, text, name.size) == 0;
}

static struct line trim(struct line text)
{
    while (text.size > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = (struct line){ text.at + 1, text.size - 1 };
    while (text.size > 0 && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* "404", or "404 and a phrase", of which only the number is passed on. */
static const char *take_status(struct line value, struct cgi_head *head)
{
    uint64_t status;
    char text[4];
    bool is_number = value.size >= 3 && text_copy_bytes(text, sizeof text, value.at, 3) && text_u64(text, 599, &status);
    if (!is_number || status < 200 || (value.size > 3 && value.at[3] != ' '))
        return "its Status is no number from 200 to 599";
    if (head->status != 0)
        return "it says Status twice";
    head->status = (unsigned)status;
    return NULL;
}

static const char *take_type(struct line value, struct cgi_head *head)
{
    if (head->type[0] != '\0')
        return "it says Content-Type twice";
    if (!text_copy_bytes(head->type, sizeof head->type, value.at, value.size))
        return "its Content-Type is too long";
    for (char *c = head->type; *c != '\0' && *c != ';'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return http_media_type_is_good(head->type, true) ? NULL : "its Content-Type is no media type";
}

/* A path of this host, or a URL that browsers open as a page: nothing like javascript:, and nothing that only looks like a path. */
static bool is_location(struct line value)
{
    bool is_url = (value.size > 8 && strncmp(value.at, "https://", 8) == 0) ||
                  (value.size > 7 && strncmp(value.at, "http://", 7) == 0);
    bool is_path = value.at[0] == '/' && (value.size == 1 || (value.at[1] != '/' && value.at[1] != '\\'));
    return (is_url || is_path) && memchr(value.at, ' ', value.size) == NULL &&
           memchr(value.at, '\\', value.size) == NULL;
}

static const char *take_passed(struct line name, struct line value, struct cgi_head *head)
{
    const char *known = NULL;
    for (size_t i = 0; i < sizeof passed_names / sizeof passed_names[0] && known == NULL; i++)
        if (name_is(name, passed_names[i]))
            known = passed_names[i];
    if (known == NULL)
        return "it has a field that a program may not set";
    for (unsigned i = 0; i < head->field_count; i++)
        if (head->fields[i].name == known)
            return "it says a field twice";
    if (strcmp(known, "Location") == 0 && !is_location(value))
        return "its Location is neither a path nor an http URL";
    head->fields[head->field_count].name = known;
    head->fields[head->field_count++].value = (struct span){ (const uint8_t *)value.at, (uint32_t)value.size };
    return NULL;
}

/* NULL, or what is wrong. */
static const char *take_field(struct line line, struct cgi_head *head)
{
    const char *colon = memchr(line.at, ':', line.size);
    if (line.at[0] == ' ' || line.at[0] == '\t')
        return "a line of it begins with a blank";
    if (colon == NULL)
        return "a line of it has no colon";
    struct line name = { line.at, (size_t)(colon - line.at) };
    struct line value = trim((struct line){ colon + 1, line.size - name.size - 1 });
    if (!http_field_name_is_good(name.at, name.size))
        return "a name in it is none";
    if (!http_field_value_is_good(value.at, value.size))
        return "a value in it is empty, longer than 1024 bytes or not printable ASCII";
    if (name_is(name, NAME_STATUS))
        return take_status(value, head);
    return name_is(name, NAME_TYPE) ? take_type(value, head) : take_passed(name, value, head);
}

bool cgi_head_parse(const void *data, size_t size, struct cgi_head *ret_head, const char **ret_why)
{
    const char *text = data;
    size_t most = size < CGI_HEAD_MAX_BYTES ? size : CGI_HEAD_MAX_BYTES, at = 0;
    *ret_head = (struct cgi_head){ 0 };
    for (;;) {
        const char *end = at < most ? memchr(text + at, '\n', most - at) : NULL;
        if (end == NULL) {
            *ret_why = most < size || most == CGI_HEAD_MAX_BYTES ? "it is longer than 8 KiB" : "no empty line ends it";
            return false;
        }
        struct line line = { text + at, (size_t)(end - text) - at };
        at += line.size + 1;
        if (line.size > 0 && line.at[line.size - 1] == '\r')
            line.size--;
        if (line.size == 0)
            break;
        *ret_why = take_field(line, ret_head);
        if (*ret_why != NULL)
            return false;
    }
    ret_head->size = at;
    return true;
}

static size_t essence(const char *type)
{
    return strcspn(type, "; \t");
}

bool media_type_is_same(const char *left, const char *right)
{
    size_t size = essence(left);
    return size == essence(right) && strncasecmp(left, right, size) == 0;
}

static bool contains(const char *type, size_t size, const char *word)
{
    size_t word_size = strlen(word);
    for (size_t at = 0; at + word_size <= size; at++)
        if (strncasecmp(type + at, word, word_size) == 0)
            return true;
    return false;
}

/* Scripts by any of their names (WHATWG MIME Sniffing, "JavaScript MIME type"); of several parts each has a type of its own. */
bool media_type_is_active(const char *type)
{
    static const char *const active[] = { "text/html", "text/xml", "application/xml", "text/jscript",
                                          "text/livescript" };
    size_t size = essence(type);
    for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
        if (media_type_is_same(type, active[i]))
            return true;
    return contains(type, size, "javascript") || contains(type, size, "ecmascript") ||
           strncasecmp(type, "multipart/", 10) == 0 || (size > 4 && strncasecmp(type + size - 4, "+xml", 4) == 0);
}
