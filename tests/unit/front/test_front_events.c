/* GET /v1/events: the keeper's feed as server-sent events, and a client that comes back, or reads slowly. */
#include "rig.h"

TestSuite(front_events, .init = rig_start, .fini = rig_stop, .timeout = 120);

#define LIFE 1795339200000000

static struct msg_feed a_feed(uint64_t sequence)
{
    return (struct msg_feed){
        .life = LIFE, .sequence = sequence, .is_launcher_up = true, .generation = 7, .waiting = 2, .running = 1
    };
}

static struct msg_change a_change(uint64_t sequence, enum job_state state)
{
    struct msg_job job = a_job(state, sequence);
    struct msg_change change = { .sequence = sequence,
                                 .job_id = job.job_id,
                                 .state = job.state,
                                 .reason = job.reason,
                                 .version = job.version,
                                 .created_unix_ms = job.created_unix_ms,
                                 .started_unix_ms = job.started_unix_ms,
                                 .finished_unix_ms = job.finished_unix_ms };
    strcpy(change.command, job.command);
    return change;
}

static void ask_events(struct client *client, const char *query, const char *headers)
{
    char target[2048];
    snprintf(target, sizeof target, "GET /v1/events%s", query);
    client_ask(client, target, headers);
}

/* An open feed; returns its number. */
static uint32_t open_feed(struct client *client, const struct msg_feed *feed)
{
    ask_events(client, "", "");
    keeper_expect(MSG_FOLLOW);
    keeper_answer(MSG_FEED, feed);
    client_until(client, "event: queue\n");
    return rig.last.request_id;
}

Test(front_events, asks_for_what_the_client_wants_from_where_it_stopped)
{
    struct client client = client_open();
    ask_events(&client, "?kinds=queue,job&jobs=" JOB ",01jd8k3v9x5q2m7r4t6w8y0b1d",
               "Last-Event-ID: 1795339200000000-42\r\nAccept: text/event-stream\r\n");
    const struct msg_follow *follow = &keeper_expect(MSG_FOLLOW)->body.follow;
    cr_expect(span_is(follow->evidence.secret, "sp_test"));
    cr_expect_eq(follow->kinds, FEED_JOBS | FEED_QUEUE);
    cr_assert_eq(follow->jobs.size, 2 * JOB_ID_BYTES);
    struct job_id second;
    cr_assert(job_id_parse("01jd8k3v9x5q2m7r4t6w8y0b1d", &second));
    cr_expect_eq(memcmp(follow->jobs.data + JOB_ID_BYTES, second.bytes, JOB_ID_BYTES), 0);
    cr_expect(follow->has_cursor && follow->life == LIFE && follow->sequence == 42);
    client_close(&client);
    keeper_expect(MSG_UNWATCH);

    client = client_open();
    ask_events(&client, "", "");
    follow = &keeper_expect(MSG_FOLLOW)->body.follow;
    cr_expect(follow->kinds == FEED_ALL && follow->jobs.size == 0 && !follow->has_cursor);
    client_close(&client);
}

