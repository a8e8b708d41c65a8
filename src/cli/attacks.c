#include "attacks.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "attack_stage.h"
#include "cli.h"
#include "client.h"
#include "interrupt.h"
#include "layers.h"
#include "private_server.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "sallyport/probe/harmless.h"
#include "say.h"

#define ATTACK_TIMEOUT_MS 30000

/* How the probe ends (tests/escape/probe/probe.h). */
enum { PROBE_WORKED = 0, PROBE_BLOCKED = 10, PROBE_CANNOT = 77 };

static const struct {
    const char *name, *for_people;
} outcomes[ATTACK_OUTCOME_COUNT] = {
    [ATTACK_NOT_TRIED] = { "not tried", "not tried" },
    [ATTACK_NOT_THERE] = { "not there", "not there" },
    [ATTACK_REFUSED] = { "refused", "refused" },
    [ATTACK_WORKED] = { "worked", "WORKED" },
};

/* --- judging one ------------------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *object, const char *path)
{
    return json_string_value(render_find(object, path)) ?: "";
}

/* What the probe says behind "S40 ptrace: blocked ", up to the line's end. */
static void said_behind(const char *output, const char *word, char *text, size_t room)
{
    char mark[32];
    snprintf(mark, sizeof mark, ": %s ", word);
    const char *at = strstr(output, mark);
    at = at == NULL ? "" : at + strlen(mark);
    snprintf(text, room, "%.*s", (int)strcspn(at, "\n"), at);
}

static bool is_listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; length > 0 && (at = strstr(at, word)) != NULL; at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static bool is_given_up(const struct harmless_attack *attack, const json_t *job)
{
    const json_t *name;
    size_t index;
    json_array_foreach(json_object_get(job, "degraded"), index,
                       name) if (attack->given_up_by != NULL &&
                                 strcmp(json_string_value(name) ?: "", attack->given_up_by) == 0) return true;
    return false;
}

static enum attack_outcome judge_answer(const struct harmless_attack *attack, const char *answer, char why[256])
{
    bool is_refusal = is_listed(attack->refusals, answer);
    bool is_death = strcmp(answer, "policy_violation") == 0;
    if (is_refusal)
        snprintf(why, 256, "%.200s", is_death ? "ended by SIGSYS" : answer);
    else
        snprintf(why, 256, "ended with '%.60s', which does not say that it was refused", answer);
    return is_refusal ? ATTACK_REFUSED : ATTACK_NOT_TRIED;
}

enum attack_outcome attack_judge(const struct harmless_attack *attack, const json_t *job, char why[256])
{
    char said[200];
    const char *reason = text_of(job, "end.reason"), *output = text_of(job, "output.head.d");
    const json_t *code = render_find(job, "end.exit_code");
    bool has_exited = strcmp(reason, "exited") == 0 && json_is_integer(code);
    if (strcmp(reason, "policy_violation") == 0)
        return judge_answer(attack, reason, why);
    if (!has_exited) {
        snprintf(why, 256, "%s: %.200s", reason[0] == '\0' ? "did not end" : reason, text_of(job, "end.message"));
        return ATTACK_NOT_TRIED;
    }
    switch (json_integer_value(code)) {
    case PROBE_WORKED:
        said_behind(output, "worked", said, sizeof said);
        snprintf(why, 256, "%.150s%s%s", said,
                 is_given_up(attack, job) ? "; what stops it is given up by degrade: " : "",
                 is_given_up(attack, job) ? attack->given_up_by : "");
        return ATTACK_WORKED;
    case PROBE_BLOCKED:
        said_behind(output, "blocked", said, sizeof said);
        said[strcspn(said, " ")] = '\0';
        return judge_answer(attack, said, why);
    case PROBE_CANNOT:
        said_behind(output, "cannot", said, sizeof said);
        snprintf(why, 256, "%s", said);
        return ATTACK_NOT_THERE;
    default:
        said_behind(output, "broken", said, sizeof said);
        snprintf(why, 256, "exit %d: %s", (int)json_integer_value(code), said);
        return ATTACK_NOT_TRIED;
    }
}

/* --- trying all ------------------------------------------------------------------------------------------------- */

/* 0 with a row, or -errno when there is no going on. */
static int try_one(struct cli *cli, const struct attack_stage *stage, const struct harmless_attack *attack,
                   enum attack_outcome *ret_outcome, char why[256], struct error *err)
{
    json_t *words = attack_stage_words(stage, attack), *job = NULL;
    *ret_outcome = ATTACK_NOT_TRIED;
    if (words == NULL) {
        snprintf(why, 256, "what it goes for could not be made on this host");
        return 0;
    }
    json_t *body = json_pack("{s:{s:o}}", "params", "words", words);
    struct request request = { .method = "POST",
                               .path = "/v1/commands/attack/jobs",
                               .body = body,
                               .prefer = "wait=20",
                               .timeout_ms = ATTACK_TIMEOUT_MS };
    int done = client_ask(cli->client, &request, &job, err);
    if (done == 0)
        *ret_outcome = attack_judge(attack, job, why);
    json_decref(body);
    json_decref(job);
    return done;
}

