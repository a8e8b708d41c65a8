#include "sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "owner.h"
#include "yaml.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define DROP_IN_COUNT_MAX 1000

void source_read(const char *name, const uint8_t *data, size_t size, struct tree *tree, struct report *report)
{
    uint32_t index = tree->source_count;
    unsigned faults_before = report->fault_count;
    if (tree_add(tree, name) == NULL) {
        report->is_out_of_memory = true;
        return;
    }
    yaml_read(data, size, tree, index, report);
    struct source *source = &tree->sources[index];
    if (json_is_null(source->root)) {
        json_decref(source->root);
        source->root = NULL;
    }
    if (source->root == NULL && report->fault_count == faults_before)
        report_fault(report, (struct place){ .file = index, .line = 1, .column = 1 }, "",
                     "the file is empty; docs/configuration.md lists what it may say");
    else if (source->root != NULL && !json_is_object(source->root))
        report_fault(report, (struct place){ .file = index, .line = 1, .column = 1 }, "",
                     "the file must be a map of keys, such as 'commands:'");
}

/* What cannot be read of the file that the operator named is an error; the same of a drop-in is a fault like others. */
static int read_file(const char *path, enum config_owner_check check, struct tree *tree, struct report *report,
                     struct error *err)
{
    char remark[ERROR_TEXT_BYTES];
    auto_fd int fd = -1;
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    int done = owner_open(path, false, check, &fd, remark, err);
    if (done == 0)
        done = fd_read_file(fd, CONFIG_FILE_MAX_BYTES, &data, &size, err);
    if (done < 0)
        return done;
    if (remark[0] != '\0')
        report_warning(report, (struct place){ .file = tree->source_count }, "", "%s", remark);
    source_read(path, data, size, tree, report);
    return 0;
}

static int is_drop_in(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

static int in_byte_order(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static void read_drop_in(const char *directory, const char *name, enum config_owner_check check, struct tree *tree,
                         struct report *report)
{
    char path[PATH_MAX];
    struct error err = { 0 };
    snprintf(path, sizeof path, "%s/%s", directory, name);
    uint32_t index = tree->source_count;
    int done = read_file(path, check, tree, report, &err);
    if (done == 0 || tree_add(tree, path) == NULL)
        return;
    report_fault(report, (struct place){ .file = index }, "", "%s", err.text);
}

static void read_drop_ins(const char *directory, int directory_fd, enum config_owner_check check, struct tree *tree,
                          struct report *report)
{
    struct dirent **entries = NULL;
    int count = scandirat(directory_fd, ".", &entries, is_drop_in, in_byte_order);
    for (int i = 0; i < count; i++) {
        if (i < DROP_IN_COUNT_MAX)
            read_drop_in(directory, entries[i]->d_name, check, tree, report);
        free(entries[i]);
    }
    free(entries);
    struct place whole = { .file = UINT32_MAX };
    if (count < 0)
        report_fault(report, whole, directory, "cannot be listed: %s", strerrordesc_np(errno));
    else if (count > DROP_IN_COUNT_MAX)
        report_fault(report, whole, directory, "has more than %d files", DROP_IN_COUNT_MAX);
}

int sources_read(const char *path, enum config_owner_check check, struct tree *tree, struct report *report,
                 struct error *err)
{
    int done = read_file(path, check, tree, report, err);
    if (done < 0)
        return done;
    char directory[PATH_MAX], remark[ERROR_TEXT_BYTES];
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof directory, "%.*sconf.d", slash != NULL ? (int)(slash + 1 - path) : 0, path);
    auto_fd int fd = -1;
    struct error refusal = { 0 };
    done = owner_open(directory, true, check, &fd, remark, &refusal);
    if (done == 0)
        read_drop_ins(directory, fd, check, tree, report);
    else if (done != -ENOENT)
        report_fault(report, (struct place){ .file = UINT32_MAX }, directory, "%s", refusal.text);
    sources_merge(tree, report);
    return 0;
}

/* A name of the owner's choice stands in one file only: nobody should have to search for the lines that count. */
static void refuse_repeated(const struct tree *tree, uint32_t later, const char *path, struct report *report)
{
    struct place first = { 0 }, again = { 0 };
    for (uint32_t i = 0; i < later; i++)
        if (source_place(&tree->sources[i], path, &first, NULL))
            break;
    source_place(&tree->sources[later], path, &again, NULL);
    report_fault(report, again, path, "is there already, in %s:%u:%u", tree->sources[first.file].name, first.line,
                 first.column);
}

static void merge_maps(struct tree *tree, uint32_t later, json_t *into, json_t *from, struct tree_path *path,
                       bool are_names, struct report *report)
{
    const char *key;
    json_t *value;
    json_object_foreach(from, key, value)
    {
        json_t *there = json_object_get(into, key);
        size_t length = tree_path_key(path, key);
        bool is_top = length == 0;
        const struct key *row = is_top ? key_find_child("", key) : NULL;
        if (there != NULL && are_names)
            refuse_repeated(tree, later, path->text, report);
        else if (json_is_object(there) && json_is_object(value))
            merge_maps(tree, later, there, value, path, row != NULL && row->type == KEY_ENTRIES, report);
        else if (json_object_set(into, key, value) < 0)
            report->is_out_of_memory = true;
        tree_path_cut(path, length);
    }
}

void sources_merge(struct tree *tree, struct report *report)
{
    struct tree_path path = { .length = 0 };
    json_decref(tree->root);
    tree->root = NULL;
    for (uint32_t i = 0; i < tree->source_count; i++) {
        json_t *root = tree->sources[i].root;
        if (!json_is_object(root))
            continue;
        if (tree->root == NULL)
            tree->root = json_deep_copy(root); /* maps below would be shared, and change with the merge */
        else
            merge_maps(tree, i, tree->root, root, &path, false, report);
    }
}