Test(front_events, says_hello_then_what_waits_then_changes_with_their_places)
{
    struct client client = client_open();
    struct msg_feed feed = a_feed(5);
    uint32_t number = open_feed(&client, &feed);
    expect_in(&client, "HTTP/1.1 200");
    expect_in(&client, "Content-Type: text/event-stream\r\n");
    expect_in(&client, "X-Accel-Buffering: no\r\n");
    expect_in(&client, "retry: 2000\n\nid: 1795339200000000-5\nevent: hello\n"
                       "data: {\"type\":\"hello\",\"generation\":7,\"time\":\"20");
    expect_in(&client, "Z\",\"launcher_up\":true}\n\nid: 1795339200000000-5\nevent: queue\n"
                       "data: {\"type\":\"queue\",\"waiting\":2,\"running\":1}\n\n");
    struct msg_change change = a_change(6, JOB_QUEUED);
    keeper_say(MSG_CHANGE, number, &change, NULL, 0);
    client_until(&client, "\"etag\":\"W/\\\"6\\\"\"}\n\n");
    expect_in(&client, "id: 1795339200000000-6\nevent: job\n"
                       "data: {\"type\":\"job\",\"id\":\"" JOB "\",\"url\":\"/v1/jobs/" JOB "\",\"state\":\"queued\","
                       "\"command\":\"greet\",\"created_at\":\"2026-03-01T10:00:00.120Z\",\"started_at\":null,"
                       "\"finished_at\":null,\"end\":null,\"etag\":\"W/\\\"6\\\"\"}\n\n");
    change = a_change(9, JOB_SUCCEEDED);
    strcpy(change.message, "exit 0\nafter \"1 ms\"");
    keeper_say(MSG_CHANGE, number, &change, NULL, 0);
    client_until(&client, "id: 1795339200000000-9\n");
    client_until(&client, "\"etag\":\"W/\\\"9\\\"\"}\n\n");
    expect_in(&client, "\"end\":{\"reason\":\"exited\",\"exit_code\":0,");
    expect_in(&client, "\"message\":\"exit 0\\nafter \\\"1 ms\\\"\"");
    client_close(&client);
    cr_expect_eq(keeper_expect(MSG_UNWATCH)->request_id, number);
}

Test(front_events, tells_numbers_and_generations_only_when_they_changed)
{
    struct client client = client_open();
    struct msg_feed feed = a_feed(5);
    uint32_t number = open_feed(&client, &feed);
    feed.sequence = 6;
    keeper_say(MSG_FEED, number, &feed, NULL, 0); /* the place moved, and nothing else */
    feed.generation = 8;
    keeper_say(MSG_FEED, number, &feed, NULL, 0);
    feed.waiting = 0;
    feed.sequence = 7;
    keeper_say(MSG_FEED, number, &feed, NULL, 0);
    client_until(&client, "\"waiting\":0,\"running\":1}\n\n");
    expect_in(&client, "\"waiting\":2,\"running\":1}\n\n"
                       "\r\n"); /* the end of a chunk: nothing came between */
    expect_in(&client, "id: 1795339200000000-6\nevent: config\ndata: {\"type\":\"config\",\"generation\":8}\n\n");
    expect_in(&client, "id: 1795339200000000-7\nevent: queue\n");
    client_close(&client);
}

/* Until it has heard the reset, its old place is its place: else it could come back as if nothing was missed. */
Test(front_events, gives_no_new_place_before_the_client_knows_that_it_lost_the_old)
{
    struct client client = client_open();
    struct msg_feed feed = a_feed(50);
    feed.has_reset = true;
    ask_events(&client, "?kinds=job", "Last-Event-ID: 7-7\r\n");
    keeper_expect(MSG_FOLLOW);
    keeper_answer(MSG_FEED, &feed);
    client_until(&client, "event: reset\n");
    client_until(&client, "read the lists again\"}\n\n");
    expect_in(&client, "retry: 2000\n\nevent: hello\n");
    expect_in(&client, "\n\nid: 1795339200000000-50\nevent: reset\ndata: {\"type\":\"reset\",\"why\":\"");
    cr_expect(strstr(client.text, "event: queue") == NULL, "it was not asked for");
    client_close(&client);
}

