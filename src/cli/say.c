#include "say.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/fd.h"
#include "terminal.h"

char *say_clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) /* U+0080 to U+009F */
            at[0] = at[1] = '?';
    }
    return text;
}

static void say_line(bool is_dim, char *text)
{
    char line[4200];
    bool has_colour = is_dim && terminal_has_colour(STDERR_FILENO);
    int length = snprintf(line, sizeof line, "%ssallyport: %s%s\n", has_colour ? "\033[2m" : "", say_clean(text),
                          has_colour ? "\033[0m" : "");
    /* One write, so that lines of several programs on one terminal do not mix. Nobody is left to tell of a failure. */
    (void)fd_write_all(STDERR_FILENO, line, (size_t)length, NULL);
}

void say(const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_line(false, text);
}

void say_dim(const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_line(true, text);
}
