#include "reply.h"

#include <string.h>
#include <strings.h>

#include "sallyport/base/text.h"

#include "retry_after.h"

/* "HTTP/1.1 204 No Content"; libcurl has looked at it. */
static unsigned read_status(const char *line, size_t size)
{
    const char *blank = memchr(line, ' ', size);
    unsigned status = 0;
    for (size_t i = 1; i <= 3 && blank != NULL && blank + i < line + size && blank[i] >= '0' && blank[i] <= '9'; i++)
        status = status * 10 + (unsigned)(blank[i] - '0');
    return status;
}

static void read_retry_after(struct reply *reply, const char *value, size_t size, uint64_t now_unix_s)
{
    char text[64];
    while (size > 0 && (value[0] == ' ' || value[0] == '\t')) {
        value++;
        size--;
    }
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    if (text_copy_bytes(text, sizeof text, value, size))
        reply->has_retry_after = retry_after_parse(text, now_unix_s, &reply->retry_after_s);
}

bool reply_take_line(struct reply *reply, const char *line, size_t size, uint64_t now_unix_s)
{
    static const char status[] = "HTTP/", field[] = "retry-after:";
    reply->head_bytes += size;
    if (reply->head_bytes > REPLY_HEAD_MAX_BYTES)
        reply->is_too_large = true;
    if (reply->is_too_large)
        return false;
    if (reply->is_answered) /* fields behind the body */
        return true;
    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
        size--;
    if (size == 0)
        reply->is_answered = reply->status >= 200; /* else 1xx: the final one is still to come */
    else if (size >= sizeof status - 1 && memcmp(line, status, sizeof status - 1) == 0)
        *reply = (struct reply){ .status = read_status(line, size), .head_bytes = reply->head_bytes };
    else if (size >= sizeof field - 1 && strncasecmp(line, field, sizeof field - 1) == 0)
        read_retry_after(reply, line + sizeof field - 1, size - (sizeof field - 1), now_unix_s);
    return true;
}

bool reply_take_body(struct reply *reply, size_t size)
{
    reply->body_bytes += size;
    return reply->body_bytes <= REPLY_BODY_MAX_BYTES;
}
