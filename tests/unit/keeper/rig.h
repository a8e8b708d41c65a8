/*
 * A keeper in this process, with both of its neighbours played by the test: `front` and `launcher` are channels that speak
 * the protocol, also in ways that no front or launcher of ours would.
 */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "job_life.h"
#include "keeper.h"
#include "launcher_answer.h"
#include "output.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"
#include "sallyport/proto/entries.h"
#include "sallyport/store/store.h"

#define CI_TOKEN     "sp_ci"    /* may run echo and loud, and see its own */
#define OPS_TOKEN    "sp_ops"   /* admin */
#define GUEST_TOKEN  "sp_guest" /* may look at everything, and do nothing */
#define OLD_TOKEN    "sp_old"   /* expired */
#define SLOTS        2
#define RIG_COMMANDS 6 /* of rig_policy() */

static char rig_directory[64], rig_database[96];
static uint64_t rig_service = 77; /* the number of this start of the service */
static struct keeper *keeper;
static int rig_doorbell = -1; /* the bootstrap's end; each keeper has its own */
static struct channel front, launcher;
static struct error err;
static struct message got;
static uint32_t next_request = 1;

static inline struct span text_span(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

/* --- rules ------------------------------------------------------------------------------------------------------------ */

static const struct retention rig_retention = {
    .age_ms = 3600000, .count = 1000, .bytes = 1000000000, .records_age_ms = 3600000
};

static inline struct command *rig_command(struct policy *policy, const char *name, uint32_t account)
{
    struct command *command = &policy->commands[policy->command_count++];
    text_copy(command->name, sizeof command->name, name);
    command->title = strdup("");
    command->description = strdup("");
    command->group = strdup("");
    command->account = account;
    command->arguments = calloc(1, sizeof *command->arguments);
    command->argument_count = 1;
    command->arguments[0].pieces = calloc(1, sizeof *command->arguments[0].pieces);
    command->arguments[0].piece_count = 1;
    command->arguments[0].pieces[0].literal = strdup("/bin/true");
    command->timeout_ms = 60000;
    command->grace_ms = 1000;
    command->output_max_bytes = 1024 * 1024;
    command->stdin_max_bytes = 1000;
    command->retention = rig_retention;
    command->queue.priority = PRIORITY_DEFAULT;
    return command;
}

static inline void rig_param(struct command *command, const char *name, enum param_type type, bool is_required)
{
    command->params = realloc(command->params, (command->param_count + 1) * sizeof *command->params);
    struct param *param = &command->params[command->param_count++];
    *param = (struct param){ .is_required = is_required };
    param->rule.type = type;
    param->rule.max_length = 100;
    text_copy(param->name, sizeof param->name, name);
}

/* `text` for the target's parameter of that name: literal, or the parameter or fact with this index; NULL for none. */
static inline void rig_follow(struct command *command, enum follow_when when, uint32_t target, const char *literal,
                              int param)
{
    command->follows = realloc(command->follows, (command->follow_count + 1) * sizeof *command->follows);
    struct follow *follow = &command->follows[command->follow_count++];
    *follow = (struct follow){ .when = (uint8_t)when, .command = target };
    command->step_count += when == FOLLOW_STEP;
    if (literal == NULL && param < 0)
        return;
    follow->passes = calloc(1, sizeof *follow->passes);
    follow->pass_count = 1;
    text_copy(follow->passes[0].name, NAME_MAX_BYTES, "text");
    follow->passes[0].values = calloc(1, sizeof *follow->passes[0].values);
    follow->passes[0].value_count = 1;
    struct template *value = &follow->passes[0].values[0];
    value->pieces = calloc(1, sizeof *value->pieces);
    value->piece_count = 1;
    value->pieces[0] = (struct template_piece){ .literal = literal != NULL ? strdup(literal) : NULL,
                                                .param = param < 0 ? 0 : (uint32_t)param };
}

/* `both`: echo "{text}", then loud, which may fail, then echo "two". `first`: something follows each end of it. */
static inline void rig_sequences(struct policy *policy, uint32_t echo, uint32_t loud, uint32_t head)
{
    struct command *both = rig_command(policy, "both", ACCOUNT_NONE);
    free(both->arguments[0].pieces[0].literal);
    free(both->arguments[0].pieces);
    both->argument_count = 0;
    both->parallel = 1;
    rig_param(both, "text", PARAM_STRING, true);
    rig_follow(both, FOLLOW_STEP, echo, NULL, 0);
    rig_follow(both, FOLLOW_STEP, loud, NULL, -1);
    both->follows[1].continues = true;
    rig_follow(both, FOLLOW_STEP, echo, "two", -1);
    struct command *first = rig_command(policy, "first", ACCOUNT_NONE);
    rig_follow(first, FOLLOW_THEN, loud, NULL, -1);
    rig_follow(first, FOLLOW_ON_FAILURE, echo, NULL, JOB_FACT_FIRST + JOB_FACT_STATE);
    rig_follow(first, FOLLOW_ALWAYS, head, NULL, -1);
}

/* `compile`: takes files; there only for who sets this before the start. */
static bool rig_has_uploads;

static inline void rig_uploads(struct policy *policy)
{
    struct command *compile = rig_command(policy, "compile", ACCOUNT_NONE);
    compile->stdin_kind = STDIN_BODY;
    compile->files_max_bytes = 6 * 1024 * 1024;
    rig_param(compile, "source", PARAM_FILE, true);
    rig_param(compile, "rules", PARAM_FILE, false);
    rig_param(compile, "text", PARAM_STRING, false);
    compile->params[0].rule.file_max_bytes = 6 * 1024 * 1024;
    compile->params[1].rule.file_max_bytes = 1000;
}

static inline struct policy *rig_policy(void)
{
    struct policy *policy = calloc(1, sizeof *policy);
    policy->commands = calloc(8, sizeof *policy->commands);
    policy->accounts = calloc(1, sizeof *policy->accounts);
    policy->account_count = 1;
    text_copy(policy->accounts[0].name, NAME_MAX_BYTES, "deploy");
    struct command *echo = rig_command(policy, "echo", ACCOUNT_NONE);
    rig_param(echo, "text", PARAM_STRING, true);
    rig_param(echo, "pin", PARAM_SECRET, false);
    echo->stdin_kind = STDIN_BODY;
    echo->signals = 1u << (1 - 1);
    struct command *loud = rig_command(policy, "loud", ACCOUNT_NONE);
    loud->output_max_bytes = 1000;
    struct command *head = rig_command(policy, "head", ACCOUNT_NONE);
    head->output_max_bytes = 1000;
    head->output_when_full = OUTPUT_DISCARD;
    rig_command(policy, "deploy", 0);
    rig_sequences(policy, 0, 1, 2);
    if (rig_has_uploads)
        rig_uploads(policy);
    return policy;
}

static inline void rig_caller(struct rules *rules, const char *name, const char *token, uint64_t expires,
                              const char *scopes)
{
    static const char *const texts[] = { "",           "run:",  "read:own", "read:all",       "cancel:own",
                                         "cancel:all", "admin", "metrics",  "admin:functions" };
    rules->callers = realloc(rules->callers, (rules->caller_count + 1) * sizeof *rules->callers);
    struct caller *caller = &rules->callers[rules->caller_count++];
    *caller = (struct caller){ .kind = token != NULL ? IDENTITY_TOKEN : IDENTITY_PEER,
                               .uid = getuid(),
                               .expires_unix_ms = expires };
    text_copy(caller->name, sizeof caller->name, name);
    if (token != NULL)
        hash_sha256(token, strlen(token), caller->token_sha256[caller->secret_count++]);
    char copy[256], *rest = copy;
    text_copy(copy, sizeof copy, scopes);
    for (const char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        caller->scopes = realloc(caller->scopes, (caller->scope_count + 1) * sizeof *caller->scopes);
        struct setting_scope *scope = &caller->scopes[caller->scope_count++];
        *scope = (struct setting_scope){ 0 };
        for (uint8_t kind = SCOPE_READ_OWN; kind < SCOPE_KIND_COUNT; kind++)
            if (strcmp(word, texts[kind]) == 0)
                scope->kind = kind;
        if (strncmp(word, "run:", 4) == 0) {
            scope->kind = SCOPE_RUN;
            text_copy(scope->glob, sizeof scope->glob, word + 4);
        }
        cr_assert_neq(scope->kind, SCOPE_NONE, "%s", word);
    }
}

/* What a test changes about the rules, each time that they are made. */
static void (*rig_edit)(struct rules *rules);

static inline struct rules rig_rules(uint32_t generation)
{
    struct rules rules = { .generation = generation,
                           .policy = rig_policy(),
                           .settings = { .service = rig_service,
                                         .slot_count = SLOTS,
                                         .slots_per_account = 1,
                                         .budget_bytes = UINT64_MAX / 2,
                                         .retention = rig_retention } };
    rig_caller(&rules, "ci", CI_TOKEN, 0, "run:echo run:l* run:head run:deploy run:both run:first read:own cancel:own");
    rig_caller(&rules, "ops", OPS_TOKEN, 0, "admin");
    rig_caller(&rules, "guest", GUEST_TOKEN, 0, "read:all");
    rig_caller(&rules, "old", OLD_TOKEN, 1000, "admin");
    rig_caller(&rules, "local", NULL, 0, "run:echo read:own");
    if (rig_edit != NULL)
        rig_edit(&rules);
    cr_assert_eq(matcher_new(rules.policy, &rules.matcher, &err), 0, "%s", err.text);
    return rules;
}

/* --- the keeper and its neighbours ----------------------------------------------------------------------------------------- */

static inline void rig_pair(enum process process, struct channel *channel)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    channel_done(channel);
    cr_assert_eq(channel_init(channel, NULL, pair[0], &err), 0);
    keeper_connect(keeper, process, pair[1]);
}

