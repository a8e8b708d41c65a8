#include "roots.h"

#include <stdlib.h>
#include <string.h>

#include "paths.h"
#include "reading.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/image/reference.h"

static int compare_binds(const void *left, const void *right)
{
    return strcmp(((const struct bind *)left)->path, ((const struct bind *)right)->path);
}

static bool has_bind(const struct root *root, const char *path)
{
    for (uint32_t i = 0; i < root->bind_count; i++)
        if (strcmp(root->binds[i].path, path) == 0)
            return true;
    return false;
}

static void add_binds(struct reading *reading, const char *key, const json_t *paths, bool is_writable,
                      struct root *root)
{
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *path = text_item(paths, i), *why = bind_fault(path);
        if (path[0] == '\0') /* refused and told already */
            continue;
        if (why != NULL)
            fault_below(reading, key, (int)i, "%s", why);
        else if (has_bind(root, path))
            fault_below(reading, key, (int)i, "%.200s is listed already", path);
        else if (text_copy(root->binds[root->bind_count].path, PATH_MAX_BYTES, path))
            root->binds[root->bind_count++].is_writable = is_writable;
    }
}

static bool equal_roots(const struct root *left, const struct root *right)
{
    if (left->bind_count != right->bind_count || left->has_host_network != right->has_host_network ||
        strcmp(left->image, right->image) != 0)
        return false;
    for (uint32_t i = 0; i < left->bind_count; i++)
        if (strcmp(left->binds[i].path, right->binds[i].path) != 0 ||
            left->binds[i].is_writable != right->binds[i].is_writable)
            return false;
    return true;
}

static void take_image(struct reading *reading, struct root *root)
{
    struct image_reference image;
    struct error err;
    if (reading->command_draft.image == NULL)
        return;
    if (image_reference_parse(reading->command_draft.image, &image, &err) < 0) {
        fault_below(reading, "image", -1, "%s", err.text);
        return;
    }
    text_copy(root->image_name, sizeof root->image_name, image.repository);
    text_copy(root->image, sizeof root->image, image.digest);
}

/* Sorted, so that a directory is mounted before what lies in it, and equal roots look equal. */
static bool make_root(struct reading *reading, struct root *root)
{
    const struct command_draft *draft = &reading->command_draft;
    size_t most = json_array_size(draft->read) + json_array_size(draft->write);
    root->binds = calloc(most + 1, sizeof *root->binds);
    root->has_host_network = draft->limits.network == 1;
    if (root->binds == NULL) {
        reading->report->is_out_of_memory = true;
        return false;
    }
    take_image(reading, root);
    size_t length = enter_key(reading, "sandbox");
    add_binds(reading, "read", draft->read, false, root);
    add_binds(reading, "write", draft->write, true, root);
    if (json_array_size(draft->write) > 0 && draft->user == NULL)
        fault_below(
            reading, "write", -1,
            "needs 'user': without one each job has an id that others get later, and must leave nothing behind");
    if (root->bind_count > BIND_COUNT_MAX)
        fault_at_key(reading, "'read' and 'write' together may have at most %d entries", BIND_COUNT_MAX);
    leave(reading, length);
    qsort(root->binds, root->bind_count, sizeof *root->binds, compare_binds);
    return true;
}

uint32_t root_find(struct reading *reading)
{
    struct policy *policy = reading->config->policy;
    struct root root = { 0 };
    if (!make_root(reading, &root))
        return 0;
    uint32_t index = 0;
    while (index < policy->root_count && !equal_roots(&policy->roots[index], &root))
        index++;
    if (index == ROOT_COUNT_MAX) {
        fault_at_key(
            reading,
            "the %dth different combination of 'image', 'read', 'write' and 'network'; let commands share them",
            ROOT_COUNT_MAX + 1);
    } else if (index == policy->root_count) {
        struct root *added = grow(reading, &policy->roots, policy->root_count, sizeof *added);
        if (added != NULL) {
            *added = root;
            policy->root_count++;
            return index;
        }
    }
    free(root.binds);
    return index < ROOT_COUNT_MAX ? index : 0;
}
