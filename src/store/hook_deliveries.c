#include "sallyport/store/hook_deliveries.h"

#include <assert.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

static bool take_text(sqlite3_stmt *statement, int at, char *to, size_t room)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL && text_copy(to, room, text);
}

int store_hook_delivery_add(struct store *store, const struct hook_delivery *delivery, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_HOOK_DELIVERY_ADD);
    bind_bytes(statement, 1, delivery->id.bytes, JOB_ID_BYTES);
    bind_text(statement, 2, delivery->hook);
    bind_bytes(statement, 3, delivery->identity, HASH_BYTES);
    bind_text(statement, 4, delivery->delivery);
    bind_u64(statement, 5, delivery->fate);
    bind_text(statement, 6, delivery->event);
    bind_text(statement, 7, delivery->address);
    bind_text(statement, 8, delivery->detail);
    bind_bytes(statement, 9, delivery->job_id.bytes, JOB_ID_BYTES);
    bind_u64(statement, 10, delivery->bytes);
    bind_u64(statement, 11, delivery->created_unix_ms);
    bind_u64(statement, 12, delivery->seen_unix_ms);
    bind_u64(statement, 13, delivery->count);
    bind_bytes(statement, 14, delivery->unsigned_digest, HASH_BYTES);
    return statement_run(store, statement, err, "note a delivery of a webhook");
}

int store_hook_delivery_update(struct store *store, const struct hook_delivery *delivery, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_HOOK_DELIVERY_UPDATE);
    bind_bytes(statement, 1, delivery->id.bytes, JOB_ID_BYTES);
    bind_u64(statement, 2, delivery->fate);
    bind_text(statement, 3, delivery->event);
    bind_text(statement, 4, delivery->address);
    bind_text(statement, 5, delivery->detail);
    bind_bytes(statement, 6, delivery->job_id.bytes, JOB_ID_BYTES);
    bind_u64(statement, 7, delivery->seen_unix_ms);
    bind_u64(statement, 8, delivery->count);
    bind_text(statement, 9, delivery->delivery);
    return statement_run(store, statement, err, "note that a delivery of a webhook came again");
}

static int from_row(sqlite3_stmt *statement, struct hook_delivery *ret_delivery, struct error *err)
{
    struct hook_delivery delivery = { .fate = (uint8_t)column_u64(statement, 4),
                                      .bytes = column_u64(statement, 9),
                                      .created_unix_ms = column_u64(statement, 10),
                                      .seen_unix_ms = column_u64(statement, 11),
                                      .count = (uint32_t)column_u64(statement, 12) };
    if (!column_exact(statement, 0, delivery.id.bytes, JOB_ID_BYTES) ||
        !take_text(statement, 1, delivery.hook, sizeof delivery.hook) ||
        !column_exact(statement, 2, delivery.identity, HASH_BYTES) ||
        !take_text(statement, 3, delivery.delivery, sizeof delivery.delivery) ||
        !take_text(statement, 5, delivery.event, sizeof delivery.event) ||
        !take_text(statement, 6, delivery.address, sizeof delivery.address) ||
        !take_text(statement, 7, delivery.detail, sizeof delivery.detail) ||
        !column_exact(statement, 8, delivery.job_id.bytes, JOB_ID_BYTES) ||
        !column_exact(statement, 13, delivery.unsigned_digest, HASH_BYTES))
        return fail_plain(err, EBADMSG, "the record of a webhook's delivery is damaged");
    *ret_delivery = delivery;
    return 0;
}

static int read_one(struct store *store, sqlite3_stmt *statement, struct hook_delivery *ret_delivery, struct error *err)
{
    int found = statement_step(store, statement, err, "look for a delivery of a webhook");
    if (found > 0 && from_row(statement, ret_delivery, err) < 0)
        found = -EBADMSG;
    sqlite3_reset(statement);
    return found;
}

int store_hook_delivery_find(struct store *store, const char *hook, const uint8_t identity[HASH_BYTES],
                             struct hook_delivery *ret_delivery, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_HOOK_DELIVERY_FIND);
    bind_text(statement, 1, hook);
    bind_bytes(statement, 2, identity, HASH_BYTES);
    return read_one(store, statement, ret_delivery, err);
}

int store_hook_delivery_read(struct store *store, const struct job_id *id, struct hook_delivery *ret_delivery,
                             struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_HOOK_DELIVERY_READ);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    return read_one(store, statement, ret_delivery, err);
}

int store_hook_deliveries_list(struct store *store, const char *hook, const struct job_id *before, uint32_t limit,
                               store_hook_delivery_visit *visit, void *arg, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_HOOK_DELIVERIES_LIST);
    bind_text(statement, 1, hook);
    bind_bytes(statement, 2, before != NULL ? before->bytes : (const uint8_t *)"", before != NULL ? JOB_ID_BYTES : 0);
    bind_u64(statement, 3, limit);
    int found;
    while ((found = statement_step(store, statement, err, "list deliveries of a webhook")) > 0) {
        struct hook_delivery delivery;
        int done = from_row(statement, &delivery, err);
        if (done == 0 && visit(arg, &delivery))
            continue;
        sqlite3_reset(statement);
        return done;
    }
    return found;
}

int store_hook_deliveries_count(struct store *store, const char *hook, uint64_t *ret_count, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_HOOK_DELIVERIES_COUNT);
    bind_text(statement, 1, hook);
    int found = statement_step(store, statement, err, "count deliveries of a webhook");
    if (found > 0)
        *ret_count = column_u64(statement, 0);
    sqlite3_reset(statement);
    return found < 0 ? found : 0;
}

int store_hook_deliveries_expire(struct store *store, uint64_t before_unix_ms, unsigned most, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_HOOK_DELIVERIES_EXPIRE);
    bind_u64(statement, 1, before_unix_ms);
    bind_u64(statement, 2, most);
    int done = statement_run(store, statement, err, "remove old deliveries of webhooks");
    return done < 0 ? done : sqlite3_changes(store->db);
}