Test(front_events, refuses_wishes_that_it_does_not_know)
{
    static const struct {
        const char *query, *headers;
        unsigned status;
    } cases[] = {
        { "?kinds=node", "", 400 },
        { "?kinds=", "", 400 },
        { "?kinds=job,", "", 400 },
        { "?kinds=job,,queue", "", 400 },
        { "?kinds=JOB", "", 400 },
        { "?kinds=jobjobjobjobjobjobjobjobjobjobjobjob", "", 400 },
        { "?jobs=", "", 400 },
        { "?jobs=nonsense", "", 400 },
        { "?jobs=" JOB ",", "", 400 },
        { "?other=1", "", 400 },
        { "", "Last-Event-ID: 12\r\n", 400 },
        { "", "Last-Event-ID: 1-2-3\r\n", 400 },
        { "", "Last-Event-ID: -1\r\n", 400 },
        { "", "Last-Event-ID: 01-1\r\n", 400 },
        { "", "Last-Event-ID: 99999999999999999999999-1\r\n", 400 },
        { "", "Accept: application/json\r\n", 406 },
    };
    struct client client = client_open();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask_events(&client, cases[i].query, cases[i].headers);
        keeper_expect(MSG_WHOAMI);
        keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
        cr_expect_eq(client_reply(&client), cases[i].status, "case %zu: %u", i, client.status);
    }
    char many[33 * 27 + 16] = "?jobs=" JOB;
    for (int i = 1; i < 33; i++)
        strcat(many, "," JOB);
    ask_events(&client, many, "");
    keeper_expect(MSG_WHOAMI);
    keeper_answer(MSG_IDENTITY, &(struct msg_identity){ .actor = "tester" });
    cr_expect_eq(client_reply(&client), 400);
    many[strlen(many) - 27] = '\0';
    ask_events(&client, many, "");
    cr_expect_eq(keeper_expect(MSG_FOLLOW)->body.follow.jobs.size, 32 * JOB_ID_BYTES);
    client_close(&client);
}

Test(front_events, hands_on_a_refusal_before_the_head_and_ends_at_one_behind_it)
{
    struct client client = client_open();
    ask_events(&client, "", "");
    keeper_expect(MSG_FOLLOW);
    keeper_refuse(403, "forbidden");
    cr_expect_eq(client_reply(&client), 403);
    struct msg_feed feed = a_feed(5);
    open_feed(&client, &feed);
    keeper_refuse(401, "unauthenticated");
    client_until(&client, "event: error\ndata: {");
    client_until(&client, "\r\n0\r\n\r\n");
    expect_in(&client, "\"code\":\"unauthenticated\"");
    client_close(&client);
    cr_expect(keeper_hears_nothing(), "there is nothing to take back");
}

Test(front_events, ends_with_the_keeper_and_says_so)
{
    struct client client = client_open();
    struct msg_feed feed = a_feed(5);
    open_feed(&client, &feed);
    channel_done(&rig.keeper);
    client_until(&client, "event: error\ndata: {");
    client_until(&client, "\r\n0\r\n\r\n");
    expect_in(&client, "\"code\":\"keeper-down\"");
    rig_new_keeper();
    client_close(&client);
}

Test(front_events, answers_head_without_a_feed)
{
    struct client client = client_open();
    struct msg_feed feed = a_feed(5);
    client_ask(&client, "HEAD /v1/events", "");
    keeper_expect(MSG_FOLLOW);
    keeper_answer(MSG_FEED, &feed);
    client_until(&client, "\r\n\r\n");
    expect_in(&client, "Content-Type: text/event-stream\r\n");
    keeper_expect(MSG_UNWATCH);
    client_close(&client);
}

static long rss_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return kib;
}

/* As the keeper. False: the front does not take it at the moment, or has something to say. */
static bool say_change(uint32_t number, uint64_t sequence)
{
    struct msg_change change = a_change(sequence, JOB_SUCCEEDED);
    struct error err = { 0 };
    memset(change.message, 'x', sizeof change.message - 1);
    struct pollfd said = { .fd = rig.keeper.fd, .events = POLLIN };
    return poll(&said, 1, 0) == 0 && channel_send(&rig.keeper, MSG_CHANGE, number, &change, NULL, 0, &err) == 0;
}

#define CHANGES 15000 /* each about a kilobyte: more than the sockets between the front and its client can hold */

