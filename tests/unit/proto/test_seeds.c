/* A fuzzer begins with seeds that get through the door: each is a whole record, and each message has one. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/record.h"
#include "sallyport/proto/messages.h"

static uint8_t seed[1024 * 1024];

/* The seed's bytes behind its name; size 0: there is no such file. */
static size_t read_seed(const char *file)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/fuzz/corpus/messages/%s", getenv("SALLYPORT_SOURCE"), file);
    FILE *from = fopen(path, "rb");
    if (from == NULL)
        return 0;
    size_t size = fread(seed, 1, sizeof seed, from);
    fclose(from);
    return size;
}

static const struct record_def *message_named(const char *name)
{
    for (unsigned type = 0; type < MSG_COUNT; type++)
        if (message_defs[type].name != NULL && strcmp(message_defs[type].name, name) == 0)
            return &message_defs[type];
    return NULL;
}

static bool is_whole(const struct record_def *def, size_t size)
{
    static union any_message message;
    size_t length = strlen((const char *)seed) + 1;
    struct reader in = { seed + length, size - length };
    return record_decode(def, &in, &message, NULL) == 0 && in.left == 0;
}

Test(seeds, are_there_for_each_message)
{
    for (unsigned type = 0; type < MSG_COUNT; type++) {
        const char *name = message_defs[type].name;
        if (name == NULL)
            continue;
        size_t size = read_seed(name);
        cr_assert_gt(size, strlen(name), "%s has none", name);
        cr_assert_str_eq((const char *)seed, name);
    }
}

/* Records of other kinds have names of their own, which may be those of messages. */
static bool is_message(const char *file)
{
    return file[0] != '.' && strncmp(file, "setting-", 8) != 0 && strncmp(file, "metric-", 7) != 0 &&
           strncmp(file, "cell-", 5) != 0;
}

Test(seeds, are_whole_records_but_for_those_that_are_broken_on_purpose)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/fuzz/corpus/messages", getenv("SALLYPORT_SOURCE"));
    DIR *directory = opendir(path);
    cr_assert_not_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        const char *file = entry->d_name;
        size_t size = is_message(file) ? read_seed(file) : 0;
        const struct record_def *def = size > 0 ? message_named((const char *)seed) : NULL;
        bool is_broken = strcmp(file, "cut") == 0 || strcmp(file, "long") == 0;
        if (def != NULL)
            cr_expect_eq(is_whole(def, size), !is_broken, "%s", file);
    }
    closedir(directory);
}
