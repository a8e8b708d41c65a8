#include "sallyport/store/functions.h"

#include <assert.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

int store_function_add(struct store *store, const struct stored_function *function, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTION_ADD);
    bind_bytes(statement, 1, function->id.bytes, JOB_ID_BYTES);
    bind_text(statement, 2, function->image);
    bind_bytes(statement, 3, function->variables.data, function->variables.size);
    return statement_run(store, statement, err, "keep a function");
}

int store_function_remove(struct store *store, const struct job_id *id, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTION_REMOVE);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    return statement_run(store, statement, err, "remove a function");
}

int store_function_route_add(struct store *store, const struct stored_function *route, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTION_ROUTE_ADD);
    bind_bytes(statement, 1, route->route_id.bytes, JOB_ID_BYTES);
    bind_text(statement, 2, route->path);
    bind_bytes(statement, 3, route->id.bytes, JOB_ID_BYTES);
    return statement_run(store, statement, err, "keep a route to a function");
}

int store_function_route_remove(struct store *store, const struct job_id *route_id, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTION_ROUTE_REMOVE);
    bind_bytes(statement, 1, route_id->bytes, JOB_ID_BYTES);
    return statement_run(store, statement, err, "remove a route to a function");
}

static bool take_text(sqlite3_stmt *statement, int at, char *to, size_t room)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL && text_copy(to, room, text);
}

/* The columns of FUNCTION_COLUMNS or FUNCTION_ROUTE_COLUMNS (statement.c). The variables are the row's. */
static int from_row(sqlite3_stmt *statement, bool is_route, struct stored_function *ret_function, struct error *err)
{
    struct stored_function function = { .number = column_u64(statement, 0), .variables = column_bytes(statement, 3) };
    bool is_whole = column_exact(statement, 1, function.id.bytes, JOB_ID_BYTES) &&
                    take_text(statement, 2, function.image, sizeof function.image) &&
                    function.variables.size <= FUNCTION_VARIABLES_BYTES;
    if (is_whole && is_route)
        is_whole = column_exact(statement, 4, function.route_id.bytes, JOB_ID_BYTES) &&
                   take_text(statement, 5, function.path, sizeof function.path);
    if (!is_whole)
        return fail_plain(err, EBADMSG, "the record of a function is damaged");
    *ret_function = function;
    return 0;
}

static int list(struct store *store, sqlite3_stmt *statement, bool is_route, store_function_visit *visit, void *arg,
                struct error *err)
{
    int found;
    while ((found = statement_step(store, statement, err, "list functions")) > 0) {
        struct stored_function function;
        int done = from_row(statement, is_route, &function, err);
        if (done == 0 && visit(arg, &function))
            continue;
        sqlite3_reset(statement);
        return done;
    }
    return found;
}

static sqlite3_stmt *take_page(struct store *store, enum statement which, uint64_t after, uint32_t limit)
{
    sqlite3_stmt *statement = statement_take(store, which);
    bind_u64(statement, 1, after);
    bind_u64(statement, 2, limit);
    return statement;
}

int store_functions_list(struct store *store, uint64_t after, uint32_t limit, store_function_visit *visit, void *arg,
                         struct error *err)
{
    return list(store, take_page(store, STATEMENT_FUNCTIONS_LIST, after, limit), false, visit, arg, err);
}

int store_function_routes_list(struct store *store, uint64_t after, uint32_t limit, store_function_visit *visit,
                               void *arg, struct error *err)
{
    return list(store, take_page(store, STATEMENT_FUNCTION_ROUTES_LIST, after, limit), true, visit, arg, err);
}

static int read_one(struct store *store, sqlite3_stmt *statement, bool is_route, struct stored_function *ret_function,
                    struct error *err)
{
    struct stored_function function = { 0 };
    struct span none = { 0 };
    int found = statement_step(store, statement, err, "look for a function");
    int done = found > 0 ? from_row(statement, is_route, &function, err) : 0;
    if (found > 0 && done == 0)
        done = store_lend(store, function.variables, none, &function.variables, &none, err);
    sqlite3_reset(statement);
    if (found <= 0 || done < 0)
        return found <= 0 ? found : done;
    *ret_function = function;
    return 1;
}

int store_function_read(struct store *store, const struct job_id *id, struct stored_function *ret_function,
                        struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTION_READ);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    return read_one(store, statement, false, ret_function, err);
}

int store_function_route_read(struct store *store, const struct job_id *route_id, struct stored_function *ret_route,
                              struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTION_ROUTE_READ);
    bind_bytes(statement, 1, route_id->bytes, JOB_ID_BYTES);
    return read_one(store, statement, true, ret_route, err);
}

int store_function_route_at(struct store *store, const char *path, struct stored_function *ret_route, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTION_ROUTE_AT);
    bind_text(statement, 1, path);
    return read_one(store, statement, true, ret_route, err);
}

int store_functions_count(struct store *store, const struct job_id *id, struct function_counts *ret_counts,
                          struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_FUNCTIONS_COUNT);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    int found = statement_step(store, statement, err, "count functions");
    if (found > 0)
        *ret_counts =
            (struct function_counts){ column_u64(statement, 0), column_u64(statement, 1), column_u64(statement, 2),
                                      column_u64(statement, 3), column_u64(statement, 4) };
    sqlite3_reset(statement);
    return found < 0 ? found : 0;
}
