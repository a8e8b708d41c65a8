#include "plan_build.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/settings.h"

#define TMP_INODES_MIN     16  /* a tiny /tmp can still hold some empty files */
#define VARIABLE_MAX_BYTES 256 /* the longest fixed variable: a name and a value of NAME_MAX_BYTES */

static bool add_text(struct writer *out, const char *text)
{
    size_t size = strlen(text) + 1;
    if (size > out->left)
        return false;
    memcpy(out->at, text, size);
    out->at += size;
    out->left -= size;
    return true;
}

static struct span span_between(const uint8_t *start, const struct writer *end)
{
    return (struct span){ start, (uint32_t)(end->at - start) };
}

/* True if the variables that were written already set this one: the command's own word counts. */
static bool env_has(const uint8_t *start, const uint8_t *end, const char *variable)
{
    size_t length = (size_t)(strchr(variable, '=') - variable) + 1;
    for (const char *at = (const char *)start; at < (const char *)end; at += strlen(at) + 1)
        if (strncmp(at, variable, length) == 0)
            return true;
    return false;
}

/* What every job finds, and nothing else: API.md part E. */
static int add_fixed_variables(const struct plan_order *order, const char *context, const uint8_t *start,
                               struct writer *out, uint32_t *count, struct error *err)
{
    const struct command *command = &order->policy->commands[order->command];
    char variables[12][VARIABLE_MAX_BYTES];
    uint32_t made = 0;
    const char *user = command->account == ACCOUNT_NONE ? "job" : order->policy->accounts[command->account].name;
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "HOME=/tmp");
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "USER=%s", user);
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "PATH=/usr/local/bin:/usr/bin:/bin");
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "LANG=C.UTF-8");
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "SALLYPORT_JOB_ID=%s", order->job_id);
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "SALLYPORT_COMMAND=%s", command->name);
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "SALLYPORT_ACTOR=%s", order->actor);
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "SALLYPORT_SOURCE=%s", job_source_text(order->source));
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "SALLYPORT_ATTEMPT=1");
    snprintf(variables[made++], VARIABLE_MAX_BYTES, "SALLYPORT_DEADLINE=%llu",
             (unsigned long long)((order->now_unix_ms + order->timeout_ms) / 1000));
    if (command->has_context) {
        snprintf(variables[made++], VARIABLE_MAX_BYTES, "REQUEST_ID=%s", strrchr(context, '/') + 1);
        snprintf(variables[made++], VARIABLE_MAX_BYTES, "CONTEXT_PATH=%s", context);
    }
    for (uint32_t i = 0; i < made; i++) {
        if (env_has(start, out->at, variables[i]))
            continue;
        if (!add_text(out, variables[i]))
            return fail_plain(err, E2BIG, "arguments and environment are longer than %d bytes", ARGV_MAX_BYTES);
        (*count)++;
    }
    return 0;
}

/* A script runs as interpreter, the argument of its #! line, path; then come the command's own arguments. */
static int build_texts(const struct plan_order *order, struct plan_room *room, struct error *err)
{
    const struct command *command = &order->policy->commands[order->command];
    struct writer arguments = { room->arguments, sizeof room->arguments };
    struct writer env = { room->env, sizeof room->env };
    uint32_t prefix = 0, argument_count = 0, env_count = 0;
    const char *const words[] = { command->interpreter, command->interpreter_argument };
    for (size_t i = 0; command->interpreter[0] != '\0' && i < sizeof words / sizeof words[0]; i++) {
        if (words[i][0] != '\0') {
            add_text(&arguments, words[i]); /* first in an empty room: it fits */
            prefix++;
        }
    }
    int done = matcher_expand(order->matcher, order->command, order->params, &arguments, &argument_count, &env,
                              &env_count, err);
    if (done == 0)
        done = add_fixed_variables(order, room->plan.context, room->env, &env, &env_count, err);
    if (done < 0)
        return done;
    room->plan.arguments = span_between(room->arguments, &arguments);
    room->plan.argument_count = prefix + argument_count;
    room->plan.env = span_between(room->env, &env);
    room->plan.env_count = env_count;
    return 0;
}

/* From entries to texts: name and value in turn. matcher_check() let no NUL through. */
static int build_secrets(const struct plan_order *order, struct plan_room *room, struct error *err)
{
    static uint8_t entries[PARAMS_MAX_BYTES];
    struct writer listed = { entries, sizeof entries }, out = { room->secrets, sizeof room->secrets };
    int done = matcher_secrets(order->matcher, order->command, order->params, &listed, err);
    struct reader in = { entries, (size_t)(listed.at - entries) };
    struct entry entry;
    while (done == 0 && entries_next(&in, &entry) > 0) {
        const struct span parts[] = { entry.name, entry.value };
        for (size_t i = 0; done == 0 && i < 2; i++) {
            if (parts[i].size + 1 > out.left) {
                done = fail_plain(err, EMSGSIZE, "the secrets are too long");
                break;
            }
            memcpy(out.at, parts[i].data, parts[i].size);
            out.at[parts[i].size] = '\0';
            out.at += parts[i].size + 1;
            out.left -= parts[i].size + 1;
        }
    }
    explicit_bzero(entries, sizeof entries - listed.left);
    room->plan.secrets = span_between(room->secrets, &out);
    return done;
}