static int try_all(struct cli *cli, const struct attack_stage *stage, json_t *rows,
                   unsigned counts[ATTACK_OUTCOME_COUNT], struct error *err)
{
    if (client_new(cli, &cli->client, err) < 0)
        return -err->code;
    for (size_t i = 0; i < harmless_attack_count; i++) {
        const struct harmless_attack *attack = &harmless_attacks[i];
        enum attack_outcome outcome;
        char why[256] = "";
        int done = try_one(cli, stage, attack, &outcome, why, err);
        if (done == 0 && interrupt_take() != 0)
            done = fail_plain(err, EINTR, "interrupted; %zu of %zu attacks were tried", i + 1, harmless_attack_count);
        if (done < 0)
            return done;
        counts[outcome]++;
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "row", attack->id, "attack", attack->title,
                                        "stopped_by", attack->stopped_by, "outcome", outcomes[outcome].name, "why",
                                        say_clean(why), "at_worst", attack->at_worst));
    }
    return 0;
}

/* --- telling ---------------------------------------------------------------------------------------------------- */

static void print_rows(const struct cli *cli, json_t *rows)
{
    static const struct column columns[] = {
        { "ROW", "row", COLUMN_TEXT, false, false },
        { "ATTACK", "attack", COLUMN_TEXT, false, true },
        { "STOPPED BY", "stopped_by", COLUMN_TEXT, false, true },
        { "OUTCOME", "outcome", COLUMN_TEXT, false, false },
        { "WHY", "why", COLUMN_TEXT, false, true },
        { "AT WORST", "at_worst", COLUMN_TEXT, true, true },
    };
    json_t *row;
    size_t index;
    json_array_foreach(rows, index, row) for (size_t i = 0; i < ATTACK_OUTCOME_COUNT;
                                              i++) if (strcmp(text_of(row, "outcome"), outcomes[i].name) == 0)
        json_object_set_new(row, "outcome", json_string(outcomes[i].for_people));
    render_list(cli, rows, columns, sizeof columns / sizeof columns[0], "row");
}

static int tell(struct cli *cli, json_t *rows, const unsigned counts[ATTACK_OUTCOME_COUNT])
{
    json_t *report = json_pack("{s:O}", "attacks", rows);
    if (!render_raw(cli, report))
        print_rows(cli, rows);
    json_decref(report);
    if (counts[ATTACK_WORKED] > 0)
        say("%u of %zu attacks WORKED: this sandbox does not hold; run no job that you do not trust",
            counts[ATTACK_WORKED], harmless_attack_count);
    if (counts[ATTACK_NOT_TRIED] > 0)
        say("%u attacks were not tried, so nothing is known of them", counts[ATTACK_NOT_TRIED]);
    if (!cli->is_quiet) {
        say_dim("%u attacks were refused", counts[ATTACK_REFUSED]);
        if (counts[ATTACK_NOT_THERE] > 0)
            say_dim("%u go for something that this kernel does not have", counts[ATTACK_NOT_THERE]);
        layers_say(cli);
    }
    return counts[ATTACK_WORKED] > 0 ? 1 : counts[ATTACK_NOT_TRIED] > 0 ? CODE_TROUBLE : 0;
}

static int attack_through(struct cli *cli, const struct attack_stage *stage)
{
    struct private_server server;
    struct error err = { .code = 0 };
    unsigned counts[ATTACK_OUTCOME_COUNT] = { 0 };
    int status, code;
    if (private_server_start(stage->config, &server, &status, &err) < 0) {
        say("%s", err.text);
        return err.code == EINTR ? CODE_CANCELLED : status == CODE_BAD_CONFIG ? CODE_BAD_CONFIG : CODE_TROUBLE;
    }
    cli->url = server.url;
    json_t *rows = json_array();
    if (try_all(cli, stage, rows, counts, &err) < 0) {
        code = err.code == EINTR ? CODE_CANCELLED : CODE_TROUBLE;
        say("%s", err.text);
    } else
        code = tell(cli, rows, counts);
    json_decref(rows);
    private_server_stop(&server);
    return code;
}

int attacks_run(struct cli *cli, const char *own_config)
{
    struct attack_stage stage;
    struct error err = { .code = 0 };
    int wake_fd;
    if (interrupt_open(&wake_fd, &err) < 0) { /* from here on there is something to remove */
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    int code = CODE_TROUBLE;
    if (attack_stage_set(own_config, &stage, &err) < 0)
        say("%s", err.text);
    else {
        code = attack_through(cli, &stage);
        attack_stage_clear(&stage);
    }
    interrupt_close();
    return code;
}
