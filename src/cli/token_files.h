/* The files of `sallyport token`: one that its holder keeps, and one with its hashes, which the configuration names. */
#pragma once

struct error;

/* A new file (mode 0600) with one line. -EEXIST when there is one. */
int token_file_create(const char *path, const char *line, struct error *err);

/*
 * Puts another text in place of a file's, in one step: whoever reads it sees the old one or the new one, whole, also after a
 * power cut. Owner and mode stay. The file must be there, and only those who may change its directory call this.
 */
int token_file_replace(const char *path, const char *text, struct error *err);