/* Reads once, and sees that the ids of jobs' events go up one by one from *at. */
static void read_places(struct client *client, uint64_t *at)
{
    static const char mark[] = "id: 1795339200000000-", job[] = "\nevent: job\n";
    cr_assert(client_read(client));
    char *from = client->text, *next, *event, *line;
    while ((next = strstr(from, mark)) != NULL && (event = strstr(next, "\nevent: ")) != NULL &&
           (line = strchr(event + 1, '\n')) != NULL) {
        uint64_t sequence = strtoull(next + sizeof mark - 1, NULL, 10);
        if (strncmp(event, job, sizeof job - 1) == 0) {
            cr_assert_eq(sequence, *at + 1);
            *at = sequence;
        }
        from = line;
    }
    client->size -= (size_t)(from - client->text);
    memmove(client->text, from, client->size + 1);
}

/* The front has asked again: for silence, or for all behind its place, which it then gets. */
static uint32_t hear_wish(uint32_t number, uint64_t at, uint64_t *told)
{
    cr_expect_eq(keeper_expect(MSG_UNWATCH)->request_id, number);
    const struct msg_follow *follow = &keeper_expect(MSG_FOLLOW)->body.follow;
    cr_assert(follow->has_cursor && follow->life == LIFE && follow->sequence >= at && follow->sequence <= *told);
    cr_expect(span_is(follow->evidence.secret, "sp_test"), "with the same evidence");
    bool is_for_silence = follow->kinds == 0;
    struct error err = { 0 };
    struct msg_feed feed = a_feed(is_for_silence ? *told : follow->sequence);
    *told = is_for_silence ? CHANGES : follow->sequence;
    while (channel_send(&rig.keeper, MSG_FEED, rig.last.request_id, &feed, NULL, 0, &err) < 0) {
        struct pollfd room = { .fd = rig.keeper.fd, .events = POLLOUT };
        cr_assert_gt(poll(&room, 1, PATIENCE_MS), 0, "%s", err.text);
    }
    return rig.last.request_id;
}

Test(front_events, keeps_little_for_a_slow_client_and_asks_again_for_what_it_missed)
{
    struct client client = client_open();
    int small = 64 * 1024;
    cr_assert_eq(setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    struct msg_feed feed = a_feed(0);
    uint32_t number = open_feed(&client, &feed);
    long before = rss_kib(rig.pid);
    uint64_t at = 0, told = 0;
    unsigned wishes = 0;
    while (at < CHANGES) {
        struct pollfd waiting[] = { { .fd = rig.keeper.fd, .events = POLLIN }, { .fd = client.fd, .events = POLLIN } };
        while (told < CHANGES && say_change(number, told + 1))
            told++;
        cr_expect_leq(rss_kib(rig.pid) - before, 2048);
        cr_assert_gt(poll(waiting, 2, PATIENCE_MS), 0);
        if ((waiting[0].revents & POLLIN) != 0) {
            number = hear_wish(number, at, &told);
            wishes++;
        } else {
            read_places(&client, &at);
        }
    }
    cr_expect_geq(wishes, 2, "it was never behind");
    client_close(&client);
}

Test(front_events, ends_at_once_for_a_slow_client_whose_right_is_gone)
{
    struct client client = client_open();
    int small = 64 * 1024;
    cr_assert_eq(setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    struct msg_feed feed = a_feed(0);
    uint32_t number = open_feed(&client, &feed);
    uint64_t told = 0;
    do { /* until all sockets on the way are full, and it stays at the wish for silence */
        struct pollfd said = { .fd = rig.keeper.fd, .events = POLLIN };
        while (told < CHANGES && poll(&said, 1, 0) == 0)
            told += say_change(number, told + 1);
        number = hear_wish(number, 0, &told);
    } while (told < CHANGES || !keeper_hears_nothing());
    keeper_refuse(401, "unauthenticated");
    client_until_end(&client);
    cr_expect(strstr(client.text, "\r\n0\r\n\r\n") == NULL, "the end looks like one");
    client_close(&client);
}
