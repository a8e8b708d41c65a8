/* What is checked before a function is stored, so that nothing is stored that could not be told, or never be called. */
#include <stdio.h>
#include <string.h>

#include "functions.h"
#include "keeper.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/files.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES 8192
#define STEPS_MAX        10

static bool is_plain(struct span text)
{
    for (uint32_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    return text_is_utf8(text.data, text.size);
}

static const char *variable_fault(const struct command *command, const struct entry *entry,
                                  char room[FUNCTION_WHY_BYTES])
{
    char name[NAME_MAX_BYTES];
    if (entry->kind != ENTRY_STRING || !is_plain(entry->name) || entry->name.size == 0 ||
        memchr(entry->name.data, '=', entry->name.size) != NULL)
        return "the name of a variable is empty, or has a '=' or a control character in it";
    if (!is_plain(entry->value)) {
        snprintf(room, FUNCTION_WHY_BYTES, "the value of '%.*s' has a newline or another control character in it",
                 (int)(entry->name.size < 64 ? entry->name.size : 64), (const char *)entry->name.data);
        return room;
    }
    bool fits = text_copy_bytes(name, sizeof name, entry->name.data, entry->name.size);
    int index = fits ? command_find_param(command, name) : -1;
    const struct param_rule *rule = index >= 0 ? &command->params[index].rule : NULL;
    if (rule != NULL && (rule->type == PARAM_STRING || rule->type == PARAM_ENUM))
        return NULL;
    snprintf(room, FUNCTION_WHY_BYTES, "the variable '%.64s' is none that this image's command takes", name);
    return room;
}

/* All of them as the command's own rules see them, with a request that is empty. */
static const char *values_fault(const struct keeper *keeper, const struct command *command, struct span variables,
                                char room[FUNCTION_WHY_BYTES])
{
    static uint8_t params[FUNCTION_VARIABLES_BYTES + 1024], found[ERRORS_MAX_BYTES];
    const struct bundle request = { .count = 1, .files = { { .name = CONTEXT_PARAM } } };
    struct writer out = { params, sizeof params }, errors = { found, sizeof found };
    struct error err = { 0 };
    struct entry entry;
    if (variables.size > 0)
        memcpy(params, variables.data, variables.size);
    out.at += variables.size;
    out.left -= variables.size;
    files_add_entries(&request, NULL, &out);
    uint32_t index = (uint32_t)(command - keeper->rules.policy->commands);
    int done = matcher_check(keeper->rules.matcher, index,
                             (struct span){ params, (uint32_t)(sizeof params - out.left) }, &errors, &err);
    struct reader in = { found, sizeof found - errors.left };
    if (done == 0 && in.left == 0)
        return NULL;
    if (entries_next(&in, &entry) <= 0)
        return "the variables are none that the command takes";
    size_t skip = strlen("/params/"); /* of the pointer */
    snprintf(room, FUNCTION_WHY_BYTES, "the variable '%.*s' %.*s",
             (int)(entry.name.size > skip ? entry.name.size - skip : 0), (const char *)entry.name.data + skip,
             (int)entry.extra.size, (const char *)entry.extra.data);
    return room;
}

const char *function_variables_fault(const struct keeper *keeper, const struct command *command, struct span variables,
                                     char room[FUNCTION_WHY_BYTES])
{
    struct reader in = { variables.data, variables.size };
    struct entry entry;
    uint32_t count = 0;
    int more;
    while ((more = entries_next(&in, &entry)) > 0) {
        const char *why = variable_fault(command, &entry, room);
        if (why != NULL)
            return why;
        if (++count > FUNCTION_VARIABLES_MAX)
            return "there are too many variables";
    }
    return more < 0 ? "the variables are cut short" : values_fault(keeper, command, variables, room);
}

/* What the front takes for no path (front/path.c). */
static bool is_callable(const char *path)
{
    unsigned steps = 0;
    for (const char *at = path; *at == '/'; steps++) {
        size_t size = strcspn(++at, "/");
        if ((size == 1 && at[0] == '.') || (size == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += size;
    }
    return steps <= STEPS_MAX && strchr(path, '\\') == NULL;
}

const char *function_path_fault(const char *path)
{
    if (path[0] != '/')
        return "a path that does not begin with a slash can never be called";
    if (!is_callable(path))
        return "a path with '.', '..', a backslash or more than 10 steps can never be called";
    if (!is_plain((struct span){ (const uint8_t *)path, (uint32_t)strlen(path) }))
        return "a path has no control characters, and is UTF-8";
    return NULL;
}
