/* `server.tls`: the files are read and judged here, so that what cannot be served is refused before anybody serves it. */
#pragma once

#include <stdbool.h>

struct config_tls;
struct reading;

/* Whether the configuration has the key, whatever stands there. */
bool tls_is_written(const struct reading *reading);

/* Makes config->tls when all of it can be used; else there is a fault, with the file and what to do. */
void tls_take(struct reading *reading);

void tls_free(struct config_tls *tls);
