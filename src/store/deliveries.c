#include "sallyport/store/deliveries.h"

#include <assert.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

#define STREAK_LIFE_MS (90ull * 24 * 3600 * 1000)

static bool take_text(sqlite3_stmt *statement, int at, char *to, size_t room)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL && text_copy(to, room, text);
}

int store_delivery_add(struct store *store, const struct delivery *delivery, struct span body, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERY_ADD);
    bind_bytes(statement, 1, delivery->id.bytes, JOB_ID_BYTES);
    bind_bytes(statement, 2, delivery->job_id.bytes, JOB_ID_BYTES);
    bind_text(statement, 3, delivery->command);
    bind_u64(statement, 4, delivery->event);
    bind_text(statement, 5, delivery->callback);
    bind_text(statement, 6, delivery->url);
    bind_u64(statement, 7, delivery->state);
    bind_u64(statement, 8, delivery->attempts);
    bind_u64(statement, 9, delivery->created_unix_ms);
    bind_u64(statement, 10, delivery->due_unix_ms);
    bind_u64(statement, 11, delivery->ended_unix_ms);
    bind_text(statement, 12, delivery->detail);
    bind_u64(statement, 13, delivery->format);
    bind_bytes(statement, 14, body.data, body.size);
    return statement_run(store, statement, err, "note what a callback is to be told");
}

int store_delivery_update(struct store *store, const struct delivery *delivery, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERY_UPDATE);
    bind_bytes(statement, 1, delivery->id.bytes, JOB_ID_BYTES);
    bind_u64(statement, 2, delivery->state);
    bind_u64(statement, 3, delivery->attempts);
    bind_u64(statement, 4, delivery->due_unix_ms);
    bind_u64(statement, 5, delivery->ended_unix_ms);
    bind_text(statement, 6, delivery->detail);
    return statement_run(store, statement, err, "note how a callback went");
}

static int from_row(sqlite3_stmt *statement, struct delivery *ret_delivery, struct error *err)
{
    struct delivery delivery = { .event = (uint8_t)column_u64(statement, 3),
                                 .state = (uint8_t)column_u64(statement, 6),
                                 .attempts = (uint32_t)column_u64(statement, 7),
                                 .created_unix_ms = column_u64(statement, 8),
                                 .due_unix_ms = column_u64(statement, 9),
                                 .ended_unix_ms = column_u64(statement, 10),
                                 .format = (uint8_t)column_u64(statement, 12) };
    if (!column_exact(statement, 0, delivery.id.bytes, JOB_ID_BYTES) ||
        !column_exact(statement, 1, delivery.job_id.bytes, JOB_ID_BYTES) ||
        !take_text(statement, 2, delivery.command, sizeof delivery.command) ||
        !take_text(statement, 4, delivery.callback, sizeof delivery.callback) ||
        !take_text(statement, 5, delivery.url, sizeof delivery.url) ||
        !take_text(statement, 11, delivery.detail, sizeof delivery.detail) || delivery.state == DELIVERY_NONE ||
        delivery.state >= DELIVERY_STATE_COUNT || column_u64(statement, 12) >= CALLBACK_FORMAT_COUNT)
        return fail_plain(err, EBADMSG, "the record of a callback is damaged");
    *ret_delivery = delivery;
    return 0;
}

int store_delivery_read(struct store *store, const struct job_id *id, struct delivery *ret_delivery, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERY_READ);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    int found = statement_step(store, statement, err, "look for a callback");
    if (found > 0 && from_row(statement, ret_delivery, err) < 0)
        found = -EBADMSG;
    sqlite3_reset(statement);
    return found;
}

int store_delivery_body(struct store *store, const struct job_id *id, struct span *ret_body, struct error *err)
{
    struct span nothing = { 0 }, unused;
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERY_BODY);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    int found = statement_step(store, statement, err, "read what a callback says");
    if (found > 0) {
        int done = store_lend(store, column_bytes(statement, 0), nothing, ret_body, &unused, err);
        found = done < 0 ? done : 1;
    }
    sqlite3_reset(statement);
    return found;
}