static inline void rig_turn(void)
{
    event_base_loop(keeper->base, EVLOOP_NONBLOCK);
    event_base_loop(keeper->base, EVLOOP_NONBLOCK);
}

static inline void rig_run(unsigned ms)
{
    uint64_t until = clock_monotonic_ms() + ms;
    do {
        rig_turn();
        usleep(500);
    } while (clock_monotonic_ms() < until);
}

static inline void rig_start(void)
{
    struct rules rules = rig_rules(1);
    int state_fd = open(rig_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct workers workers;
    fd_close(&rig_doorbell);
    rig_doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    cr_assert_eq(unlinker_start(state_fd, NULL, NULL, &workers.unlinker, &err), 0, "%s", err.text);
    cr_assert_eq(verifier_start(NULL, NULL, &workers.verifier, &err), 0, "%s", err.text);
    cr_assert_eq(keeper_new(event_base_new(), state_fd, null_fd, dup(rig_doorbell), &workers, rig_database, &rules,
                            &keeper, &err),
                 0, "%s", err.text);
    rig_pair(PROCESS_FRONT, &front);
    rig_turn();
}

static inline void rig_stop(void)
{
    keeper_free(keeper);
    keeper = NULL;
    channel_done(&front);
    channel_done(&launcher);
}

/* As after a kill -9: the keeper's memory and descriptors are gone, its files are as they are. */
static inline void rig_restart(void)
{
    rig_stop();
    rig_start();
}

static inline void rig_setup(void)
{
    umask(077);
    log_init("keeper");
    if (getenv("RIG_LOG") == NULL)
        (void)!freopen("/dev/null", "w", stderr);
    strcpy(rig_directory, "/tmp/sallyport-keeper-XXXXXX");
    cr_assert_not_null(mkdtemp(rig_directory));
    snprintf(rig_database, sizeof rig_database, "%s/jobs.db", rig_directory);
    front.fd = launcher.fd = -1;
    rig_start();
}

static inline void rig_teardown(void)
{
    char command[96];
    message_done(&got);
    rig_stop();
    snprintf(command, sizeof command, "rm -rf %s", rig_directory);
    cr_assert_eq(system(command), 0);
}

/* The largest size of a file stands in for a full disk: no commit succeeds. */
static struct rlimit rig_file_limit;

static inline void rig_disk_is_full(void)
{
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &rig_file_limit), 0);
    struct rlimit tight = { 4096, rig_file_limit.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
}

