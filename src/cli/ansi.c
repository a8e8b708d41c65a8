#include "ansi.h"

enum ansi_state {
    ANSI_TEXT,
    ANSI_ESCAPE,  /* behind ESC */
    ANSI_SHORT,   /* ESC and an intermediate byte: one final byte follows */
    ANSI_CONTROL, /* ESC [: ends with a byte from '@' to '~' */
    ANSI_STRING,  /* ESC ] and its kin: ends with BEL or ESC \ */
    ANSI_STRING_ESCAPE,
};

static enum ansi_state after_escape(unsigned char byte)
{
    if (byte == '[')
        return ANSI_CONTROL;
    if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
        return ANSI_STRING;
    if (byte >= 0x20 && byte <= 0x2f)
        return ANSI_SHORT;
    return byte == 0x1b ? ANSI_ESCAPE : ANSI_TEXT;
}

static enum ansi_state next_state(enum ansi_state state, unsigned char byte)
{
    switch (state) {
    case ANSI_TEXT:
        return byte == 0x1b ? ANSI_ESCAPE : ANSI_TEXT;
    case ANSI_ESCAPE:
        return after_escape(byte);
    case ANSI_SHORT:
        return byte >= 0x20 && byte <= 0x2f ? ANSI_SHORT : ANSI_TEXT;
    case ANSI_CONTROL:
        return byte >= 0x40 && byte <= 0x7e ? ANSI_TEXT : ANSI_CONTROL;
    case ANSI_STRING:
        return byte == 0x07 ? ANSI_TEXT : byte == 0x1b ? ANSI_STRING_ESCAPE : ANSI_STRING;
    case ANSI_STRING_ESCAPE:
        return byte == '\\' ? ANSI_TEXT : ANSI_STRING;
    }
    return ANSI_TEXT;
}

size_t ansi_strip(struct ansi *ansi, const char *from, size_t size, char *to)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        enum ansi_state state = ansi->state;
        ansi->state = next_state(state, (unsigned char)from[i]);
        if (state == ANSI_TEXT && ansi->state == ANSI_TEXT)
            to[used++] = from[i];
    }
    return used;
}
