/*
 * The API's objects on stdout, as -o says: a table described by its columns, or the objects unchanged as JSON, NDJSON or
 * YAML, or their names alone.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct cli;

enum column_kind {
    COLUMN_TEXT,    /* also numbers, truth, and lists with commas */
    COLUMN_TIME,    /* relative on a terminal, else RFC 3339 */
    COLUMN_SECONDS, /* "3m10s" */
    COLUMN_BYTES,   /* "46.0 MiB" */
    COLUMN_PAIRS,   /* an object: "pr=812, env=x"; {"secret":true} shows as *** */
    COLUMN_TOOK,    /* of a job: from start to end, or until now */
};

struct column {
    const char *header;
    const char *path; /* members separated by dots: "actor.id" */
    enum column_kind kind;
    bool is_wide; /* only with -o wide */
    bool may_shrink;
};

/*
 * Items of a list; `name` is the member that -o name prints. As JSON they come as the API's pages do, all in one:
 * {"items": [...]}; as NDJSON one a line.
 */
void render_list(const struct cli *cli, const json_t *items, const struct column *columns, size_t column_count,
                 const char *name);

/* One object: a line for each column that has a value. */
void render_one(const struct cli *cli, const json_t *object, const struct column *columns, size_t column_count,
                const char *name);

/* JSON, NDJSON, YAML; false if -o says table, wide or name. */
bool render_raw(const struct cli *cli, const json_t *value);

/* What path names below object, or NULL. */
const json_t *render_find(const json_t *object, const char *path);

/* One value as text. */
void render_value(const json_t *object, const struct column *column, bool is_terminal, char *text, size_t room);
