#include "placeholders.h"

#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "reading.h"

#define PLACEHOLDER_MAX_BYTES (NAME_MAX_BYTES + 8)

/* One element on its way into pieces. */
struct scan {
    struct reading *reading;
    struct template *template;
    const struct placeholder_rule *rule;
    char *literal; /* what has gathered since the last placeholder */
    size_t literal_length;
    unsigned placeholder_count;
};

static struct template_piece *add_piece(struct scan *scan)
{
    struct template *template = scan->template;
    struct template_piece *piece = grow(scan->reading, &template->pieces, template->piece_count, sizeof *piece);
    if (piece != NULL)
        template->piece_count++;
    return piece;
}

static void end_literal(struct scan *scan)
{
    if (scan->literal_length == 0)
        return;
    struct template_piece *piece = add_piece(scan);
    scan->literal[scan->literal_length] = '\0';
    scan->literal_length = 0;
    if (piece != NULL)
        piece->literal = copy_text(scan->reading, scan->literal);
}

static void refuse_unknown(struct scan *scan, const char *name)
{
    const struct command *command = scan->reading->command;
    const char *nearest = NULL;
    unsigned best = UINT32_MAX;
    for (uint32_t i = 0; i < command->param_count; i++)
        if (is_near(name, command->params[i].name, &best))
            nearest = command->params[i].name;
    if (nearest != NULL)
        fault(scan->reading, "{%s} names no parameter; did you mean {%s}?", name, nearest);
    else
        fault(scan->reading, "{%s} names no parameter; add '%s' to 'params', or write {{%s}} for the text itself", name,
              name, name);
}

/* A placeholder stands for one value of one kind, and always has one. */
static void check_use(struct scan *scan, const struct param *param, bool is_spread, bool is_alone)
{
    struct reading *reading = scan->reading;
    bool is_list = param->rule.type == PARAM_LIST, is_secret = param->rule.type == PARAM_SECRET;
    bool is_file = param->rule.type == PARAM_FILE;
    const char *name = param->name;
    const struct placeholder_rule *rule = scan->rule;
    const char *why_not = rule->literal_only != NULL ? rule->literal_only : rule->no_param;
    if (why_not == NULL && is_secret)
        why_not = rule->no_secret;
    if (why_not == NULL && is_file)
        why_not = rule->no_file;
    if (why_not != NULL)
        fault(reading, "{%s} may not stand here: %s", name, why_not);
    else if (is_list && !is_spread)
        fault(reading, "'%s' is a list; write \"{%s...}\" as an element of its own", name, name);
    else if (is_spread && !is_list)
        fault(reading, "'%s' is no list; write {%s}", name, name);
    else if (is_spread && !rule->may_spread)
        fault(reading, "'%s' is a list, and a variable holds one value", name);
    else if (is_spread && !is_alone)
        fault(reading, "{%s...} must be the whole element, for it becomes one element for each item", name);
    else if (is_secret && param->env_name[0] != '\0')
        fault(reading, "secret '%s' is delivered in variable %s and nowhere else; remove {%s}, or 'deliver'", name,
              param->env_name, name);
    else if (is_secret && !is_alone)
        fault(reading, "{%s} is a secret (it becomes the path of a file) and must be the whole element", name);
    else if (!param->is_required && !param->has_default && param->rule.type != PARAM_NONE)
        fault(reading, "{%s} may have no value: give the parameter 'required: true'%s", name,
              is_secret || is_file ? "" : " or a 'default'");
}

static const char *const job_facts[JOB_FACT_COUNT] = {
    [JOB_FACT_ID] = "job.id",
    [JOB_FACT_STATE] = "job.state",
    [JOB_FACT_REASON] = "job.reason",
    [JOB_FACT_EXIT_CODE] = "job.exit_code",
};

/* {job.id}: of the job that this one follows. False for any other name. */
static bool take_job_fact(struct scan *scan, const char *name)
{
    for (uint32_t fact = 0; fact < JOB_FACT_COUNT; fact++) {
        if (strcmp(name, job_facts[fact]) != 0)
            continue;
        if (!scan->rule->may_name_job)
            fault(scan->reading, "{%s} may stand only in 'then', 'on_failure' and 'always'", name);
        end_literal(scan);
        struct template_piece *piece = add_piece(scan);
        if (piece != NULL)
            piece->param = JOB_FACT_FIRST + fact;
        return true;
    }
    return false;
}

static void take_placeholder(struct scan *scan, const char *inside, size_t length, bool is_alone)
{
    char name[PLACEHOLDER_MAX_BYTES] = { 0 };
    bool is_spread = length > 3 && memcmp(inside + length - 3, "...", 3) == 0;
    size_t name_length = is_spread ? length - 3 : length;
    scan->placeholder_count++;
    if (name_length == 0 || name_length >= NAME_MAX_BYTES) {
        fault(scan->reading, "'{%.*s}' is no placeholder; write {name}, or {{ and }} for plain braces",
              (int)(length < 40 ? length : 40), inside);
        return;
    }
    memcpy(name, inside, name_length);
    if (!is_spread && take_job_fact(scan, name))
        return;
    int index = command_find_param(scan->reading->command, name);
    if (index < 0) {
        refuse_unknown(scan, name);
        return;
    }
    const struct param *param = &scan->reading->command->params[index];
    check_use(scan, param, is_spread, is_alone);
    scan->reading->params_used[index] = true;
    end_literal(scan);
    struct template_piece *piece = add_piece(scan);
    if (piece != NULL)
        piece->param = (uint32_t)index;
    scan->template->is_spread |= is_spread;
}

/* Takes what begins with a brace; returns how many bytes that was. */
static size_t take_brace(struct scan *scan, const char *start, const char *at)
{
    if (at[0] == at[1]) {
        scan->literal[scan->literal_length++] = at[0];
        return 2;
    }
    const char *end = at[0] == '{' ? strchr(at, '}') : NULL;
    if (end == NULL) {
        fault(scan->reading, "a single '%c'; write %c%c for a plain brace%s", at[0], at[0], at[0],
              at[0] == '{' ? ", or close the placeholder: {name}" : "");
        return strlen(at);
    }
    take_placeholder(scan, at + 1, (size_t)(end - at - 1), at == start && end[1] == '\0');
    return (size_t)(end + 1 - at);
}

void placeholders_read(struct reading *reading, const char *text, const struct placeholder_rule *rule,
                       struct template *ret_template)
{
    struct scan scan = { .reading = reading, .template = ret_template, .rule = rule };
    scan.literal = malloc(strlen(text) + 1);
    if (scan.literal == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    for (const char *at = text; *at != '\0';) {
        if (*at == '{' || *at == '}') {
            at += take_brace(&scan, text, at);
        } else {
            scan.literal[scan.literal_length++] = *at++;
        }
    }
    end_literal(&scan);
    free(scan.literal);
    if (ret_template->piece_count == 0 && scan.placeholder_count == 0) { /* an empty text is one empty element */
        struct template_piece *piece = add_piece(&scan);
        if (piece != NULL)
            piece->literal = copy_text(reading, "");
    }
}
