#include "sallyport/output/output_text.h"

#include <string.h>

#include "sallyport/output/encode.h"
#include "sallyport/output/output_log.h"

void output_text_begin(struct output_text *text, uint32_t stream, uint32_t piece_max)
{
    *text = (struct output_text){ .cursor = { .only = stream, .piece_max = piece_max } };
}

int output_text_next(struct output_log *log, struct output_text *text, const char **ret_text, size_t *ret_size)
{
    static uint8_t bytes[sizeof text->carry + OUTPUT_PIECE_MAX];
    static char escaped[6 * sizeof bytes];
    struct output_piece piece = { 0 };
    int more = log != NULL ? output_piece_next(log, &text->cursor, log->bytes, false, &piece) : 0;
    if (more < 0)
        return more;
    size_t size = text->carry_size + (more > 0 ? piece.size : 0);
    memcpy(bytes, text->carry, text->carry_size);
    if (more > 0)
        memcpy(bytes + text->carry_size, piece.data, piece.size);
    text->carry_size = more > 0 ? encode_open_end(bytes, size) : 0;
    size -= text->carry_size;
    memcpy(text->carry, bytes + size, text->carry_size);
    *ret_size = encode_json_lossy(bytes, size, escaped);
    *ret_text = escaped;
    return more;
}
