/*
 * What the configuration files say, before anybody asks what it means: one JSON tree, and for every node where it was
 * written. Nodes are named by their path ("commands.deploy.exec[0]"), the same text that messages show; JSON's own nodes
 * cannot carry a position, because jansson shares one `true` among all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "sallyport/limits.h"

#define KEY_MAX_BYTES        128 /* of one key, as written */
#define TREE_PATH_BYTES      (CONFIG_DEPTH_MAX * (KEY_MAX_BYTES + 2))
#define TREE_PATHS_MAX_BYTES (32u * 1024 * 1024) /* of all paths of one file: deep maps with long keys cost memory */

struct place {
    uint32_t file;         /* index into the tree's sources */
    uint32_t line, column; /* from 1, in characters; 0 when the file as a whole is meant */
};

struct tree_path {
    char text[TREE_PATH_BYTES];
    size_t length;
};

/* Each adds one step and returns the length to go back to with tree_path_cut(). */
size_t tree_path_key(struct tree_path *path, const char *key);
size_t tree_path_index(struct tree_path *path, size_t index);
void tree_path_cut(struct tree_path *path, size_t length);

struct source {
    char *name;   /* the file, as messages name it */
    json_t *root; /* what this file alone says; NULL for nothing */
    void *places; /* tsearch(3) */
    size_t path_bytes;
};

struct tree {
    json_t *root; /* all sources together */
    struct source *sources;
    uint32_t source_count;
};

/* A new, empty source; NULL when memory is short. The pointer is good until the next call. */
struct source *tree_add(struct tree *tree, const char *name);
void tree_done(struct tree *tree);

/* Remembers where a node stands. A path that is written twice keeps the later place. False when it is too much. */
bool source_set_place(struct source *source, const char *path, struct place key, struct place value);

/* Where it stands in this source; false when it does not. Either result may be NULL. */
bool source_place(const struct source *source, const char *path, struct place *ret_key, struct place *ret_value);

/* The same in the latest source that has it, because a later file wins; the nearest parent's place when none has. */
struct place tree_key_place(const struct tree *tree, const char *path);
struct place tree_value_place(const struct tree *tree, const char *path);

/* Whether any source says something there. */
bool tree_has(const struct tree *tree, const char *path);
