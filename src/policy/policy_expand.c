/*
 * Parameters into argv and environment. Bytes move from a value into one element and nothing ever looks at them: there
 * is no quoting, no splitting and no second pass, so a value that holds a placeholder, a blank or a shell's words is
 * just those bytes.
 */
#include "sallyport/policy/policy_match.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "faults.h"
#include "matcher.h"
#include "request.h"
#include "value.h"
#include "sallyport/base/error.h"
#include "sallyport/proto/entries.h"

static bool put(struct writer *out, const void *data, size_t size)
{
    if (size > out->left)
        return false;
    if (size > 0)
        memcpy(out->at, data, size);
    out->at += size;
    out->left -= size;
    return true;
}

static bool put_text(struct writer *out, const char *text)
{
    return put(out, text, strlen(text));
}

static bool put_end(struct writer *out)
{
    return put(out, "", 1);
}

static bool is_safe(struct span value)
{
    return value.size == 0 || memchr(value.data, '\0', value.size) == NULL;
}

/* matcher_check() took these parameters, so this fails only for callers that did not ask it; what breaks an argv is looked
 * for again all the same. */
static int check_given(const struct command *command, const struct request *request, struct error *err)
{
    for (uint32_t i = 0; i < command->param_count; i++) {
        const struct given *given = &request->given[i];
        const struct param *param = &command->params[i];
        if (given->kind == ENTRY_NONE)
            continue;
        bool fits = value_kind_fits(param->rule.type, given->kind) && is_safe(given->value);
        struct reader items = given->items;
        struct entry item;
        while (fits && given_next_item(&items, &item))
            fits = value_kind_fits(param->item.type, item.kind) && is_safe(item.value);
        if (!fits)
            return fail_plain(err, EINVAL, "command '%s': parameter '%s' was not checked", command->name, param->name);
    }
    return 0;
}

static int read_request(const struct matcher *matcher, uint32_t index, struct span params,
                        const struct command **ret_command, struct request *ret_request, struct error *err)
{
    const struct command *command = matcher_command(matcher, index, err);
    if (command == NULL)
        return -ENOENT;
    struct faults faults = { 0 };
    int done = request_read(command, params, ret_request, &faults, err);
    if (done < 0)
        return done;
    if (faults.count > 0)
        return fail_plain(err, EINVAL, "command '%s': parameters were not checked", command->name);
    done = check_given(command, ret_request, err);
    if (done < 0)
        return done;
    *ret_command = command;
    return 0;
}

static bool put_value(const struct param *param, const struct given *given, struct writer *out)
{
    if (param->rule.type == PARAM_SECRET)
        return given->kind == ENTRY_NONE || (put_text(out, SECRETS_PATH "/") && put_text(out, param->name));
    if (param->rule.type == PARAM_FILE)
        return given->kind == ENTRY_NONE || (put_text(out, FILES_PATH "/") && put_text(out, param->name));
    if (given->kind != ENTRY_NONE)
        return put(out, given->value.data, given->value.size);
    return !param->has_default || put_text(out, param->default_values[0]);
}

static bool put_items(const struct param *param, const struct given *given, struct writer *out, uint32_t *count)
{
    if (given->kind == ENTRY_NONE) {
        for (uint32_t i = 0; param->has_default && i < param->default_count; i++, ++*count)
            if (!put_text(out, param->default_values[i]) || !put_end(out))
                return false;
        return true;
    }
    struct reader items = given->items;
    struct entry item;
    for (; given_next_item(&items, &item); ++*count)
        if (!put(out, item.value.data, item.value.size) || !put_end(out))
            return false;
    return true;
}

static bool put_pieces(const struct command *command, const struct request *request, const struct template *template,
                       struct writer *out)
{
    for (uint32_t i = 0; i < template->piece_count; i++) {
        const struct template_piece *piece = &template->pieces[i];
        bool done = piece->literal != NULL
                        ? put_text(out, piece->literal)
                        : put_value(&command->params[piece->param], &request->given[piece->param], out);
        if (!done)
            return false;
    }
    return true;
}

static bool put_template(const struct command *command, const struct request *request, const struct template *template,
                         struct writer *out, uint32_t *count)
{
    if (template->is_spread) {
        uint32_t index = template->pieces[0].param;
        return put_items(&command->params[index], &request->given[index], out, count);
    }
    ++*count;
    return put_pieces(command, request, template, out) && put_end(out);
}