/* The paths of the root's binds of one kind. */
static int build_paths(const struct root *root, bool is_writable, uint8_t *paths, size_t size, struct span *ret_paths,
                       struct error *err)
{
    struct writer out = { paths, size };
    for (uint32_t i = 0; i < root->bind_count; i++)
        if (root->binds[i].is_writable == is_writable && !add_text(&out, root->binds[i].path))
            return fail_plain(err, EMSGSIZE, "the paths of sandbox.read or sandbox.write are too long together");
    *ret_paths = span_between(paths, &out);
    return 0;
}

static int build_artifacts(const struct command *command, struct plan_room *room, struct error *err)
{
    struct writer out = { room->artifacts, sizeof room->artifacts };
    for (uint32_t i = 0; i < command->artifact_count; i++)
        if (!add_text(&out, command->artifacts[i]))
            return fail_plain(err, EMSGSIZE, "the patterns of artifacts are too long together");
    room->plan.artifacts = span_between(room->artifacts, &out);
    room->plan.artifacts_max_bytes = command->artifacts_max_bytes;
    return 0;
}

/* A directory of the job's own, named by its id in the spelling that clients of functions know. */
static int build_context(const struct plan_order *order, struct plan *plan, struct error *err)
{
    struct job_id id;
    char hex[2 * JOB_ID_BYTES + 1];
    if (!order->policy->commands[order->command].has_context)
        return 0;
    if (!order->has_files || !job_id_parse(order->job_id, &id))
        return fail_plain(err, EINVAL, "a context without a request, or of no job");
    text_hex(id.bytes, sizeof id.bytes, hex);
    snprintf(plan->context, sizeof plan->context, "/tmp/%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
    return 0;
}

static void build_program(const struct command *command, struct plan *plan)
{
    bool is_script = command->interpreter[0] != '\0';
    const struct identity *program = is_script ? &command->interpreter_identity : &command->program_identity;
    text_copy(plan->program, sizeof plan->program, is_script ? command->interpreter : command->program);
    plan->device = program->device;
    plan->inode = program->inode;
    plan->size = program->size;
    plan->changed_ns = program->changed_ns;
    if (!is_script)
        return;
    text_copy(plan->script, sizeof plan->script, command->program);
    plan->script_device = command->program_identity.device;
    plan->script_inode = command->program_identity.inode;
    plan->script_size = command->program_identity.size;
    plan->script_changed_ns = command->program_identity.changed_ns;
}

static void build_limits(const struct plan_order *order, struct plan *plan)
{
    const struct command *command = &order->policy->commands[order->command];
    plan->has_host_network = command->has_host_network;
    plan->uid = order->uid;
    plan->gid = order->gid;
    plan->has_single_id = order->host->has_single_id;
    plan->tmp_max_bytes = command->tmp_max_bytes;
    plan->tmp_max_inodes = command->tmp_max_bytes / TMP_BYTES_PER_INODE;
    if (plan->tmp_max_inodes < TMP_INODES_MIN)
        plan->tmp_max_inodes = TMP_INODES_MIN;
    plan->memory_max_bytes = (order->degraded & DEGRADE_CGROUP_MEMORY) != 0 ? command->memory_max_bytes : 0;
    /* One more than the group allows where there is one: the kernel asks the rlimit first, and a refusal by the rlimit is
     * counted nowhere, so that nobody could be told that the limit was met. */
    plan->pids_max = command->pids_max + ((order->degraded & DEGRADE_CGROUP_PIDS) != 0 ? 0 : 1);
    plan->cpu_max_s = (command->cpu_time_ms + 999) / 1000;
    plan->landlock_abi = order->host->landlock_abi;
    /* A second net under the profiles that refuse such memory; `build` is there for compilers that make code as they run. */
    plan->forbids_writable_code = strcmp(order->policy->filters[command->filter].name, "build") != 0;
}

int plan_build(const struct plan_order *order, struct plan_room *ret_room, struct error *err)
{
    const struct command *command = &order->policy->commands[order->command];
    const struct filter *filter = &order->policy->filters[command->filter];
    const struct root *root = &order->policy->roots[command->root];
    struct plan *plan = &ret_room->plan;
    *plan = (struct plan){ 0 };
    text_copy(plan->job_id, sizeof plan->job_id, order->job_id);
    text_copy(plan->hostname, sizeof plan->hostname, "sallyport");
    text_copy(plan->workdir, sizeof plan->workdir, command->workdir[0] != '\0' ? command->workdir : "/tmp");
    build_program(command, plan);
    build_limits(order, plan);
    plan->filter = (struct span){ filter->program, filter->program_bytes };
    plan->has_files = order->has_files;
    static_assert((int)CELL_IMAGE_WRITABLE == (int)ROOT_IMAGE_WRITABLE, "one number for both");
    plan->image = root->image_kind;
    int done = build_context(order, plan, err);
    if (done == 0)
        done = build_texts(order, ret_room, err);
    if (done == 0)
        done = build_secrets(order, ret_room, err);
    if (done == 0)
        done = build_paths(root, false, ret_room->readable, sizeof ret_room->readable, &plan->readable, err);
    if (done == 0)
        done = build_paths(root, true, ret_room->writable, sizeof ret_room->writable, &plan->writable, err);
    if (done == 0)
        done = build_artifacts(command, ret_room, err);
#if SALLYPORT_TEST_SWITCHES
    plan->layers_off = command->test_layers_off;
#endif
    return done;
}

void plan_wipe(struct plan_room *room)
{
    explicit_bzero(room, sizeof *room);
}
