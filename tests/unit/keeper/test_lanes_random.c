/*
 * Thousands of random submits, ends, cancels, pauses and changes of the rules, against a model that counts for itself: nothing
 * starts that may not, nothing of a key overtakes, and nothing waits that could start.
 */
#include "queue_rig.h"

TestSuite(lanes_random, .init = rig_setup, .fini = rig_teardown, .timeout = 240);

#define JOBS_MAX 4000
#define STEPS    1500

enum fate { WAITS, RUNS, OVER };

static struct entrant {
    struct job_id id;
    const char *command, *actor;
    char key[8];
    uint8_t priority;
    enum fate fate;
} entrants[JOBS_MAX];

static unsigned entrant_count;
static bool is_loud_paused;

static void limits(struct rules *rules)
{
    rules->settings.slot_count = 4;
    rules->settings.slots_per_account = 2;
    rules->settings.quota.running = 5;
    queue_quota(rules, "ci")->running = 2;
    queue_quota(rules, "ops")->running = 4;
    queue_rules_of(rules, "echo")->limit = 2;
    queue_key_is_text(&queue_rules_of(rules, "echo")->key);
    queue_rules_of(rules, "deploy")->limit = 3;
    for (uint32_t i = 0; i < rules->policy->command_count; i++)
        rules->policy->commands[i].queue.priority = PRIORITY_MAX;
}

static unsigned count(bool (*is_it)(const struct entrant *entrant, const struct entrant *like),
                      const struct entrant *like)
{
    unsigned found = 0;
    for (unsigned i = 0; i < entrant_count; i++)
        found += entrants[i].fate == RUNS && is_it(&entrants[i], like);
    return found;
}

static bool is_any(const struct entrant *entrant, const struct entrant *like)
{
    (void)entrant;
    (void)like;
    return true;
}

static bool is_of_caller(const struct entrant *entrant, const struct entrant *like)
{
    return entrant->actor == like->actor;
}

static bool is_of_key(const struct entrant *entrant, const struct entrant *like)
{
    return entrant->command == like->command && strcmp(entrant->key, like->key) == 0;
}

static bool is_of_kind(const struct entrant *entrant, const struct entrant *like)
{
    return (strcmp(entrant->command, "deploy") == 0) == (strcmp(like->command, "deploy") == 0);
}

static void check_start(struct entrant *entrant)
{
    unsigned index = (unsigned)(entrant - entrants);
    bool is_deploy = strcmp(entrant->command, "deploy") == 0;
    uint32_t limit = queue_rules_of(&keeper->rules, entrant->command)->limit;
    cr_assert_eq(entrant->fate, WAITS);
    cr_assert(!is_loud_paused || strcmp(entrant->command, "loud") != 0);
    cr_assert_lt(count(is_any, entrant), keeper->rules.settings.quota.running);
    cr_assert_lt(count(is_of_caller, entrant), queue_quota(&keeper->rules, entrant->actor)->running);
    cr_assert_lt(count(is_of_kind, entrant), is_deploy ? 2 : 4);
    if (limit == 0)
        return;
    cr_assert_lt(count(is_of_key, entrant), limit);
    for (unsigned i = 0; i < entrant_count; i++) {
        const struct entrant *other = &entrants[i];
        bool is_before = other->priority > entrant->priority || (other->priority == entrant->priority && i < index);
        bool is_overtaken = other->fate == WAITS && is_of_key(other, entrant) && is_before;
        cr_assert(!is_overtaken, "%u of key '%s' of %s overtook %u", index, entrant->key, entrant->command, i);
    }
}

/* Takes the orders that have come. */
static void take_orders(void)
{
    rig_turn();
    message_done(&got);
    while (channel_receive(&launcher, &got, &err) == 1) {
        for (unsigned i = 0; got.type == MSG_LAUNCH && i < entrant_count; i++)
            if (job_id_equal(&entrants[i].id, &got.body.launch.job_id)) {
                check_start(&entrants[i]);
                entrants[i].fate = RUNS;
            }
        message_done(&got);
        rig_turn();
    }
}