static bool put_env(const struct command *command, const struct request *request, struct writer *out, uint32_t *count)
{
    for (uint32_t i = 0; i < command->env_count; i++) {
        const struct env_entry *entry = &command->env[i];
        if (!put_text(out, entry->name) || !put_text(out, "=") ||
            !put_template(command, request, &entry->value, out, count))
            return false;
    }
    for (uint32_t i = 0; i < command->param_count; i++) {
        const struct param *param = &command->params[i];
        const struct given *given = &request->given[i];
        if (param->env_name[0] == '\0' || given->kind == ENTRY_NONE)
            continue;
        if (!put_text(out, param->env_name) || !put_text(out, "=") || !put(out, given->value.data, given->value.size) ||
            !put_end(out))
            return false;
        ++*count;
    }
    return true;
}

static bool put_argv(const struct command *command, const struct request *request, struct writer *out, uint32_t *count)
{
    for (uint32_t i = 0; i < command->argument_count; i++)
        if (!put_template(command, request, &command->arguments[i], out, count))
            return false;
    return true;
}

int matcher_expand(const struct matcher *matcher, uint32_t command_index, struct span params, struct writer *argv,
                   uint32_t *ret_argc, struct writer *env, uint32_t *ret_envc, struct error *err)
{
    const struct command *command = NULL;
    struct request request;
    int done = read_request(matcher, command_index, params, &command, &request, err);
    if (command == NULL)
        return done;
    uint32_t argc = 0, envc = 0;
    size_t room = argv->left + env->left;
    if (!put_argv(command, &request, argv, &argc) || !put_env(command, &request, env, &envc) ||
        room - argv->left - env->left > ARGV_MAX_BYTES)
        return fail(err, E2BIG, "command '%s': arguments and environment above %d bytes", command->name,
                    ARGV_MAX_BYTES);
    *ret_argc = argc;
    *ret_envc = envc;
    return 0;
}

int matcher_secrets(const struct matcher *matcher, uint32_t command_index, struct span params, struct writer *out,
                    struct error *err)
{
    const struct command *command = NULL;
    struct request request;
    int done = read_request(matcher, command_index, params, &command, &request, err);
    if (command == NULL)
        return done;
    for (uint32_t i = 0; i < command->param_count; i++) {
        const struct param *param = &command->params[i];
        const struct given *given = &request.given[i];
        if (param->rule.type != PARAM_SECRET || param->env_name[0] != '\0' || given->kind == ENTRY_NONE)
            continue;
        struct span name = { (const uint8_t *)param->name, (uint32_t)strlen(param->name) };
        if (!entries_add(out, ENTRY_STRING, name, given->value, (struct span){ 0 }))
            return fail(err, EMSGSIZE, "command '%s': secrets", command->name);
    }
    return 0;
}

int matcher_queue_key(const struct matcher *matcher, uint32_t command_index, enum queue_key which, struct span params,
                      struct writer *out, struct error *err)
{
    const struct command *command = NULL;
    struct request request;
    int done = read_request(matcher, command_index, params, &command, &request, err);
    if (command == NULL)
        return done;
    const struct template *key = which == QUEUE_KEY_DEDUPE ? &command->queue.dedupe_key : &command->queue.key;
    return put_pieces(command, &request, key, out) ? 0 : fail(err, EMSGSIZE, "command '%s': a key", command->name);
}

int matcher_redact(const struct matcher *matcher, uint32_t command_index, struct span params, struct writer *out,
                   struct error *err)
{
    const struct command *command = matcher_command(matcher, command_index, err);
    if (command == NULL)
        return -ENOENT;
    struct reader in = { params.data, params.size };
    struct entry entry;
    int more;
    while ((more = entries_next(&in, &entry)) == 1) {
        bool is_kept = false; /* a name that nobody knows may be a secret's, misspelt */
        for (uint32_t i = 0; i < command->param_count; i++)
            if (span_is(entry.name, command->params[i].name))
                is_kept = command->params[i].rule.type != PARAM_SECRET;
        bool done = is_kept ? entries_add(out, entry.kind, entry.name, entry.value, entry.extra)
                            : entries_add(out, ENTRY_SECRET, entry.name, (struct span){ 0 }, (struct span){ 0 });
        if (!done)
            return fail(err, EMSGSIZE, "command '%s': redacted parameters", command->name);
    }
    return more < 0 ? fail_plain(err, EBADMSG, "parameters are cut short") : 0;
}
