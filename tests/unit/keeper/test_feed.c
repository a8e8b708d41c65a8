/* The feed of changes: each one once, in order, when it is stored, to those who may know, from wherever they stopped. */
#include <signal.h>
#include <sys/resource.h>

#include "rig.h"

TestSuite(feed, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct msg_follow wish(const char *token)
{
    return (struct msg_follow){ .evidence = rig_token(token), .kinds = FEED_ALL };
}

static uint32_t follow(const char *token)
{
    struct msg_follow asked = wish(token);
    uint32_t request = rig_say(&front, MSG_FOLLOW, &asked);
    rig_expect(request, MSG_FEED);
    return request;
}

static uint32_t follow_jobs_from(const char *token, uint64_t life, uint64_t sequence)
{
    struct msg_follow asked = wish(token);
    asked.kinds = FEED_JOBS;
    asked.has_cursor = true;
    asked.life = life;
    asked.sequence = sequence;
    uint32_t request = rig_say(&front, MSG_FOLLOW, &asked);
    rig_expect(request, MSG_FEED);
    return request;
}

static void expect_change(uint32_t request, const struct job_id *id, enum job_state state, uint64_t version)
{
    rig_expect(request, MSG_CHANGE);
    cr_assert(job_id_equal(&got.body.change.job_id, id));
    cr_expect_eq(got.body.change.state, state, "%s", job_state_text(got.body.change.state));
    cr_expect_eq(got.body.change.version, version);
}

/* Nothing of this request comes for a while. */
static void expect_silence(uint32_t request)
{
    while (rig_next(&front, 50))
        cr_expect_neq(got.request_id, request, "%s", message_defs[got.type].name);
}

/* A change that was stored, of a job that is nowhere else. */
static struct job_id note(const char *actor)
{
    struct job job = { .record = { .id = job_id_new(), .state = JOB_QUEUED, .via = EVIDENCE_BEARER, .version = 1 } };
    text_copy(job.record.actor, sizeof job.record.actor, actor);
    feed_note(keeper, &job);
    feed_stored(keeper);
    return job.record.id;
}

Test(feed, tells_the_creation_of_a_job_and_every_change_once_and_in_order)
{
    int fds[2];
    uint32_t request = follow(CI_TOKEN);
    cr_expect_eq(got.body.feed.sequence, 0);
    cr_expect(!got.body.feed.has_reset && !got.body.feed.is_launcher_up && got.body.feed.generation == 1);
    struct job_id id = rig_job("echo");
    expect_change(request, &id, JOB_QUEUED, 1);
    cr_expect_eq(got.body.change.sequence, 1);
    cr_expect_str_eq(got.body.change.command, "echo");
    cr_expect_gt(got.body.change.created_unix_ms, 0);
    rig_hello(7, 0);
    expect_change(request, &id, JOB_STARTING, 2);
    rig_launched(&id, fds);
    expect_change(request, &id, JOB_RUNNING, 3);
    cr_expect_gt(got.body.change.started_unix_ms, 0);
    rig_end(&id, fds, JOB_REASON_EXITED, 3);
    expect_change(request, &id, JOB_FAILED, 4);
    cr_expect_eq(got.body.change.sequence, 4);
    cr_expect(got.body.change.exit_code == 3 && got.body.change.reason == JOB_REASON_EXITED);
    cr_expect_gt(got.body.change.finished_unix_ms, 0);
    cr_expect_neq(got.body.change.message[0], '\0');
}

/* Accepted and ordered in one commit: both are changes. */
Test(feed, tells_changes_that_shared_a_commit_one_by_one)
{
    rig_hello(7, 0);
    uint32_t request = follow(CI_TOKEN);
    struct job_id id = rig_job("echo");
    expect_change(request, &id, JOB_QUEUED, 1);
    expect_change(request, &id, JOB_STARTING, 2);
}

Test(feed, tells_nothing_before_it_is_stored_and_nothing_of_what_never_came_to_be)
{
    struct rlimit limit;
    uint32_t request = follow(CI_TOKEN);
    struct job_id id = rig_job("echo");
    expect_change(request, &id, JOB_QUEUED, 1);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4096, limit.rlim_max }), 0);
    rig_hello(7, 0); /* starts the first */
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 503, "store-full");
    expect_silence(request);
    cr_expect_eq(keeper->feeds.stored, 1);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_change(request, &id, JOB_STARTING, 2);
    cr_expect_eq(got.body.change.sequence, 2, "the refused job has left no gap");
    cr_expect_eq(keeper->feeds.last, 2);
}

