/* The outbox of callbacks and its log. */
#include "sallyport/store/deliveries.h"

#include "rig.h"

TestSuite(deliveries, .init = setup, .fini = teardown);

static void begin(void)
{
    cr_assert_eq(store_begin(store, &err), 0, "%s", err.text);
}

static void commit(void)
{
    cr_assert_eq(store_commit(store, &err), 0, "%s", err.text);
}

static struct delivery add(const char *callback, uint64_t due_unix_ms)
{
    static const char body[] = "{\"type\":\"job.failed\"}";
    struct delivery delivery = { .id = job_id_new(),
                                 .job_id = job_id_new(),
                                 .command = "deploy",
                                 .event = CALLBACK_FAILED,
                                 .state = DELIVERY_WAITING,
                                 .created_unix_ms = 1000,
                                 .due_unix_ms = due_unix_ms };
    strcpy(delivery.callback, callback);
    cr_assert_eq(store_delivery_add(store, &delivery, (struct span){ (const uint8_t *)body, sizeof body - 1 }, &err), 0,
                 "%s", err.text);
    return delivery;
}

static void end(struct delivery *delivery, enum delivery_state state, uint64_t unix_ms)
{
    delivery->state = (uint8_t)state;
    delivery->ended_unix_ms = unix_ms;
    cr_assert_eq(store_delivery_update(store, delivery, &err), 0, "%s", err.text);
}

Test(deliveries, wait_in_the_order_in_which_they_are_due)
{
    struct delivery found[4];
    char name[NAME_MAX_BYTES] = "";
    begin();
    struct delivery late = add("chat", 3000), early = add("chat", 2000), other = add("other", 1000);
    commit();
    store_close(store);
    open_store();
    cr_assert_eq(store_deliveries_waiting(store, "chat", found, 4, &err), 2);
    cr_expect(job_id_equal(&found[0].id, &early.id) && job_id_equal(&found[1].id, &late.id));
    cr_expect_str_eq(found[0].command, "deploy");
    cr_expect_eq(store_deliveries_waiting(store, "chat", found, 1, &err), 1);
    cr_assert_eq(store_delivery_callback_next(store, name, name, &err), 1);
    cr_expect_str_eq(name, "chat");
    cr_assert_eq(store_delivery_callback_next(store, name, name, &err), 1);
    cr_expect_str_eq(name, "other");
    cr_expect_eq(store_delivery_callback_next(store, name, name, &err), 0);
    struct span body;
    cr_assert_eq(store_delivery_body(store, &other.id, &body, &err), 1);
    cr_expect_eq(body.size, strlen("{\"type\":\"job.failed\"}"));
}

Test(deliveries, are_undone_with_their_transaction)
{
    struct waiting_total total = { 7, 7 };
    begin();
    struct delivery delivery = add("chat", 1000);
    store_rollback(store);
    cr_expect_eq(store_delivery_read(store, &delivery.id, &delivery, &err), 0);
    cr_assert_eq(store_deliveries_total(store, "", &total, &err), 0);
    cr_expect(total.rows == 0 && total.bytes == 0);
}

Test(deliveries, that_have_ended_go_when_they_are_old)
{
    begin();
    struct delivery old = add("chat", 1000), young = add("chat", 1000), waiting = add("chat", 1000), found;
    struct delivery_attempt attempt = { .number = 1, .unix_ms = 1500, .status = 200 };
    cr_assert_eq(store_attempt_add(store, &old.id, &attempt, &err), 0, "%s", err.text);
    cr_expect_lt(store_attempt_add(store, &old.id, &attempt, &err), 0, "an attempt has its number alone");
    store_rollback(store);
    begin();
    old = add("chat", 1000), young = add("chat", 1000), waiting = add("chat", 1000);
    end(&old, DELIVERY_DELIVERED, 2000);
    end(&young, DELIVERY_FAILED, 3000);
    cr_assert_eq(store_deliveries_expire(store, 2500, 10, &err), 0, "%s", err.text);
    commit();
    cr_expect_eq(store_delivery_read(store, &old.id, &found, &err), 0);
    cr_expect_eq(store_delivery_read(store, &young.id, &found, &err), 1);
    cr_expect_eq(found.state, DELIVERY_FAILED);
    cr_expect_eq(store_delivery_read(store, &waiting.id, &found, &err), 1);
}