static void check_nobody_waits_for_nothing(void)
{
    char text[REASON_MAX_BYTES];
    unsigned waiting = 0;
    for (unsigned i = 0; i < entrant_count; i++) {
        const struct job *job = job_find(keeper, &entrants[i].id);
        if (entrants[i].fate != WAITS)
            continue;
        cr_assert_not_null(job);
        enum job_wait wait = queue_reason(keeper, job, text);
        cr_assert(wait != JOB_WAIT_STARTING && wait != JOB_WAIT_NONE, "%u waits for nothing: %s", i, text);
        waiting++;
    }
    cr_assert_eq(keeper->queue.waiting, waiting);
    cr_assert_eq(keeper->queue.running, count(is_any, NULL));
}

static void submit_one(void)
{
    static const char *const commands[] = { "echo", "loud", "deploy" }, *const keys[] = { "a", "b", "c" };
    struct entrant *entrant = &entrants[entrant_count++];
    bool is_ci = rand() % 2 == 0;
    entrant->command = commands[rand() % 3];
    entrant->actor = is_ci ? "ci" : "ops";
    entrant->priority = (uint8_t)(rand() % 4 == 0 ? rand() % 10 : PRIORITY_MAX);
    if (strcmp(entrant->command, "echo") == 0)
        strcpy(entrant->key, keys[rand() % 3]);
    struct msg_submit submit = rig_submit(is_ci ? CI_TOKEN : OPS_TOKEN, entrant->command);
    if (entrant->key[0] != '\0')
        submit.params = rig_params(entrant->key, NULL);
    submit.has_priority = true;
    submit.priority = entrant->priority;
    entrant->id = rig_accept(&submit);
}

static struct entrant *any(enum fate fate)
{
    for (unsigned tries = 0; entrant_count > 0 && tries < 200; tries++) {
        struct entrant *entrant = &entrants[(unsigned)rand() % entrant_count];
        if (entrant->fate == fate)
            return entrant;
    }
    return NULL;
}

static void finish_one(void)
{
    struct entrant *entrant = any(RUNS);
    if (entrant == NULL)
        return;
    entrant->fate = OVER;
    rig_exited(&entrant->id, JOB_REASON_EXITED, 0);
}

static void cancel_one(void)
{
    struct entrant *entrant = any(WAITS);
    if (entrant == NULL)
        return;
    struct msg_cancel asked = { .evidence = rig_token(OPS_TOKEN), .job_id = entrant->id };
    uint32_t request = rig_say(&front, MSG_CANCEL, &asked);
    rig_expect(request, MSG_CANCELLED);
    entrant->fate = OVER;
}

static void pause_or_resume(void)
{
    struct msg_pause asked = { .evidence = rig_token(OPS_TOKEN), .command = "loud", .is_resume = is_loud_paused };
    is_loud_paused = !is_loud_paused;
    uint32_t request = rig_say(&front, MSG_PAUSE, &asked);
    rig_expect(request, MSG_COMMANDS);
}

static void change_rules(void)
{
    queue_rules_of(&keeper->rules, "echo")->limit = (uint32_t)(rand() % 3);
    queue_rules_of(&keeper->rules, "deploy")->limit = (uint32_t)(rand() % 4);
    queue_quota(&keeper->rules, "ci")->running = 1 + (uint32_t)(rand() % 3);
    keeper->rules.settings.quota.running = 3 + (uint32_t)(rand() % 4);
    queue_renew(keeper);
}

Test(lanes_random, start_all_that_may_start_and_nothing_else)
{
    rig_edit = limits;
    rig_restart();
    rig_hello(7, 0);
    srand(11);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned dice = (unsigned)rand() % 100;
        if (dice < 45)
            submit_one();
        else if (dice < 88)
            finish_one();
        else if (dice < 95)
            cancel_one();
        else if (dice < 98)
            pause_or_resume();
        else
            change_rules();
        take_orders();
        check_nobody_waits_for_nothing();
    }
    unsigned over = 0;
    for (unsigned i = 0; i < entrant_count; i++)
        over += entrants[i].fate == OVER;
    cr_expect_gt(over, 300, "%u came to their end", over);
}