int store_delivery_body_set(struct store *store, const struct job_id *id, struct span body, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERY_BODY_SET);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    bind_bytes(statement, 2, body.data, body.size);
    return statement_run(store, statement, err, "write anew what a callback says");
}

int store_deliveries_waiting(struct store *store, const char *callback, struct delivery *ret_deliveries, uint32_t most,
                             struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERIES_WAITING);
    bind_text(statement, 1, callback);
    bind_u64(statement, 2, most);
    uint32_t count = 0;
    int found = 0;
    while (count < most && (found = statement_step(store, statement, err, "list callbacks that wait")) > 0)
        if (from_row(statement, &ret_deliveries[count++], err) < 0) {
            found = -EBADMSG;
            break;
        }
    sqlite3_reset(statement);
    return found < 0 ? found : (int)count;
}

int store_delivery_callback_next(struct store *store, const char *after, char ret_callback[NAME_MAX_BYTES],
                                 struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERY_CALLBACK_NEXT);
    bind_text(statement, 1, after);
    int found = statement_step(store, statement, err, "list callbacks");
    if (found > 0 && !take_text(statement, 0, ret_callback, NAME_MAX_BYTES))
        found = fail_plain(err, EBADMSG, "a callback's name is damaged");
    sqlite3_reset(statement);
    return found;
}

int store_deliveries_fail(struct store *store, const char *callback, uint64_t now_unix_ms, const char *detail,
                          struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERIES_FAIL);
    bind_text(statement, 1, callback);
    bind_u64(statement, 2, now_unix_ms);
    bind_text(statement, 3, detail);
    return statement_run(store, statement, err, "give callbacks up");
}

int store_deliveries_total(struct store *store, const char *callback, struct waiting_total *ret_total,
                           struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERIES_TOTAL);
    bind_text(statement, 1, callback);
    int found = statement_step(store, statement, err, "count callbacks that wait");
    if (found > 0)
        *ret_total = (struct waiting_total){ column_u64(statement, 0), column_u64(statement, 1) };
    sqlite3_reset(statement);
    return found < 0 ? found : 0;
}

static int run_with_two(struct store *store, enum statement which, uint64_t first, uint64_t second, const char *what,
                        struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, which);
    bind_u64(statement, 1, first);
    bind_u64(statement, 2, second);
    return statement_run(store, statement, err, what);
}

int store_deliveries_expire(struct store *store, uint64_t before_unix_ms, unsigned most, struct error *err)
{
    assert(store->is_open);
    int done = run_with_two(store, STATEMENT_DELIVERIES_EXPIRE, before_unix_ms, most, "remove old callbacks", err);
    if (done >= 0)
        done = run_with_two(store, STATEMENT_DELIVERIES_CUT, DELIVERY_LOG_ROWS, most, "remove old callbacks", err);
    if (done >= 0 && before_unix_ms > STREAK_LIFE_MS)
        done = run_with_two(store, STATEMENT_STREAKS_EXPIRE, before_unix_ms - STREAK_LIFE_MS, most,
                            "forget how jobs ended long ago", err);
    return done;
}

int store_attempt_add(struct store *store, const struct job_id *delivery, const struct delivery_attempt *attempt,
                      struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_ATTEMPT_ADD);
    bind_bytes(statement, 1, delivery->bytes, JOB_ID_BYTES);
    bind_u64(statement, 2, attempt->number);
    bind_u64(statement, 3, attempt->unix_ms);
    bind_u64(statement, 4, attempt->outcome);
    bind_u64(statement, 5, attempt->status);
    bind_u64(statement, 6, attempt->duration_ms);
    bind_text(statement, 7, attempt->detail);
    return statement_run(store, statement, err, "note an attempt at a callback");
}

