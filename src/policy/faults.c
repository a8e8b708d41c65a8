#include "faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/limits.h"
#include "sallyport/proto/entries.h"

void faults_at_request(struct faults *faults)
{
    snprintf(faults->pointer, sizeof faults->pointer, "/params");
}

/* RFC 6901: '~' and '/' inside a name are written ~0 and ~1. False if the name cannot be shown. */
static bool put_name(char *to, size_t room, struct span name)
{
    size_t used = 0;
    if (memchr(name.data, '\0', name.size) != NULL || !text_is_utf8(name.data, name.size))
        return false;
    for (uint32_t i = 0; i < name.size; i++) {
        if (used + 3 > room)
            return false;
        char letter = (char)name.data[i];
        if (letter == '~' || letter == '/') {
            to[used++] = '~';
            to[used++] = letter == '~' ? '0' : '1';
        } else {
            to[used++] = letter;
        }
    }
    to[used] = '\0';
    return true;
}

void faults_at(struct faults *faults, struct span name, int item)
{
    static const char head[] = "/params/";
    char escaped[sizeof faults->pointer - sizeof head - 12]; /* and room for "/" and an item's number */
    if (name.size == 0 || !put_name(escaped, sizeof escaped, name))
        faults_at_request(faults);
    else if (item < 0)
        snprintf(faults->pointer, sizeof faults->pointer, "%s%s", head, escaped);
    else
        snprintf(faults->pointer, sizeof faults->pointer, "%s%s/%d", head, escaped, item);
}

void faults_add(struct faults *faults, const char *code, const char *format, ...)
{
    faults->count++;
    if (faults->out == NULL)
        return;
    char sentence[REASON_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    size_t length = strlen(sentence);
    while (length > 0 && !text_is_utf8(sentence, length))
        sentence[--length] = '\0';
    entries_add_text(faults->out, ENTRY_ERROR, faults->pointer, code, sentence);
}
