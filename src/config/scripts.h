/* The one way back to shell injection: a placeholder inside the text that `sh -c` (or `python3 -c`, ...) is to read as code. */
#pragma once

struct reading;

/* The walk stands at the command, whose arguments and parameters are read. */
void scripts_check(struct reading *reading);
