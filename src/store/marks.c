/* Single numbers by name. */
#include <assert.h>

#include "sallyport/base/error.h"
#include "statement.h"

int store_mark_set(struct store *store, const char *name, uint64_t number, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_MARK_SET);
    bind_text(statement, 1, name);
    bind_u64(statement, 2, number);
    return statement_run(store, statement, err, "set a mark");
}

int store_mark_read(struct store *store, const char *name, uint64_t *ret_number, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_MARK_READ);
    bind_text(statement, 1, name);
    int found = statement_step(store, statement, err, "read a mark");
    if (found < 0)
        return found;
    *ret_number = found > 0 ? column_u64(statement, 0) : 0;
    sqlite3_reset(statement);
    return 0;
}