Test(deliveries, of_a_target_that_is_gone_fail_together)
{
    struct delivery found;
    begin();
    struct delivery first = add("chat", 1000), other = add("other", 1000);
    cr_assert_eq(store_deliveries_fail(store, "chat", 5000, "gone", &err), 0, "%s", err.text);
    commit();
    cr_assert_eq(store_delivery_read(store, &first.id, &found, &err), 1);
    cr_expect(found.state == DELIVERY_FAILED && found.ended_unix_ms == 5000);
    cr_expect_str_eq(found.detail, "gone");
    cr_assert_eq(store_delivery_read(store, &other.id, &found, &err), 1);
    cr_expect_eq(found.state, DELIVERY_WAITING);
}

Test(deliveries, remember_rows_of_ends_and_who_was_told)
{
    struct streak streak;
    uint64_t unix_ms;
    cr_expect_eq(store_streak_read(store, "deploy", "main", &streak, &err), 0);
    begin();
    streak = (struct streak){ CALLBACK_FAILED, 3, true };
    cr_assert_eq(store_streak_set(store, "deploy", "main", &streak, 1000, &err), 0, "%s", err.text);
    cr_assert_eq(store_told_set(store, "deploy", CALLBACK_FAILED, "chat", 4000, &err), 0, "%s", err.text);
    commit();
    cr_assert_eq(store_streak_read(store, "deploy", "main", &streak, &err), 1);
    cr_expect(streak.event == CALLBACK_FAILED && streak.count == 3 && streak.has_failed);
    cr_expect_eq(store_streak_read(store, "deploy", "other", &streak, &err), 0);
    cr_assert_eq(store_told_read(store, "deploy", CALLBACK_FAILED, "chat", &unix_ms, &err), 1);
    cr_expect_eq(unix_ms, 4000);
    cr_expect_eq(store_told_read(store, "deploy", CALLBACK_LOST, "chat", &unix_ms, &err), 0);
}

static void expect_total(const char *callback, uint64_t rows)
{
    struct waiting_total total = { 0 };
    cr_assert_eq(store_deliveries_total(store, callback, &total, &err), 0, "%s", err.text);
    cr_expect_eq(total.rows, rows, "%s: %llu", callback, (unsigned long long)total.rows);
    cr_expect_eq(total.bytes, rows * strlen("{\"type\":\"job.failed\"}"));
}

Test(deliveries, are_counted_while_they_wait)
{
    begin();
    struct delivery first = add("chat", 1000), second = add("chat", 1000), other = add("other", 1000);
    expect_total("chat", 2);
    end(&first, DELIVERY_FAILED, 2000);
    expect_total("chat", 1);
    end(&first, DELIVERY_DELIVERED, 2000); /* it had ended */
    expect_total("chat", 1);
    end(&first, DELIVERY_WAITING, 0); /* sent again by hand */
    end(&first, DELIVERY_WAITING, 0); /* after an attempt */
    expect_total("chat", 2);
    expect_total("", 3);
    commit();
    begin();
    cr_assert_eq(store_deliveries_fail(store, "chat", 3000, "why", &err), 0);
    expect_total("chat", 0);
    store_rollback(store);
    expect_total("chat", 2);
    store_close(store);
    open_store();
    expect_total("chat", 2);
    begin();
    cr_assert_eq(store_deliveries_fail(store, "chat", 3000, "why", &err), 0);
    cr_assert_eq(store_deliveries_expire(store, 4000, 100, &err), 0);
    end(&other, DELIVERY_DELIVERED, 2000);
    commit();
    expect_total("", 0);
    cr_expect_eq(store_delivery_read(store, &second.id, &second, &err), 0);
}

Test(deliveries, of_requests_are_noted_once_and_read_in_order)
{
    const struct job_id id = job_id_new(), other_id = job_id_new();
    struct job_callback chat = { .callback = "chat" }, reply = { .callback = "reply", .url = "https://a.example/" },
                        found;
    begin();
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(store_job_callback_add(store, &id, &chat, &err), 0, "%s", err.text);
        cr_assert_eq(store_job_callback_add(store, &id, &reply, &err), 0, "%s", err.text);
    }
    cr_assert_eq(store_job_callback_add(store, &other_id, &chat, &err), 0, "%s", err.text);
    commit();
    cr_assert_eq(store_job_callback_next(store, &id, 0, &found, &err), 1);
    cr_expect_str_eq(found.callback, "chat");
    cr_assert_eq(store_job_callback_next(store, &id, found.number, &found, &err), 1);
    cr_expect_str_eq(found.url, "https://a.example/");
    cr_expect_eq(store_job_callback_next(store, &id, found.number, &found, &err), 0);
    begin();
    cr_assert_eq(store_job_callbacks_remove(store, &id, &err), 0);
    commit();
    cr_expect_eq(store_job_callback_next(store, &id, 0, &found, &err), 0);
    cr_expect_eq(store_job_callback_next(store, &other_id, 0, &found, &err), 1);
}
