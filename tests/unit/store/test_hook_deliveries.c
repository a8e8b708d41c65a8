/* What webhooks delivered. */
#include "sallyport/store/hook_deliveries.h"

#include "rig.h"

TestSuite(hook_deliveries, .init = setup, .fini = teardown);

static struct hook_delivery add(const char *hook, uint8_t identity, uint64_t seen_unix_ms)
{
    struct hook_delivery row = { .id = job_id_new(),
                                 .identity = { identity },
                                 .delivery = "72d3162e",
                                 .unsigned_digest = { 7 },
                                 .fate = 1,
                                 .event = "push",
                                 .address = "10.0.0.1:5",
                                 .detail = "json /ref",
                                 .job_id = job_id_new(),
                                 .bytes = 9,
                                 .created_unix_ms = 1,
                                 .seen_unix_ms = seen_unix_ms,
                                 .count = 1 };
    text_copy(row.hook, sizeof row.hook, hook);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_hook_delivery_add(store, &row, &err), 0, "%s", err.text);
    cr_assert_eq(store_commit(store, &err), 0);
    return row;
}

static uint64_t count_of(const char *hook)
{
    uint64_t count = UINT64_MAX;
    cr_assert_eq(store_hook_deliveries_count(store, hook, &count, &err), 0);
    return count;
}

Test(hook_deliveries, are_found_by_hook_and_identity_after_a_restart)
{
    struct hook_delivery row = add("push", 1, 5), found;
    add("other", 1, 5);
    store_close(store);
    open_store();
    cr_assert_eq(store_hook_delivery_find(store, "push", row.identity, &found, &err), 1);
    cr_expect(job_id_equal(&found.id, &row.id) && job_id_equal(&found.job_id, &row.job_id));
    cr_expect_str_eq(found.delivery, "72d3162e");
    cr_expect_str_eq(found.detail, "json /ref");
    cr_expect_eq(found.bytes, 9);
    cr_expect_eq(found.unsigned_digest[0], 7);
    row.identity[0] = 2;
    cr_expect_eq(store_hook_delivery_find(store, "push", row.identity, &found, &err), 0);
    cr_expect_eq(store_hook_delivery_read(store, &row.id, &found, &err), 1);
}

Test(hook_deliveries, have_one_row_for_each_identity_of_a_hook)
{
    struct hook_delivery row = add("push", 1, 5), found;
    row.id = job_id_new();
    cr_assert_eq(store_begin(store, &err), 0);
    cr_expect_eq(store_hook_delivery_add(store, &row, &err), -EEXIST);
    store_rollback(store);
    cr_assert_eq(store_hook_delivery_find(store, "push", row.identity, &found, &err), 1);
    found.count++;
    found.fate = 2;
    strcpy(found.delivery, "another");
    cr_assert_eq(store_begin(store, &err), 0);
    cr_expect_eq(store_hook_delivery_update(store, &found, &err), 0);
    cr_assert_eq(store_commit(store, &err), 0);
    cr_assert_eq(store_hook_delivery_find(store, "push", row.identity, &row, &err), 1);
    cr_expect_eq(row.count, 2);
    cr_expect_eq(row.fate, 2);
    cr_expect_str_eq(row.delivery, "another");
    cr_expect_eq(count_of("push"), 1);
}

static bool take(void *arg, const struct hook_delivery *row)
{
    struct job_id *last = arg;
    *last = row->id;
    return true;
}

Test(hook_deliveries, go_by_the_time_when_they_were_last_seen)
{
    struct job_id last = { 0 };
    add("push", 1, 100);
    struct hook_delivery kept = add("push", 2, 200);
    add("other", 3, 100);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_expect_eq(store_hook_deliveries_expire(store, 150, 10, &err), 2);
    cr_assert_eq(store_commit(store, &err), 0);
    cr_expect_eq(count_of("push"), 1);
    cr_expect_eq(count_of("other"), 0);
    cr_expect_eq(store_hook_deliveries_list(store, "push", NULL, 10, take, &last, &err), 0);
    cr_expect(job_id_equal(&last, &kept.id));
}

Test(hook_deliveries, that_are_damaged_are_told)
{
    struct hook_delivery row = add("push", 1, 5);
    store_close(store);
    meddle("UPDATE hook_deliveries SET job_id = x'00'");
    open_store();
    cr_expect_eq(store_hook_delivery_read(store, &row.id, &row, &err), -EBADMSG);
}
