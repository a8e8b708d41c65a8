#include "sallyport/base/error.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int fail(struct error *err, int code, const char *format, ...)
{
    assert(code > 0);
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        int length = vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        if (length < 0)
            length = 0;
        if ((size_t)length < sizeof err->text)
            snprintf(err->text + length, sizeof err->text - (size_t)length, ": %s",
                     strerrordesc_np(code) ?: "unknown error");
        err->code = code;
    }
    return -code;
}

int fail_plain(struct error *err, int code, const char *format, ...)
{
    assert(code > 0);
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        err->code = code;
    }
    return -code;
}

int fail_in(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    char inner[ERROR_TEXT_BYTES];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof err->text)
        snprintf(err->text + length, sizeof err->text - (size_t)length, ": %s", inner);
    return -err->code;
}
