/* `values_from` of an enum: the names of a directory's files, as they are when the configuration is read. */
#pragma once

#include <jansson.h>

struct reading;

/*
 * The names of the regular files in the directory, in byte order, as a list of texts that lasts as long as the reading; NULL
 * after a fault at the key. The directory is held to the rules of the configuration's own files (owner.h): who can add a file to
 * it could add a value. What begins with a dot is none, and neither is a link, a directory, or a name that is no plain text.
 */
const json_t *file_names_read(struct reading *reading, const char *key, const char *path);
