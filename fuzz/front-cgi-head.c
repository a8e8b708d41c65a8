/*
 * Heads that programs print: what is passed on can stand in a field of an answer, is one of those that a program may say, and
 * does not depend on what comes behind the head.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cgi_head.h"
#include "sallyport/base/http_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(const struct cgi_head *head, const uint8_t *data)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        struct span value = head->fields[i].value;
        if (value.data < data || value.data + value.size > data + head->size ||
            !http_field_value_is_good((const char *)value.data, value.size) ||
            http_field_is_framing(head->fields[i].name, strlen(head->fields[i].name)) ||
            strcasecmp(head->fields[i].name, "Set-Cookie") == 0)
            abort();
        for (unsigned j = 0; j < i; j++)
            if (head->fields[j].name == head->fields[i].name)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cgi_head head, alone;
    const char *why = NULL;
    if (!cgi_head_parse(data, size, &head, &why)) {
        if (why == NULL)
            abort();
        return 0;
    }
    if (head.size == 0 || head.size > size || head.size > CGI_HEAD_MAX_BYTES || data[head.size - 1] != '\n' ||
        (head.status != 0 && (head.status < 200 || head.status > 599)) ||
        (head.type[0] != '\0' && !http_media_type_is_good(head.type, true)))
        abort();
    check_fields(&head, data);
    (void)media_type_is_active(head.type);
    if (!cgi_head_parse(data, head.size, &alone, &why) || alone.size != head.size || alone.status != head.status ||
        alone.field_count != head.field_count || strcmp(alone.type, head.type) != 0)
        abort();
    return 0;
}
