#include "hook_unsigned.h"

#include <string.h>
#include <strings.h>

static bool add(struct writer *out, const char *text)
{
    size_t size = strlen(text);
    if (size > out->left)
        return false;
    memcpy(out->at, text, size);
    out->at += size;
    out->left -= size;
    return true;
}

/* "NAME=VALUE\n", or "NAME\n" where there is none: no name has '=', and no value an end of line. */
static bool add_header(const struct hook_content *content, const char *name, struct writer *out)
{
    const char *value = content->header(content->arg, name);
    return add(out, name) && (value == NULL || (add(out, "=") && add(out, value))) && add(out, "\n");
}

/* Each once: so a rule more about a header that was read already changes nothing. */
struct names {
    const char *list[1 + HOOK_RULE_COUNT_MAX + PARAM_COUNT_MAX];
    unsigned count;
};

static void note(struct names *names, const char *name)
{
    for (unsigned i = 0; i < names->count; i++)
        if (strcasecmp(names->list[i], name) == 0)
            return;
    names->list[names->count++] = name;
}

bool hook_unsigned_write(const struct public_hook *hook, const struct hook_scheme *scheme,
                         const struct hook_content *content, const char *raw_query, bool is_form, struct writer *out)
{
    struct names names = { .count = 0 };
    if (scheme->event[0] != '\0')
        note(&names, scheme->event);
    for (uint32_t i = 0; hook != NULL && i < hook->rule_count; i++)
        if (hook->rules[i].setting.source == HOOK_HEADER)
            note(&names, hook->rules[i].setting.from);
    for (uint32_t i = 0; hook != NULL && i < hook->map_count; i++)
        if (hook->maps[i].source == HOOK_HEADER)
            note(&names, hook->maps[i].from);
    bool done = add(out, is_form ? "form\n" : "\n") && add(out, raw_query != NULL ? raw_query : "") && add(out, "\n");
    for (unsigned i = 0; i < names.count && done; i++)
        done = add_header(content, names.list[i], out);
    return done;
}
