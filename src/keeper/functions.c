#include "functions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/image_name.h"
#include "sallyport/base/text.h"

#define FULL_RETRY_S 60

const struct command *function_command(const struct keeper *keeper, const struct stored_function *function)
{
    char image[CALLED_MAX_BYTES];
    return image_name_spell(function->image, image) ? rules_find_image(&keeper->rules, image) : NULL;
}

bool function_is_visible(const struct keeper *keeper, const struct caller *who, const struct stored_function *function)
{
    const struct command *command = function_command(keeper, function);
    return may_change_functions(who) || (command != NULL && may_see(who, command->name));
}

void function_tell(const struct keeper *keeper, const struct stored_function *function, struct msg_function *ret_told)
{
    const struct command *command = function_command(keeper, function);
    *ret_told = (struct msg_function){
        .number = function->number, .id = function->id, .variables = function->variables, .route_id = function->route_id
    };
    text_copy(ret_told->image, sizeof ret_told->image, function->image);
    text_copy(ret_told->path, sizeof ret_told->path, function->path);
    text_copy(ret_told->command, sizeof ret_told->command, command != NULL ? command->name : "");
}

/* --- changes: each check answers itself and returns false when the request ends there -------------------------- */

static bool refuse(struct keeper *keeper, const struct request *request, uint32_t status, const char *code,
                   const char *why)
{
    uint32_t retry_after_s = status == 503 ? FULL_RETRY_S : 0;
    request_refuse(keeper, request, &(struct refusal){ .status = status, .code = code, .retry_after_s = retry_after_s },
                   "%s", why);
    return false;
}

/* A UUID of version 4 (RFC 9562). */
static bool new_id(struct keeper *keeper, const struct request *request, struct job_id *ret_id)
{
    struct error err = { 0 };
    if (getrandom(ret_id->bytes, sizeof ret_id->bytes, 0) != (ssize_t)sizeof ret_id->bytes) {
        fail_plain(&err, EIO, "no random bytes for a name");
        request_fail(keeper, request, &err);
        return false;
    }
    ret_id->bytes[6] = (ret_id->bytes[6] & 0x0f) | 0x40;
    ret_id->bytes[8] = (ret_id->bytes[8] & 0x3f) | 0x80;
    return true;
}

static bool count(struct keeper *keeper, const struct request *request, const struct job_id *id,
                  struct function_counts *ret_counts)
{
    struct error err = { 0 };
    if (store_functions_count(keeper->store, id, ret_counts, &err) == 0)
        return true;
    request_fail(keeper, request, &err);
    return false;
}

/* `found`: what the store said of whether it is there. */
static bool is_there(struct keeper *keeper, const struct request *request, int found, const struct error *err,
                     const char *what)
{
    char why[64];
    snprintf(why, sizeof why, "there is no such %s", what);
    if (found < 0)
        request_fail(keeper, request, err);
    else if (found == 0)
        refuse(keeper, request, 404, "not-found", why);
    return found > 0;
}

static bool check_image(struct keeper *keeper, const struct request *request, const struct msg_change_functions *asked)
{
    char image[CALLED_MAX_BYTES], why[FUNCTION_WHY_BYTES];
    if (!image_name_spell(asked->image, image))
        return refuse(keeper, request, 400, "bad-request", "invalid reference format");
    const struct command *command = rules_find_image(&keeper->rules, image);
    if (command == NULL || !may_see(request->who, command->name)) {
        snprintf(why, sizeof why, "the image '%.128s' is not listed here, and none is fetched", image);
        return refuse(keeper, request, 400, "bad-request", why);
    }
    const char *fault = function_variables_fault(keeper, command, asked->variables, why);
    return fault == NULL || refuse(keeper, request, 400, "bad-request", fault);
}

/* A list is told in one piece, so all that it would hold is bounded. */
static bool has_room(struct keeper *keeper, const struct request *request, uint64_t rows, uint64_t bytes,
                     struct span variables)
{
    if (rows >= FUNCTION_COUNT_MAX)
        return refuse(keeper, request, 503, "store-full", "there are 1000 of these already; delete one first");
    return bytes + variables.size <= FUNCTION_LIST_BYTES ||
           refuse(keeper, request, 503, "store-full",
                  "the environments of all of these would be more than 2 MiB; delete one first");
}

static bool begin_create(struct keeper *keeper, const struct request *request, const struct msg_change_functions *asked,
                         struct stored_function *function)
{
    struct function_counts counts;
    if (!check_image(keeper, request, asked) || !count(keeper, request, &asked->id, &counts))
        return false;
    if (!has_room(keeper, request, counts.functions, counts.functions_bytes, asked->variables))
        return false;
    text_copy(function->image, sizeof function->image, asked->image);
    function->variables = asked->variables;
    return new_id(keeper, request, &function->id);
}

