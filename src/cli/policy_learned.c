#include "policy_learned.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/filter/describe.h"
#include "table.h"

#define ARGUMENTS_TEXT_BYTES (LEARN_ARGS * (ARGUMENT_TEXT_BYTES + 2))

struct learned_row {
    struct learned_call call;
    bool is_foreign;
    char name[CALL_NAME_BYTES];
    char program[sizeof((struct heard_call *)0)->program];
    char *file;       /* of the first time; NULL for none that could be read */
    char *never;      /* why no profile may allow it; NULL if one may */
    uint32_t telling; /* the arguments that some profile looks at, as bits */
    int answer;       /* as learned_take() said */
    unsigned long count;
};

void learned_done(struct learned *learned)
{
    for (size_t i = 0; i < learned->count; i++) {
        free(learned->rows[i].file);
        free(learned->rows[i].never);
    }
    free(learned->rows);
    profile_free(learned->base);
    for (size_t i = 0; i < PROFILES_KNOWN; i++)
        profile_free(learned->known[i]);
}

/* --- taking ------------------------------------------------------------------------------------------------------------- */

static bool is_same(const struct learned_row *row, const struct heard_call *heard)
{
    if (row->call.number != heard->call.number || row->is_foreign != heard->is_foreign ||
        strcmp(row->program, heard->program) != 0)
        return false;
    for (uint32_t i = 0; i < LEARN_ARGS; i++)
        if ((row->telling & (1u << i)) != 0 && row->call.args[i] != heard->call.args[i])
            return false;
    return true;
}

/* Its name, and why no profile may allow it, if none may. */
static void name_call(struct learned_row *row)
{
    char number[16];
    uint32_t found;
    struct error err;
    const char *never = NULL;
    snprintf(number, sizeof number, "%" PRIu32, row->call.number);
    if (row->is_foreign) {
        snprintf(row->name, sizeof row->name, "call %#" PRIx32 " of another ABI", row->call.number);
        never = "a call of another ABI ends its process under every profile";
    } else if (!call_find(number, &found, row->name)) {
        snprintf(row->name, sizeof row->name, "call %" PRId32, (int32_t)row->call.number);
        never = "no call of this kernel";
    } else if (strcmp(row->name, number) == 0) {
        never = "it has no name here, and profiles list names";
    } else {
        never = floor_reason(row->name, row->call.args, LEARN_ARGS, &err);
    }
    row->never = never != NULL ? strdup(never) : NULL;
}

static int answer_for(const struct learned *learned, const struct learned_row *row)
{
    if (row->is_foreign)
        return HEARD_ENDS;
    if (row->never == NULL)
        return HEARD_GOES_ON;
    int code = profile_errno(learned->base, &row->call);
    return code != 0 ? code : EPERM;
}

static void fill(const struct learned *learned, const struct heard_call *heard, struct learned_row *row)
{
    *row = (struct learned_row){ .call = heard->call, .is_foreign = heard->is_foreign, .count = 1 };
    memcpy(row->program, heard->program, sizeof row->program);
    if (!row->is_foreign) {
        row->telling = profile_looks_at(learned->base, row->call.number);
        for (size_t i = 0; i < PROFILES_KNOWN; i++)
            row->telling |= profile_looks_at(learned->known[i], row->call.number);
    }
    row->file = heard->path[0] != '\0' ? strdup(heard->path) : NULL;
    name_call(row);
    row->answer = answer_for(learned, row);
}

/* Room for one more row, or NULL. */
static struct learned_row *add_row(struct learned *learned)
{
    if (learned->count == LEARNED_MAX)
        return NULL;
    struct learned_row *larger = reallocarray(learned->rows, learned->count + 1, sizeof *larger);
    if (larger == NULL)
        return NULL;
    learned->rows = larger;
    return &larger[learned->count++];
}

int learned_take(void *arg, const struct heard_call *heard)
{
    struct learned *learned = arg;
    for (size_t i = 0; i < learned->count; i++) {
        struct learned_row *row = &learned->rows[i];
        if (!is_same(row, heard))
            continue;
        row->count++;
        if (row->file == NULL && heard->path[0] != '\0')
            row->file = strdup(heard->path);
        return row->answer;
    }
    struct learned_row fresh, *row = add_row(learned);
    fill(learned, heard, &fresh);
    if (row != NULL) {
        *row = fresh;
        return fresh.answer;
    }
    learned->forgotten++;
    free(fresh.file);
    free(fresh.never);
    return fresh.answer;
}

/* --- telling ------------------------------------------------------------------------------------------------------------ */

static bool permits_all(const struct learned *learned, const struct profile *profile)
{
    for (size_t i = 0; i < learned->count; i++)
        if (learned->rows[i].never == NULL && !profile_permits(profile, &learned->rows[i].call))
            return false;
    return true;
}

const char *learned_smallest(const struct learned *learned)
{
    for (size_t i = learned->first_known; i < PROFILES_KNOWN; i++)
        if (permits_all(learned, learned->known[i]))
            return profile_names[i];
    return NULL;
}

size_t learned_never(const struct learned *learned)
{
    size_t count = 0;
    for (size_t i = 0; i < learned->count; i++)
        count += learned->rows[i].never != NULL;
    return count;
}