Test(feed, closes_the_gap_of_a_job_that_never_came_to_be)
{
    struct job jobs[3] = { 0 };
    for (int i = 0; i < 3; i++)
        jobs[i].record.id = job_id_new();
    static const int order[] = { 0, 1, 2, 1, 0 };
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        jobs[order[i]].record.version = i;
        feed_note(keeper, &jobs[order[i]]);
    }
    feed_undo(keeper, &jobs[1].record.id);
    static const uint64_t left[] = { 0, 2, 4 };
    cr_expect_eq(keeper->feeds.last, 3);
    for (uint64_t i = 0; i < 3; i++) {
        cr_expect_eq(keeper->feeds.ring[i + 1].change.sequence, i + 1);
        cr_expect_eq(keeper->feeds.ring[i + 1].change.version, left[i]);
    }
    feed_stored(keeper);
    feed_undo(keeper, &jobs[0].record.id);
    cr_expect_eq(keeper->feeds.last, 3, "what is stored stays");
}

Test(feed, keeps_its_order_when_an_undone_turn_was_longer_than_the_ring)
{
    struct job job = { .record.id = job_id_new() }, other = { .record.id = job_id_new() };
    for (int i = 0; i < FEED_RING + 100; i++)
        feed_note(keeper, i % 2 == 0 ? &job : &other);
    uint64_t oldest = keeper->feeds.oldest;
    cr_expect_eq(oldest, 101);
    feed_undo(keeper, &job.record.id);
    cr_expect_eq(keeper->feeds.oldest, oldest, "what was overwritten does not come back");
    cr_expect_eq(keeper->feeds.last - oldest + 1, FEED_RING / 2);
    for (uint64_t i = oldest; i <= keeper->feeds.last; i++)
        cr_assert(job_id_equal(&keeper->feeds.ring[i % FEED_RING].change.job_id, &other.record.id));
}

Test(feed, shows_own_jobs_to_some_all_to_others_and_nothing_to_the_rest)
{
    uint32_t of_ci = follow(CI_TOKEN), of_guest = follow(GUEST_TOKEN);
    struct msg_submit submit = rig_submit(OPS_TOKEN, "echo");
    struct job_id theirs = rig_accept(&submit), own = rig_job("echo");
    expect_change(of_ci, &own, JOB_QUEUED, 1);
    cr_expect_eq(got.body.change.sequence, 2);
    uint32_t again = follow_jobs_from(GUEST_TOKEN, keeper->feeds.life, 0);
    expect_change(again, &theirs, JOB_QUEUED, 1);
    expect_change(again, &own, JOB_QUEUED, 1);
    (void)of_guest;
    keeper->rules.callers[2].scopes[0].kind = SCOPE_METRICS;
    struct msg_follow asked = wish(GUEST_TOKEN);
    rig_expect_refusal(rig_say(&front, MSG_FOLLOW, &asked), 403, "forbidden");
}

/* A peer of the same name is another caller. */
Test(feed, tells_callers_apart_by_how_they_are_known)
{
    struct job job = { .record = { .id = job_id_new(), .state = JOB_QUEUED, .via = EVIDENCE_PEER, .version = 1 } };
    text_copy(job.record.actor, sizeof job.record.actor, "ci");
    uint32_t request = follow(CI_TOKEN);
    feed_note(keeper, &job);
    feed_stored(keeper);
    struct job_id own = note("ci");
    turn_schedule(keeper);
    expect_change(request, &own, JOB_QUEUED, 1);
}