static inline void rig_disk_has_room(void)
{
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &rig_file_limit), 0);
}

/* --- talking -------------------------------------------------------------------------------------------------------------- */

/* The next message on the channel, whatever it is; false after `ms` without one. */
static inline bool rig_next(struct channel *channel, unsigned ms)
{
    uint64_t until = clock_monotonic_ms() + ms;
    message_done(&got);
    for (;;) {
        rig_turn();
        int done = channel_receive(channel, &got, &err);
        if (done == 1)
            return true;
        if (done < 0 || clock_monotonic_ms() > until)
            return false;
        usleep(200);
    }
}

/* The next message of this type; those of other types and requests before it are dropped. */
static inline bool rig_wait(struct channel *channel, enum msg_type type)
{
    while (rig_next(channel, 3000))
        if (got.type == type)
            return true;
    return false;
}

static inline bool rig_is_dropped(struct channel *channel)
{
    uint64_t until = clock_monotonic_ms() + 2000;
    while (clock_monotonic_ms() < until) {
        rig_turn();
        message_done(&got);
        if (channel_receive(channel, &got, &err) < 0)
            return true;
    }
    return false;
}

static inline struct evidence rig_token(const char *token)
{
    struct evidence evidence = { .kind = EVIDENCE_BEARER, .secret = text_span(token) };
    text_copy(evidence.address, sizeof evidence.address, "10.2.3.4");
    return evidence;
}

