#include "output_head.h"

#include <stdlib.h>

#include "sallyport/base/fd.h"
#include "sallyport/proto/channel.h"

#include "sallyport/output/encode.h"
#include "sallyport/output/output_log.h"
#include "request.h"

#define HEAD_MAX_BYTES (16 * 1024)

static json_t *head_json(const uint8_t *data, size_t size)
{
    static char text[(HEAD_MAX_BYTES + 2) / 3 * 4];
    struct utf8_scan scan = utf8_scan(data, size);
    if (scan.is_text)
        return json_pack("{s:o}", "d", json_stringn((const char *)data, size - scan.open));
    return json_pack("{s:o}", "b64", json_stringn(text, encode_base64(data, size, text)));
}

static json_t *head_of(struct message *message)
{
    struct output_log log;
    output_log_init(&log, fd_take(&message->fds[0]), fd_take(&message->fds[1]));
    size_t size = message->body.output.bytes < HEAD_MAX_BYTES ? (size_t)message->body.output.bytes : HEAD_MAX_BYTES;
    uint8_t *data = malloc(HEAD_MAX_BYTES);
    json_t *head = NULL;
    if (data != NULL && output_log_read(&log, 0, data, size) == 0)
        head = head_json(data, size);
    free(data);
    output_log_done(&log);
    return head;
}

static void on_output(struct request *request, struct message *message)
{
    bool is_output = message != NULL && message->type == MSG_OUTPUT;
    request->on_head(request, is_output ? head_of(message) : NULL);
}

void output_head_read(struct request *request, output_head_done done)
{
    request->on_head = done;
    ask_read_output(request, false, on_output);
}