Test(feed, can_be_narrowed_to_a_few_jobs)
{
    struct job_id first = rig_job("echo"), second = rig_job("echo");
    struct msg_follow asked = wish(OPS_TOKEN);
    asked.jobs = (struct span){ second.bytes, JOB_ID_BYTES };
    uint32_t request = rig_say(&front, MSG_FOLLOW, &asked);
    rig_expect(request, MSG_FEED);
    const struct job_id *ids[] = { &first, &second };
    for (int i = 0; i < 2; i++) {
        struct msg_cancel cancel = { .evidence = rig_token(OPS_TOKEN), .job_id = *ids[i] };
        rig_say(&front, MSG_CANCEL, &cancel);
    }
    expect_change(request, &second, JOB_CANCELLED, 2);
    asked.jobs.size--;
    rig_say(&front, MSG_FOLLOW, &asked);
    cr_expect(rig_is_dropped(&front), "names that are cut");
}

Test(feed, goes_on_where_its_follower_stopped)
{
    struct job_id ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = rig_job("echo");
    uint32_t request = follow_jobs_from(CI_TOKEN, keeper->feeds.life, 2);
    cr_expect(!got.body.feed.has_reset && got.body.feed.sequence == 2);
    for (int i = 2; i < 5; i++)
        expect_change(request, &ids[i], JOB_QUEUED, 1);
    request = follow_jobs_from(CI_TOKEN, keeper->feeds.life, 5);
    cr_expect_not(got.body.feed.has_reset);
    expect_silence(request);
}

