/* The files of a configuration: the one that is named, and conf.d beside it. */
#pragma once

#include "report.h"
#include "tree.h"
#include "sallyport/config/config.h"

/*
 * Reads and merges all of them into the tree. 0, also with faults in the report; -errno with err when the file that was
 * named cannot be read or may be changed by others.
 */
int sources_read(const char *path, enum config_owner_check check, struct tree *tree, struct report *report,
                 struct error *err);

/* One source from memory, not yet merged. */
void source_read(const char *name, const uint8_t *data, size_t size, struct tree *tree, struct report *report);

/* Makes tree->root of all sources: maps merge, else the later one stands; a name twice under `commands`, `tokens`,
 * `peers` or `callbacks` is a fault that names both places. */
void sources_merge(struct tree *tree, struct report *report);
