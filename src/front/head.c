#include "head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include "sallyport/base/text.h"

#include "fields.h"

#define FIELDS_MAX 100

/* Fields that mean something to us and have one value: twice is two opinions. */
static const char *const single_fields[] = {
    "Host",  "Content-Length", "Transfer-Encoding", "Content-Type", "Authorization", "Idempotency-Key",
    "Range", "Expect",
};
#define SINGLE_COUNT (sizeof single_fields / sizeof single_fields[0])

struct request_line head_line(struct evhttp_request *http)
{
    return (struct request_line){ http->major, http->minor };
}

void head_mend_line(struct evhttp_request *http)
{
    if (http->major != 1 || http->minor != 0) {
        http->major = 1;
        http->minor = 1;
    }
}

/* RFC 9110 section 5.6.2 */
static bool is_token(const char *text)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return text[0] != '\0' && text[strspn(text, token)] == '\0';
}

static const char *fields_fault(const struct evkeyvalq *fields, bool seen[SINGLE_COUNT])
{
    unsigned count = 0;
    for (const struct evkeyval *field = fields->tqh_first; field != NULL; field = field->next.tqe_next) {
        if (++count > FIELDS_MAX)
            return "there are too many header fields";
        if (!is_token(field->key))
            return "the name of a header field holds a character that does not belong there";
        if (!field_value_is_plain(field->value))
            return "a header field holds a control character";
        for (size_t i = 0; i < SINGLE_COUNT; i++) {
            if (strcasecmp(field->key, single_fields[i]) != 0)
                continue;
            if (seen[i])
                return "a header field that has one value comes twice";
            seen[i] = true;
        }
    }
    return NULL;
}

/* How long the body is must be said once, and in one way. */
static const char *framing_fault(const struct evkeyvalq *fields, bool has_no_body)
{
    const char *length = evhttp_find_header(fields, "Content-Length");
    const char *coding = evhttp_find_header(fields, "Transfer-Encoding");
    uint64_t number;
    if (length != NULL && coding != NULL)
        return "both Content-Length and Transfer-Encoding are given";
    if (length != NULL && !text_u64(length, INT64_MAX, &number))
        return "Content-Length is no number";
    if (coding != NULL && strcasecmp(coding, "chunked") != 0)
        return "Transfer-Encoding is not chunked";
    if (has_no_body && (coding != NULL || (length != NULL && strcmp(length, "0") != 0)))
        return "HEAD has a body";
    return NULL;
}

const char *head_fault(struct evhttp_request *http)
{
    const struct evkeyvalq *fields = evhttp_request_get_input_headers(http);
    bool seen[SINGLE_COUNT] = { false };
    if (http->major != 1 || (http->minor != 0 && http->minor != 1))
        return "it is neither HTTP/1.1 nor HTTP/1.0";
    const char *why = fields_fault(fields, seen);
    if (why != NULL)
        return why;
    if (http->minor == 1 && !seen[0])
        return "there is no Host";
    if (http->minor == 0 && evhttp_find_header(fields, "Transfer-Encoding") != NULL)
        return "HTTP/1.0 knows no Transfer-Encoding";
    /* evhttp does not read a body behind HEAD (nor OPTIONS): it would become the next request. */
    bool has_no_body =
        http->type == EVHTTP_REQ_HEAD || http->type == EVHTTP_REQ_OPTIONS || http->type == EVHTTP_REQ_TRACE;
    return framing_fault(fields, has_no_body);
}
