#include "tree.h"

#include <assert.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    char *path;
    struct place key, value;
};

static size_t path_add(struct tree_path *path, const char *before, const char *text, const char *after)
{
    size_t length = path->length, room = sizeof path->text - length;
    int added = snprintf(path->text + length, room, "%s%s%s", before, text, after);
    assert(added >= 0 && (size_t)added < room); /* depth and keys are bounded where they are read */
    path->length += (size_t)added;
    return length;
}

size_t tree_path_key(struct tree_path *path, const char *key)
{
    return path_add(path, path->length > 0 ? "." : "", key, "");
}

size_t tree_path_index(struct tree_path *path, size_t index)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", index);
    return path_add(path, "[", digits, "]");
}

void tree_path_cut(struct tree_path *path, size_t length)
{
    path->length = length;
    path->text[length] = '\0';
}

struct source *tree_add(struct tree *tree, const char *name)
{
    struct source *larger = realloc(tree->sources, (tree->source_count + 1) * sizeof *larger);
    if (larger == NULL)
        return NULL;
    tree->sources = larger;
    char *copy = strdup(name);
    if (copy == NULL)
        return NULL;
    larger[tree->source_count] = (struct source){ .name = copy };
    return &larger[tree->source_count++];
}

static void node_free(void *pointer)
{
    struct node *node = pointer;
    free(node->path);
    free(node);
}

void tree_done(struct tree *tree)
{
    for (uint32_t i = 0; i < tree->source_count; i++) {
        free(tree->sources[i].name);
        json_decref(tree->sources[i].root);
        tdestroy(tree->sources[i].places, node_free);
    }
    free(tree->sources);
    json_decref(tree->root);
    *tree = (struct tree){ 0 };
}

static int compare_nodes(const void *left, const void *right)
{
    return strcmp(((const struct node *)left)->path, ((const struct node *)right)->path);
}

bool source_set_place(struct source *source, const char *path, struct place key, struct place value)
{
    size_t size = strlen(path) + 1;
    source->path_bytes += size;
    if (source->path_bytes > TREE_PATHS_MAX_BYTES)
        return false;
    struct node *node = malloc(sizeof *node);
    if (node == NULL)
        return false;
    *node = (struct node){ .path = strdup(path), .key = key, .value = value };
    struct node **found = node->path != NULL ? tsearch(node, &source->places, compare_nodes) : NULL;
    if (found != NULL && *found == node)
        return true;
    if (found != NULL) {
        (*found)->key = key;
        (*found)->value = value;
    }
    node_free(node);
    return found != NULL;
}

bool source_place(const struct source *source, const char *path, struct place *ret_key, struct place *ret_value)
{
    char copy[TREE_PATH_BYTES];
    snprintf(copy, sizeof copy, "%s", path);
    struct node wanted = { .path = copy };
    struct node *const *found = tfind(&wanted, &source->places, compare_nodes);
    if (found == NULL)
        return false;
    if (ret_key != NULL)
        *ret_key = (*found)->key;
    if (ret_value != NULL)
        *ret_value = (*found)->value;
    return true;
}

/* Takes the last step off a path; false when there is none left. */
static bool cut_last_step(char *path)
{
    if (path[0] == '\0')
        return false;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] != '.' && path[length - 1] != '[')
        length--;
    path[length > 0 ? length - 1 : 0] = '\0';
    return true;
}

static struct place find_place(const struct tree *tree, const char *path, bool of_key)
{
    struct place key = { 0 }, value = { 0 };
    char text[TREE_PATH_BYTES];
    snprintf(text, sizeof text, "%s", path);
    do {
        for (uint32_t i = tree->source_count; i > 0; i--)
            if (source_place(&tree->sources[i - 1], text, &key, &value))
                return of_key ? key : value;
        of_key = true; /* a parent is shown by its name */
    } while (cut_last_step(text));
    return (struct place){ 0 };
}

struct place tree_key_place(const struct tree *tree, const char *path)
{
    return find_place(tree, path, true);
}

struct place tree_value_place(const struct tree *tree, const char *path)
{
    return find_place(tree, path, false);
}

bool tree_has(const struct tree *tree, const char *path)
{
    for (uint32_t i = 0; i < tree->source_count; i++)
        if (source_place(&tree->sources[i], path, NULL, NULL))
            return true;
    return false;
}