Test(feed, tells_whoever_comes_with_a_place_that_is_not_known_to_begin_anew)
{
    const uint64_t life = keeper->feeds.life;
    for (int i = 0; i < FEED_RING + 10; i++)
        note("ci");
    const uint64_t last = FEED_RING + 10;
    const struct {
        uint64_t life, sequence;
        bool is_known;
    } cases[] = {
        { life, last, true },      { life, 10, true },     { life, 9, false },          { life, 0, false },
        { life, last + 1, false }, { life + 1, 5, false }, { life, UINT64_MAX, false }, { 0, 0, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t request = follow_jobs_from(CI_TOKEN, cases[i].life, cases[i].sequence);
        cr_expect_neq(got.body.feed.has_reset, cases[i].is_known, "case %zu", i);
        cr_expect_eq(got.body.feed.sequence, cases[i].is_known ? cases[i].sequence : last, "case %zu", i);
        cr_expect_eq(got.body.feed.life, life);
        cr_assert_eq(channel_send(&front, MSG_UNWATCH, request, &(struct msg_empty){ 0 }, NULL, 0, &err), 0);
    }
}

Test(feed, begins_anew_with_a_keeper)
{
    uint64_t life = keeper->feeds.life;
    rig_job("echo");
    rig_restart();
    cr_expect_neq(keeper->feeds.life, life);
    follow_jobs_from(CI_TOKEN, life, 1);
    cr_expect(got.body.feed.has_reset);
}

/* The front reads nothing while more happens than the ring holds: no queue grows, and the follower is told what it missed. */
Test(feed, has_no_queue_for_a_follower_that_is_slow)
{
    uint32_t request = follow(CI_TOKEN);
    unsigned most = 0;
    for (int i = 0; i < 3 * FEED_RING; i++) {
        note("ci");
        if (i % 16 == 0) {
            turn_schedule(keeper);
            event_base_loop(keeper->base, EVLOOP_NONBLOCK);
        }
        if (keeper->front.channel.queued > most)
            most = keeper->front.channel.queued;
    }
    cr_expect_leq(most, 128);
    cr_expect_not(keeper->front.is_lost);
    uint64_t at = 0, resets = 0;
    while (at < 3 * FEED_RING) {
        rig_answer(request);
        if (got.type == MSG_CHANGE) {
            cr_assert_eq(got.body.change.sequence, at + 1, "without a gap");
            at++;
        } else if (got.body.feed.has_reset) {
            resets++;
            cr_assert_gt(got.body.feed.sequence, at);
            at = got.body.feed.sequence;
        }
    }
    cr_expect_eq(resets, 1);
}

Test(feed, loses_nothing_for_a_slow_follower_while_the_ring_holds_it)
{
    uint32_t request = follow(CI_TOKEN);
    for (int i = 0; i < FEED_RING; i++) {
        note("ci");
        if (i % 64 == 0) {
            turn_schedule(keeper);
            event_base_loop(keeper->base, EVLOOP_NONBLOCK);
        }
    }
    turn_schedule(keeper);
    for (uint64_t at = 0; at < FEED_RING; at++) {
        do
            rig_answer(request);
        while (got.type != MSG_CHANGE);
        cr_assert_eq(got.body.change.sequence, at + 1);
    }
}

Test(feed, gives_each_follower_its_turn)
{
    uint32_t behind = follow_jobs_from(CI_TOKEN, keeper->feeds.life, 0);
    for (int i = 0; i < FEED_RING; i++)
        note("ci");
    uint32_t fresh = follow(CI_TOKEN);
    struct job_id id = note("ci");
    turn_schedule(keeper);
    unsigned of_behind = 0;
    while (rig_next(&front, 1000) && got.request_id != fresh)
        of_behind += got.request_id == behind && got.type == MSG_CHANGE;
    cr_expect(got.type == MSG_CHANGE && job_id_equal(&got.body.change.job_id, &id));
    /* What was on its way already comes first: a socket full, and what may be queued. */
    cr_expect_lt(of_behind, FEED_RING / 2, "it did not wait for the other to catch up: %u", of_behind);
}

Test(feed, tells_numbers_when_they_changed_and_not_at_each_change)
{
    struct msg_follow asked = wish(OPS_TOKEN);
    asked.kinds = FEED_QUEUE;
    uint32_t request = rig_say(&front, MSG_FOLLOW, &asked);
    rig_expect(request, MSG_FEED);
    evtimer_del(keeper->tick); /* the test is the clock */
    for (int i = 0; i < 3; i++)
        rig_job("echo");
    expect_silence(request);
    feeds_tick(keeper);
    rig_expect(request, MSG_FEED);
    cr_expect(got.body.feed.waiting == 3 && got.body.feed.running == 0);
    feeds_tick(keeper);
    feeds_tick(keeper);
    while (rig_next(&front, 50)) /* a place may move, with the same numbers */
        cr_expect(got.request_id != request || (got.type == MSG_FEED && got.body.feed.waiting == 3));
    rig_hello(7, 0);
    rig_run(5);
    feeds_tick(keeper);
    rig_expect(request, MSG_FEED);
    cr_expect(got.body.feed.waiting == 1 && got.body.feed.running == SLOTS && got.body.feed.is_launcher_up);
}

Test(feed, tells_a_new_generation_at_once_to_those_who_want_to_know)
{
    struct msg_follow asked = wish(OPS_TOKEN);
    asked.kinds = FEED_JOBS;
    uint32_t deaf = rig_say(&front, MSG_FOLLOW, &asked);
    rig_expect(deaf, MSG_FEED);
    uint32_t request = follow(OPS_TOKEN);
    evtimer_del(keeper->tick);
    struct rules rules = rig_rules(2);
    keeper_change_rules(keeper, &rules);
    rig_expect(request, MSG_FEED);
    cr_expect_eq(got.body.feed.generation, 2);
    expect_silence(request);
    expect_silence(deaf);
}

/* Others' jobs move the place of a follower who may not see them, so that it does not fall out of the ring. */
Test(feed, moves_on_over_what_is_not_for_it)
{
    uint32_t request = follow_jobs_from(CI_TOKEN, keeper->feeds.life, 0);
    evtimer_del(keeper->tick);
    for (int i = 0; i < 2 * FEED_RING; i++) {
        note("ops");
        if (i % 100 == 0) {
            turn_schedule(keeper);
            event_base_loop(keeper->base, EVLOOP_NONBLOCK);
        }
    }
    turn_schedule(keeper);
    expect_silence(request);
    feeds_tick(keeper);
    rig_expect(request, MSG_FEED);
    cr_expect_not(got.body.feed.has_reset);
    cr_expect_eq(got.body.feed.sequence, 2 * FEED_RING);
}

Test(feed, is_cut_when_a_reload_withdraws_the_credential)
{
    uint32_t of_ci = follow(CI_TOKEN), of_guest = follow(GUEST_TOKEN), of_ops = follow(OPS_TOKEN);
    struct rules rules = rig_rules(2);
    rules.callers[0].token_sha256[0][0] ^= 1;         /* ci has a new token */
    rules.callers[1].scopes[0].kind = SCOPE_READ_OWN; /* ops sees its own alone */
    rules.callers[2].scopes[0].kind = SCOPE_RUN;      /* guest lost read:all */
    keeper_change_rules(keeper, &rules);
    unsigned cut = 0;
    while (cut < 2) {
        cr_assert(rig_next(&front, 3000));
        if (got.type != MSG_REFUSED)
            continue;
        cut++;
        cr_expect_neq(got.request_id, of_ops);
        cr_expect_eq(got.body.refused.status, got.request_id == of_ci ? 401 : 403);
        cr_expect(got.request_id == of_ci || got.request_id == of_guest);
    }
    cr_expect_eq(keeper->feeds.count, 1);
    note("ci");
    struct job_id own = note("ops");
    turn_schedule(keeper);
    do
        rig_answer(of_ops);
    while (got.type != MSG_CHANGE);
    cr_expect(job_id_equal(&got.body.change.job_id, &own), "and nothing of others any more");
}

/* What a front asks for while its client is slow. */
Test(feed, that_wants_nothing_hears_nothing_but_its_end)
{
    struct msg_follow asked = wish(CI_TOKEN);
    asked.kinds = 0;
    uint32_t request = rig_say(&front, MSG_FOLLOW, &asked);
    rig_expect(request, MSG_FEED);
    evtimer_del(keeper->tick);
    rig_job("echo");
    feeds_tick(keeper);
    expect_silence(request);
    struct rules rules = rig_rules(2);
    rules.callers[0].token_sha256[0][0] ^= 1;
    keeper_change_rules(keeper, &rules);
    rig_expect_refusal(request, 401, "unauthenticated");
    cr_expect_eq(keeper->feeds.count, 0);
}

Test(feed, is_cut_when_its_token_expires)
{
    keeper->rules.callers[0].expires_unix_ms = clock_unix_ms() + 300;
    rig_expect_refusal(follow(CI_TOKEN), 401, "unauthenticated");
    cr_expect_eq(keeper->feeds.count, 0);
}

Test(feed, ends_when_it_is_asked_to_and_with_its_front)
{
    uint32_t first = follow(CI_TOKEN);
    follow(CI_TOKEN);
    cr_assert_eq(channel_send(&front, MSG_UNWATCH, first, &(struct msg_empty){ 0 }, NULL, 0, &err), 0);
    rig_run(5);
    cr_expect_eq(keeper->feeds.count, 1);
    rig_pair(PROCESS_FRONT, &front);
    cr_expect_eq(keeper->feeds.count, 0);
    rig_job("echo");
}

Test(feed, under_a_number_that_is_in_use_is_no_front_of_ours)
{
    struct msg_follow asked = wish(CI_TOKEN);
    follow(CI_TOKEN);
    next_request--;
    rig_say(&front, MSG_FOLLOW, &asked);
    cr_expect(rig_is_dropped(&front));
}