static inline uint32_t rig_say(struct channel *channel, enum msg_type type, const void *body)
{
    uint32_t id = next_request++;
    cr_assert_eq(channel_send(channel, type, id, body, NULL, 0, &err), 0, "%s", err.text);
    return id;
}

/* The answer to the request that was just said. */
static inline void rig_answer(uint32_t id)
{
    while (rig_next(&front, 3000))
        if (got.request_id == id)
            return;
    cr_assert_fail("no answer to request %u", id);
}

static inline void rig_expect(uint32_t id, enum msg_type type)
{
    rig_answer(id);
    cr_assert_eq(got.type, type, "%s instead of %s (%s)", message_defs[got.type].name, message_defs[type].name,
                 got.type == MSG_REFUSED ? got.body.refused.detail : "");
}

static inline void rig_expect_refusal(uint32_t id, unsigned status, const char *code)
{
    rig_answer(id);
    cr_assert_eq(got.type, MSG_REFUSED, "%s", message_defs[got.type].name);
    cr_expect_eq(got.body.refused.status, status, "%u %s", got.body.refused.status, got.body.refused.detail);
    cr_expect_str_eq(got.body.refused.code, code);
}

/* --- jobs ---------------------------------------------------------------------------------------------------------------- */

static uint8_t rig_params_room[4096];

static inline struct span rig_params(const char *text, const char *pin)
{
    struct writer out = { rig_params_room, sizeof rig_params_room };
    if (text != NULL)
        entries_add_text(&out, ENTRY_STRING, "text", text, "");
    if (pin != NULL)
        entries_add_text(&out, ENTRY_STRING, "pin", pin, "");
    return (struct span){ rig_params_room, (uint32_t)(sizeof rig_params_room - out.left) };
}

