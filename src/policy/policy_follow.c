/* Values move as bytes, as in policy_expand.c: a value that holds a placeholder is just those bytes. */
#include "sallyport/policy/policy_follow.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "faults.h"
#include "request.h"
#include "sallyport/base/error.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

/* One follow on its way. */
struct expansion {
    const struct command *from;
    const struct request *request;
    const struct job_facts *facts;
    struct writer *out;
    char *text; /* the value that is being put together */
    size_t length;
};

#define VALUE_MAX_BYTES PARAMS_MAX_BYTES

uint8_t param_entry_kind(uint32_t type)
{
    static const uint8_t kinds[PARAM_TYPE_COUNT] = {
        [PARAM_STRING] = ENTRY_STRING, [PARAM_INT] = ENTRY_INTEGER, [PARAM_NUMBER] = ENTRY_REAL,
        [PARAM_BOOL] = ENTRY_BOOL,     [PARAM_ENUM] = ENTRY_STRING, [PARAM_LIST] = ENTRY_LIST,
        [PARAM_SECRET] = ENTRY_STRING,
    };
    return type < PARAM_TYPE_COUNT ? kinds[type] : (uint8_t)ENTRY_NONE;
}

static bool add_bytes(struct expansion *expansion, const void *bytes, size_t size)
{
    if (size > VALUE_MAX_BYTES - expansion->length)
        return false;
    if (size > 0)
        memcpy(expansion->text + expansion->length, bytes, size);
    expansion->length += size;
    return true;
}

static bool add_fact(struct expansion *expansion, uint32_t fact)
{
    const struct job_facts *facts = expansion->facts;
    char number[16];
    if (facts == NULL)
        return false;
    snprintf(number, sizeof number, "%u", facts->exit_code);
    const char *const texts[JOB_FACT_COUNT] = { [JOB_FACT_ID] = facts->id,
                                                [JOB_FACT_STATE] = facts->state,
                                                [JOB_FACT_REASON] = facts->reason,
                                                [JOB_FACT_EXIT_CODE] = number };
    return add_bytes(expansion, texts[fact], strlen(texts[fact]));
}

static bool add_param(struct expansion *expansion, uint32_t index)
{
    const struct param *param = &expansion->from->params[index];
    const struct given *given = &expansion->request->given[index];
    if (given->kind != ENTRY_NONE && given->kind != ENTRY_SECRET)
        return add_bytes(expansion, given->value.data, given->value.size);
    return param->has_default && add_bytes(expansion, param->default_values[0], strlen(param->default_values[0]));
}

static bool put_together(struct expansion *expansion, const struct template *template)
{
    expansion->length = 0;
    for (uint32_t i = 0; i < template->piece_count; i++) {
        const struct template_piece *piece = &template->pieces[i];
        bool done = piece->literal != NULL      ? add_bytes(expansion, piece->literal, strlen(piece->literal))
                    : is_job_fact(piece->param) ? add_fact(expansion, piece->param - JOB_FACT_FIRST)
                                                : add_param(expansion, piece->param);
        if (!done)
            return false;
    }
    return true;
}

static struct span text_span(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static bool put_entry(struct expansion *expansion, uint8_t kind, const struct pass *pass, struct span value)
{
    return entries_add(expansion->out, kind, text_span(pass->name), value, (struct span){ 0 });
}

static struct span text_of(const struct expansion *expansion)
{
    return (struct span){ (const uint8_t *)expansion->text, (uint32_t)expansion->length };
}

/* `{name...}`: the items of a list as they were given. */
static bool put_items(struct expansion *expansion, uint8_t kind, const struct pass *pass, uint32_t index)
{
    const struct param *param = &expansion->from->params[index];
    const struct given *given = &expansion->request->given[index];
    if (given->kind == ENTRY_NONE) {
        for (uint32_t i = 0; param->has_default && i < param->default_count; i++)
            if (!put_entry(expansion, kind, pass, text_span(param->default_values[i])))
                return false;
        return true;
    }
    struct reader items = given->items;
    struct entry item;
    while (given_next_item(&items, &item))
        if (!put_entry(expansion, kind, pass, item.value))
            return false;
    return true;
}

static int put_list(struct expansion *expansion, const struct param *param, const struct pass *pass, struct error *err)
{
    uint8_t kind = ENTRY_ITEM + param_entry_kind(param->item.type);
    bool done = put_entry(expansion, ENTRY_LIST, pass, (struct span){ 0 });
    for (uint32_t i = 0; i < pass->value_count && done; i++) {
        const struct template *value = &pass->values[i];
        if (value->is_spread) {
            done = put_items(expansion, kind, pass, value->pieces[0].param);
            continue;
        }
        if (!put_together(expansion, value))
            return fail_plain(err, EINVAL, "'%s': a value is missing or too long", pass->name);
        done = put_entry(expansion, kind, pass, text_of(expansion));
    }
    return done ? 0 : fail(err, EMSGSIZE, "'%s'", pass->name);
}

static int put_pass(struct expansion *expansion, const struct command *target, const struct pass *pass,
                    struct error *err)
{
    int index = command_find_param(target, pass->name);
    assert(index >= 0); /* policy_check_follows() saw it */
    const struct param *param = &target->params[index];
    if (pass->is_list)
        return put_list(expansion, param, pass, err);
    if (!put_together(expansion, &pass->values[0]))
        return fail_plain(err, EINVAL, "'%s': a value is missing or too long", pass->name);
    bool done = put_entry(expansion, param_entry_kind(param->rule.type), pass, text_of(expansion));
    return done ? 0 : fail(err, EMSGSIZE, "'%s'", pass->name);
}

int follow_expand(const struct policy *policy, const struct command *from, const struct follow *follow,
                  struct span params, const struct job_facts *facts, struct writer *out, struct error *err)
{
    struct request request;
    struct faults faults = { 0 };
    int done = request_read(from, params, &request, &faults, err);
    if (done < 0)
        return done;
    char *text = malloc(VALUE_MAX_BYTES);
    if (text == NULL)
        return fail(err, ENOMEM, "pass values on");
    struct expansion expansion = { .from = from, .request = &request, .facts = facts, .out = out, .text = text };
    for (uint32_t i = 0; i < follow->pass_count && done == 0; i++)
        done = put_pass(&expansion, &policy->commands[follow->command], &follow->passes[i], err);
    free(text);
    return done < 0 ? fail_in(err, "parameters for '%s'", policy->commands[follow->command].name) : 0;
}
