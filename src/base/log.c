#include "sallyport/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"

#define LINE_BYTES     2048
#define KIND_COUNT     64
#define KIND_BURST     20
#define KIND_WINDOW_MS 10000

struct kind {
    const char *format; /* compared by address: a kind is a place in the source */
    uint64_t since_ms;
    unsigned seen, held_back;
};

static const char *process_name = "sallyport";
static struct kind kinds[KIND_COUNT];

void log_init(const char *process)
{
    process_name = process;
}

/* Says whether the line may be written, and how many of its kind were held back since the last one. */
static int kind_admit(const char *format, unsigned *ret_held_back)
{
    struct kind *kind = &kinds[((uintptr_t)format >> 3) % KIND_COUNT];
    uint64_t now_ms = clock_monotonic_ms();
    *ret_held_back = 0;
    if (kind->format != format || now_ms - kind->since_ms >= KIND_WINDOW_MS) {
        if (kind->format == format)
            *ret_held_back = kind->held_back;
        *kind = (struct kind){ .format = format, .since_ms = now_ms };
    }
    if (++kind->seen <= KIND_BURST)
        return 1;
    kind->held_back++;
    return 0;
}

__attribute__((format(printf, 2, 0))) static void log_line(const char *level, const char *format, va_list args)
{
    unsigned held_back;
    if (!kind_admit(format, &held_back))
        return;
    char message[LINE_BYTES / 2], quoted[LINE_BYTES], stamp[CLOCK_TEXT_BYTES], line[LINE_BYTES + 256];
    vsnprintf(message, sizeof message, format, args);
    text_quote_json(message, strlen(message), quoted, sizeof quoted);
    int length;
    if (held_back > 0)
        length = snprintf(line, sizeof line,
                          "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":\"%s\",\"held_back\":%u}\n",
                          clock_text(clock_unix_ms(), stamp), level, process_name, quoted, held_back);
    else
        length =
            snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":\"%s\"}\n",
                     clock_text(clock_unix_ms(), stamp), level, process_name, quoted);
    /* One write, so that lines of several processes on one pipe stay whole. A full or closed pipe loses the line. */
    if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0)
        return;
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line("error", format, args);
    va_end(args);
}

void log_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line("warning", format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line("info", format, args);
    va_end(args);
}