static bool begin_delete(struct keeper *keeper, const struct request *request, const struct msg_change_functions *asked,
                         struct stored_function *function)
{
    struct error err = { 0 };
    struct function_counts counts;
    int found = store_function_read(keeper->store, &asked->id, function, &err);
    if (!is_there(keeper, request, found, &err, "function") || !count(keeper, request, &asked->id, &counts))
        return false;
    return counts.routes_to == 0 ||
           refuse(keeper, request, 409, "function-in-use", "a route leads to this function; delete that first");
}

static bool begin_route(struct keeper *keeper, const struct request *request, const struct msg_change_functions *asked,
                        struct stored_function *function)
{
    static struct stored_function other; /* large, and one at a time */
    struct error err = { 0 };
    struct function_counts counts;
    const char *why = function_path_fault(asked->path);
    if (why != NULL)
        return refuse(keeper, request, 400, "bad-request", why);
    int taken = store_function_route_at(keeper->store, asked->path, &other, &err);
    if (taken < 0) {
        request_fail(keeper, request, &err);
        return false;
    }
    if (taken > 0)
        return refuse(keeper, request, 400, "bad-request", "the path is taken: a route of this path is there already");
    int found = store_function_read(keeper->store, &asked->id, function, &err);
    if (!is_there(keeper, request, found, &err, "function") || !count(keeper, request, &asked->id, &counts))
        return false;
    if (!has_room(keeper, request, counts.routes, counts.routes_bytes, function->variables))
        return false;
    text_copy(function->path, sizeof function->path, asked->path);
    return new_id(keeper, request, &function->route_id);
}

static bool begin_route_delete(struct keeper *keeper, const struct request *request,
                               const struct msg_change_functions *asked, struct stored_function *function)
{
    struct error err = { 0 };
    int found = store_function_route_read(keeper->store, &asked->id, function, &err);
    return is_there(keeper, request, found, &err, "route");
}

static int store_create(struct store *store, const struct stored_function *function, struct error *err)
{
    return store_function_add(store, function, err);
}

static int store_delete(struct store *store, const struct stored_function *function, struct error *err)
{
    return store_function_remove(store, &function->id, err);
}

static int store_route_delete(struct store *store, const struct stored_function *function, struct error *err)
{
    return store_function_route_remove(store, &function->route_id, err);
}

static const struct change {
    bool (*begin)(struct keeper *keeper, const struct request *request, const struct msg_change_functions *asked,
                  struct stored_function *function);
    int (*store)(struct store *store, const struct stored_function *function, struct error *err);
    const char *done;
} changes[FUNCTION_DEED_COUNT] = {
    [FUNCTION_CREATE] = { begin_create, store_create, "created" },
    [FUNCTION_DELETE] = { begin_delete, store_delete, "deleted" },
    [FUNCTION_ROUTE_CREATE] = { begin_route, store_function_route_add, "created" },
    [FUNCTION_ROUTE_DELETE] = { begin_route_delete, store_route_delete, "deleted" },
};

/* Both in one commit, before which nobody hears of it (turn.c). */
static int store_change(struct keeper *keeper, const struct request *request, const struct change *change,
                        const struct stored_function *function, struct error *err)
{
    char detail[ERROR_TEXT_MAX_BYTES], id[2 * JOB_ID_BYTES + 1];
    const struct command *command = function_command(keeper, function);
    bool is_route = !job_id_is_none(&function->route_id);
    text_hex(is_route ? function->route_id.bytes : function->id.bytes, JOB_ID_BYTES, id);
    snprintf(detail, sizeof detail, "%s %s %s: %s%s%.300s", is_route ? "route" : "function", id, change->done,
             function->image, is_route ? " at " : "", function->path);
    struct audit_entry entry = { .what = AUDIT_FUNCTION,
                                 .actor = request->who->name,
                                 .address = request->evidence->address,
                                 .command = command != NULL ? command->name : NULL,
                                 .detail = detail,
                                 .count = 1 };
    int done = turn_write(keeper, err);
    if (done < 0)
        return done;
    done = change->store(keeper->store, function, err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, err);
    if (done < 0)
        turn_spoil(keeper, err);
    return done;
}

void answer_change_functions(struct keeper *keeper, const struct request *request, const struct message *message)
{
    static struct stored_function function; /* large, and one at a time */
    const struct msg_change_functions *asked = &message->body.change_functions;
    const struct change *change = &changes[asked->deed];
    struct msg_function told;
    struct error err = { 0 };
    function = (struct stored_function){ 0 };
    if (change->begin == NULL) {
        request_distrust(keeper, request, "a change of functions that is none");
        return;
    }
    if (!may_change_functions(request->who)) {
        refuse(keeper, request, 403, "forbidden", "this needs the scope admin:functions");
        return;
    }
    if (!change->begin(keeper, request, asked, &function))
        return;
    if (store_change(keeper, request, change, &function, &err) < 0) {
        request_fail(keeper, request, &err);
        return;
    }
    function_tell(keeper, &function, &told);
    request_answer(keeper, request, MSG_FUNCTION, &told);
}