static void bind_id(sqlite3_stmt *statement, int at, const struct job_id *id)
{
    bind_bytes(statement, at, id != NULL ? id->bytes : NULL, id != NULL ? JOB_ID_BYTES : 0);
}

int store_deliveries_list(struct store *store, const struct delivery_filter *filter, store_delivery_visit *visit,
                          void *arg, struct error *err)
{
    struct delivery delivery;
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DELIVERIES_LIST);
    bind_text(statement, 1, filter->callback);
    bind_u64(statement, 2, filter->state);
    bind_id(statement, 3, filter->job_id);
    bind_id(statement, 4, filter->before);
    bind_text(statement, 5, filter->actor);
    bind_u64(statement, 6, filter->via);
    bind_u64(statement, 7, filter->limit);
    int found;
    bool goes_on = true;
    while (goes_on && (found = statement_step(store, statement, err, "list callbacks")) > 0) {
        found = from_row(statement, &delivery, err);
        goes_on = found == 0 && visit(arg, &delivery);
    }
    sqlite3_reset(statement);
    return found < 0 ? found : 0;
}

int store_attempts_list(struct store *store, const struct job_id *delivery, store_attempt_visit *visit, void *arg,
                        struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_ATTEMPTS_LIST);
    bind_bytes(statement, 1, delivery->bytes, JOB_ID_BYTES);
    int found;
    while ((found = statement_step(store, statement, err, "list attempts")) > 0) {
        struct delivery_attempt attempt = { .number = (uint32_t)column_u64(statement, 0),
                                            .unix_ms = column_u64(statement, 1),
                                            .outcome = (uint8_t)column_u64(statement, 2),
                                            .status = (uint32_t)column_u64(statement, 3),
                                            .duration_ms = (uint32_t)column_u64(statement, 4) };
        if (!take_text(statement, 5, attempt.detail, sizeof attempt.detail)) {
            found = fail_plain(err, EBADMSG, "the record of an attempt is damaged");
            break;
        }
        if (!visit(arg, &attempt))
            break;
    }
    sqlite3_reset(statement);
    return found < 0 ? found : 0;
}

int store_streak_read(struct store *store, const char *command, const char *key, struct streak *ret_streak,
                      struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_STREAK_READ);
    bind_text(statement, 1, command);
    bind_text(statement, 2, key);
    int found = statement_step(store, statement, err, "look how jobs ended last");
    if (found > 0)
        *ret_streak = (struct streak){ .event = (uint8_t)column_u64(statement, 0),
                                       .count = (uint32_t)column_u64(statement, 1),
                                       .has_failed = column_u64(statement, 2) != 0 };
    sqlite3_reset(statement);
    return found;
}

int store_streak_set(struct store *store, const char *command, const char *key, const struct streak *streak,
                     uint64_t now_unix_ms, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_STREAK_SET);
    bind_text(statement, 1, command);
    bind_text(statement, 2, key);
    bind_u64(statement, 3, streak->event);
    bind_u64(statement, 4, streak->count);
    bind_u64(statement, 5, streak->has_failed);
    bind_u64(statement, 6, now_unix_ms);
    return statement_run(store, statement, err, "note how a job ended");
}

int store_told_read(struct store *store, const char *command, uint8_t event, const char *callback,
                    uint64_t *ret_unix_ms, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_TOLD_READ);
    bind_text(statement, 1, command);
    bind_u64(statement, 2, event);
    bind_text(statement, 3, callback);
    int found = statement_step(store, statement, err, "look when a callback was told");
    if (found > 0)
        *ret_unix_ms = column_u64(statement, 0);
    sqlite3_reset(statement);
    return found;
}

int store_told_set(struct store *store, const char *command, uint8_t event, const char *callback, uint64_t unix_ms,
                   struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_TOLD_SET);
    bind_text(statement, 1, command);
    bind_u64(statement, 2, event);
    bind_text(statement, 3, callback);
    bind_u64(statement, 4, unix_ms);
    return statement_run(store, statement, err, "note that a callback was told");
}