static inline struct msg_submit rig_submit(const char *token, const char *command)
{
    struct msg_submit submit = { .evidence = rig_token(token) };
    text_copy(submit.command, sizeof submit.command, command);
    if (strcmp(command, "echo") == 0)
        submit.params = rig_params("hello", NULL);
    return submit;
}

static inline struct job_id rig_accept(const struct msg_submit *submit)
{
    uint32_t id = rig_say(&front, MSG_SUBMIT, submit);
    rig_expect(id, MSG_SUBMITTED);
    return got.body.submitted.job_id;
}

static inline struct job_id rig_job(const char *command)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, command);
    return rig_accept(&submit);
}

static inline struct msg_job rig_report(const struct job_id *id)
{
    struct msg_read_job asked = { .evidence = rig_token(OPS_TOKEN), .job_id = *id };
    uint32_t request = rig_say(&front, MSG_READ_JOB, &asked);
    rig_expect(request, MSG_JOB);
    return got.body.job;
}

static inline void rig_hello(uint64_t incarnation, uint32_t held)
{
    struct msg_hello hello = { .incarnation = incarnation, .generation = keeper->rules.generation, .held = held };
    rig_pair(PROCESS_LAUNCHER, &launcher);
    rig_say(&launcher, MSG_HELLO, &hello);
    rig_turn();
}

/* The launcher takes the order and hands over pipes, whose write ends the test keeps. */
static inline void rig_launched(const struct job_id *id, int ret_write_fds[2])
{
    struct msg_launched launched = { .job_id = *id, .started_unix_ms = clock_unix_ms() };
    int out[2], errs[2];
    cr_assert_eq(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_eq(pipe2(errs, O_CLOEXEC | O_NONBLOCK), 0);
    int fds[] = { out[0], errs[0] };
    cr_assert_eq(channel_send(&launcher, MSG_LAUNCHED, 0, &launched, fds, 2, &err), 0);
    close(out[0]);
    close(errs[0]);
    ret_write_fds[0] = out[1];
    ret_write_fds[1] = errs[1];
    rig_turn();
}

static inline struct job_id rig_running(const char *command, int ret_write_fds[2])
{
    struct job_id id = rig_job(command);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_assert(job_id_equal(&got.body.launch.job_id, &id));
    rig_launched(&id, ret_write_fds);
    return id;
}

static inline void rig_exited(const struct job_id *id, enum job_reason reason, uint32_t exit_code)
{
    struct msg_exited exited = { .job_id = *id,
                                 .reason = (uint8_t)reason,
                                 .exit_code = exit_code,
                                 .wall_us = 42000000,
                                 .finished_unix_ms = clock_unix_ms() };
    rig_say(&launcher, MSG_EXITED, &exited);
    rig_turn();
}

/* Closes the pipes, tells of the end, and waits until it is recorded. */
static inline void rig_end(const struct job_id *id, int write_fds[2], enum job_reason reason, uint32_t exit_code)
{
    fd_close(&write_fds[0]);
    fd_close(&write_fds[1]);
    rig_exited(id, reason, exit_code);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_assert(job_id_equal(&got.body.job_only.job_id, id));
}

/* The log of a job, through the descriptors that a reader gets. */
static inline struct msg_output rig_output(const struct job_id *id, char *to, size_t room)
{
    struct msg_read_job asked = { .evidence = rig_token(OPS_TOKEN), .job_id = *id };
    uint32_t request = rig_say(&front, MSG_READ_OUTPUT, &asked);
    rig_expect(request, MSG_OUTPUT);
    cr_assert_lt(got.body.output.bytes, room);
    ssize_t size = pread(got.fds[0], to, room, 0);
    cr_assert_geq(size, (ssize_t)got.body.output.bytes);
    to[got.body.output.bytes] = '\0';
    return got.body.output;
}