/* "AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0": up to the last argument that a profile looks at, and three of a call of which none does. */
static void write_arguments(const struct learned_row *row, char text[ARGUMENTS_TEXT_BYTES])
{
    char one[ARGUMENT_TEXT_BYTES];
    size_t used = 0;
    unsigned shown = 3;
    for (unsigned i = 0; i < LEARN_ARGS; i++)
        if ((row->telling & (1u << i)) != 0)
            shown = row->telling >> i == 1 ? i + 1 : shown;
    for (unsigned i = 0; i < shown; i++) {
        argument_text(row->is_foreign ? "" : row->name, i, row->call.args[i], one);
        used += (size_t)snprintf(text + used, ARGUMENTS_TEXT_BYTES - used, "%s%s", i > 0 ? ", " : "", one);
    }
}

static void write_permitting(const struct learned *learned, const struct learned_row *row, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    if (row->never != NULL) {
        snprintf(text, room, "never: %s", row->never);
        return;
    }
    for (size_t i = 0; i < PROFILES_KNOWN; i++)
        if (profile_permits(learned->known[i], &row->call))
            used += (size_t)snprintf(text + used, room - used, "%s%s", used > 0 ? ", " : "", profile_names[i]);
    if (used == 0)
        snprintf(text, room, "none of the shipped");
}

void learned_print(const struct learned *learned, FILE *to, unsigned width, bool has_colour)
{
    struct table table = { .column_count = 6,
                           .headers = { "CALL", "TIMES", "PROGRAM", "ARGUMENTS", "FILE", "PERMITTED BY" },
                           .may_shrink = { false, false, false, true, true, true } };
    for (size_t i = 0; i < learned->count; i++) {
        const struct learned_row *row = &learned->rows[i];
        char times[24], arguments[ARGUMENTS_TEXT_BYTES], permitting[ERROR_TEXT_MAX_BYTES + 16];
        snprintf(times, sizeof times, "%lu", row->count);
        write_arguments(row, arguments);
        write_permitting(learned, row, permitting, sizeof permitting);
        const char *cells[] = { row->name, times, row->program, arguments, row->file != NULL ? row->file : "-",
                                permitting };
        for (size_t j = 0; j < sizeof cells / sizeof cells[0]; j++)
            if (!table_add(&table, cells[j]))
                table.column_count = 0; /* memory is short: rather nothing than a crooked table */
    }
    table_print(&table, to, width, has_colour);
    table_done(&table);
}

/* Bytes of a stranger: what is not UTF-8 is escaped as a JSON string would, and stays readable. */
static json_t *json_foreign(const char *text)
{
    if (text == NULL)
        return json_null();
    if (text_is_utf8(text, strlen(text)))
        return json_string(text);
    size_t room = strlen(text) * 6 + 1;
    auto_free char *quoted = malloc(room);
    if (quoted == NULL)
        return json_null();
    text_quote_json(text, strlen(text), quoted, room);
    return json_string(quoted);
}

static json_t *json_row(const struct learned *learned, const struct learned_row *row)
{
    char text[ARGUMENTS_TEXT_BYTES];
    json_t *item = json_object(), *args = json_array(), *permitting = json_array();
    for (size_t i = 0; i < LEARN_ARGS; i++)
        json_array_append_new(args, json_sprintf("%#" PRIx64, row->call.args[i]));
    for (size_t i = 0; i < PROFILES_KNOWN && row->never == NULL; i++)
        if (profile_permits(learned->known[i], &row->call))
            json_array_append_new(permitting, json_string(profile_names[i]));
    write_arguments(row, text);
    json_object_set_new(item, "call", json_string(row->name));
    json_object_set_new(item, "number", json_integer(row->call.number));
    json_object_set_new(item, "count", json_integer((json_int_t)row->count));
    json_object_set_new(item, "program", json_foreign(row->program));
    json_object_set_new(item, "args", args);
    json_object_set_new(item, "arguments", json_string(text));
    json_object_set_new(item, "file", json_foreign(row->file));
    json_object_set_new(item, "permitted_by", permitting);
    json_object_set_new(item, "never", row->never != NULL ? json_string(row->never) : json_null());
    const char *code = row->answer > 0 ? strerrorname_np(row->answer) : NULL;
    json_object_set_new(item, "answer",
                        json_string(row->answer == HEARD_GOES_ON ? "made"
                                    : row->answer == HEARD_ENDS  ? "killed"
                                    : code != NULL               ? code
                                                                 : "errno"));
    return item;
}

json_t *learned_json(const struct learned *learned)
{
    json_t *calls = json_array(), *report = json_object();
    const char *smallest = learned_smallest(learned);
    for (size_t i = 0; i < learned->count; i++)
        json_array_append_new(calls, json_row(learned, &learned->rows[i]));
    json_object_set_new(report, "smallest", smallest != NULL ? json_string(smallest) : json_null());
    json_object_set_new(report, "forgotten", json_integer((json_int_t)learned->forgotten));
    json_object_set_new(report, "calls", calls);
    return report;
}

int learned_write(const struct learned *learned, char **ret_text, struct error *err)
{
    size_t count = 0;
    struct learned_call *calls = calloc(learned->count + 1, sizeof *calls);
    if (calls == NULL)
        return fail(err, ENOMEM, "learn");
    for (size_t i = 0; i < learned->count; i++)
        if (learned->rows[i].never == NULL)
            calls[count++] = learned->rows[i].call;
    int done = profile_learn(learned->base, learned->known, PROFILES_KNOWN, calls, count, ret_text, err);
    free(calls);
    return done;
}
