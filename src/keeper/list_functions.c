/* The functions of go-serverless's clients and the routes to them, those that a caller may know of. */
#include "authorize.h"
#include "functions.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/error.h"

#define FUNCTIONS_AT_ONCE 32 /* each has up to 17 KiB */

struct page {
    struct keeper *keeper;
    const struct request *request;
    uint32_t sent;
    bool has_more;
};

static bool tell(void *arg, const struct stored_function *function)
{
    struct page *page = arg;
    struct msg_function told;
    if (!function_is_visible(page->keeper, page->request->who, function))
        return true;
    if (page->sent == FUNCTIONS_AT_ONCE) {
        page->has_more = true;
        return false;
    }
    page->sent++;
    function_tell(page->keeper, function, &told);
    request_answer(page->keeper, page->request, MSG_FUNCTION, &told);
    return true;
}

static void list(struct keeper *keeper, const struct request *request, const struct msg_list_functions *asked)
{
    struct page page = { .keeper = keeper, .request = request };
    struct error err = { 0 };
    int done = asked->wish == FUNCTIONS_ALL
                   ? store_functions_list(keeper->store, asked->after, FUNCTION_COUNT_MAX, tell, &page, &err)
                   : store_function_routes_list(keeper->store, asked->after, FUNCTION_COUNT_MAX, tell, &page, &err);
    if (done < 0)
        request_fail(keeper, request, &err);
    else
        request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ .has_more = page.has_more });
}

/* A path is for who may call; an id for who may know. */
static bool may_have(const struct keeper *keeper, const struct request *request, enum function_wish wish,
                     const struct stored_function *function)
{
    const struct command *command = function_command(keeper, function);
    if (wish == FUNCTIONS_ROUTE_AT)
        return command != NULL && may_run(request->who, command->name);
    return function_is_visible(keeper, request->who, function);
}

static void read_one(struct keeper *keeper, const struct request *request, const struct msg_list_functions *asked)
{
    static struct stored_function function; /* large, and one at a time */
    struct error err = { 0 };
    struct msg_function told;
    int found = asked->wish == FUNCTIONS_ONE     ? store_function_read(keeper->store, &asked->id, &function, &err)
                : asked->wish == FUNCTIONS_ROUTE ? store_function_route_read(keeper->store, &asked->id, &function, &err)
                                                 : store_function_route_at(keeper->store, asked->path, &function, &err);
    if (found < 0) {
        request_fail(keeper, request, &err);
    } else if (found == 0 || !may_have(keeper, request, asked->wish, &function)) {
        request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found" },
                       asked->wish == FUNCTIONS_ONE ? "there is no such function" : "there is no such route");
    } else {
        function_tell(keeper, &function, &told);
        request_answer(keeper, request, MSG_FUNCTION, &told);
    }
}

void answer_list_functions(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_list_functions *asked = &message->body.list_functions;
    if (asked->wish == FUNCTIONS_NONE)
        request_distrust(keeper, request, "a list of functions that is none");
    else if (asked->wish == FUNCTIONS_ALL || asked->wish == FUNCTIONS_ROUTES)
        list(keeper, request, asked);
    else
        read_one(keeper, request, asked);
}
