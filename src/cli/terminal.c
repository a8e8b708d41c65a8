#include "terminal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sallyport/base/text.h"

bool terminal_is(int fd)
{
    return isatty(fd) == 1;
}

unsigned terminal_width(int fd)
{
    if (!terminal_is(fd))
        return 0;
    uint64_t columns;
    const char *asked = getenv("COLUMNS");
    if (asked != NULL && text_u64(asked, 10000, &columns) && columns > 0)
        return (unsigned)columns;
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool terminal_has_colour(int fd)
{
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    if (no != NULL && no[0] != '\0')
        return false;
    if (force != NULL && force[0] != '\0' && strcmp(force, "0") != 0)
        return true;
    return terminal_is(fd) && term != NULL && strcmp(term, "dumb") != 0;
}
