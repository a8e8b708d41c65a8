/* What stands behind our descriptors: a terminal, its width, and whether it wants colour. */
#pragma once

#include <stdbool.h>

bool terminal_is(int fd);

/* Columns, or 0 when fd is no terminal (then nothing is cut). COLUMNS wins where it is a number. */
unsigned terminal_width(int fd);

/*
 * On a terminal that is not TERM=dumb, unless NO_COLOR is set (https://no-color.org); CLICOLOR_FORCE other than "0"
 * asks for colour everywhere. NO_COLOR is the stronger.
 */
bool terminal_has_colour(int fd);
