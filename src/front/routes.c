#include "routes.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <event2/http.h>

#include "sallyport/base/text.h"

#include "compat/compat.h"
#include "dialect.h"
#include "front.h"
#include "handlers.h"
#include "http_counts.h"
#include "problem.h"
#include "request.h"

#define GET    EVHTTP_REQ_GET
#define POST   EVHTTP_REQ_POST
#define DELETE EVHTTP_REQ_DELETE

/* What a function has, and others, so that whether there is a function is not told by what is answered to them. */
#define ANY (GET | POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE)

static const char *const command_list_keys[] = { "q", "group", "limit", "cursor", NULL };
static const char *const job_list_keys[] = { "command", "state", "actor",  "label",  "since",
                                             "until",   "limit", "cursor", "parent", NULL };
static const char *const queue_keys[] = { "command", "actor", "limit", "cursor", NULL };
static const char *const job_read_keys[] = { "wait", NULL };
static const char *const output_keys[] = {
    "follow", "offset", "tail", "stream", "search", "ignore_case", "limit", NULL
};
static const char *const callback_keys[] = { "state", "target", "job", "limit", "cursor", NULL };
static const char *const hook_delivery_keys[] = { "limit", "cursor", NULL };
static const char *const stdin_keys[] = { "eof", "offset", NULL };
static const char *const events_keys[] = { "jobs", "kinds", NULL };

static const struct route routes[] = {
    { GET, .path = "/healthz", .run = route_healthz, .is_open = true },
    { GET, .path = "/readyz", .run = route_readyz, .is_open = true },
    { GET, .path = "/version", .run = route_version },
    { GET, .path = "/metrics", .run = route_metrics },
    { GET, .path = "/v1/whoami", .run = route_whoami },
    { GET, .path = "/v1/problems/{name}", .run = route_problem_read },
    { GET, .path = "/v1/commands", .run = route_command_list, .query_keys = command_list_keys },
    { GET, .path = "/v1/commands/{name}", .run = route_command_read },
    { POST, .path = "/v1/commands/{name}/jobs", .run = route_job_create },
    { POST, .path = "/v1/commands/{name}/validate", .run = route_command_validate },
    { POST, .path = "/v1/commands/{name}/pause", .run = route_command_pause },
    { POST, .path = "/v1/commands/{name}/resume", .run = route_command_resume },
    { GET, .path = "/v1/queue", .run = route_queue, .query_keys = queue_keys },
    { GET, .path = "/v1/jobs", .run = route_job_list, .query_keys = job_list_keys },
    { POST, .path = "/v1/jobs", .run = route_sequence_create },
    { GET, .path = "/v1/jobs/{id}", .run = route_job_read, .query_keys = job_read_keys },
    { GET, .path = "/v1/jobs/{id}/steps", .run = route_step_list },
    { GET, .path = "/v1/jobs/{id}/output", .run = route_output_read, .query_keys = output_keys, .bytes_key = "search" },
    { GET, .path = "/v1/jobs/{id}/artifacts", .run = route_artifact_list },
    { GET, .path = "/v1/jobs/{id}/artifacts/{rest}", .run = route_artifact_read },
    { POST, .path = "/v1/jobs/{id}/cancel", .run = route_job_cancel },
    { POST, .path = "/v1/jobs/{id}/signal", .run = route_job_signal },
    { POST, .path = "/v1/jobs/{id}/stdin", .run = route_job_stdin, .query_keys = stdin_keys },
    { POST, .path = "/v1/jobs/{id}/rerun", .run = route_job_rerun },
    { GET, .path = "/v1/schedules", .run = route_schedule_list },
    { GET, .path = "/v1/tokens", .run = route_caller_list },
    { GET, .path = "/v1/callbacks", .run = route_callback_list, .query_keys = callback_keys },
    { POST, .path = "/v1/callbacks/{id}/redeliver", .run = route_callback_redeliver },
    { GET, .path = "/v1/hooks", .run = route_hook_list },
    { GET, .path = "/v1/hooks/{name}/deliveries", .run = route_hook_deliveries, .query_keys = hook_delivery_keys },
    { POST, .path = "/v1/hooks/{name}/deliveries/{id}/redeliver", .run = route_hook_redeliver },
    { POST, .path = "/hooks/{name}", .run = route_hook, .is_open = true, .takes_any_query = true },
    { GET, .path = "/v1/events", .run = route_events, .query_keys = events_keys },
    { POST, .path = "/v1/config/reload", .run = route_config_reload },
    { GET, .path = "/v1/session", .run = route_session_read },
    { POST, .path = "/v1/session", .run = route_login, .is_open = true },
    { DELETE, .path = "/v1/session", .run = route_logout },
    { GET, .path = "/v1/drain", .run = route_drain_read },
    { POST, .path = "/v1/drain", .run = route_drain },
    { ANY, .path = "/r/{path}", .run = route_function, .reads_query = true },
};

/* All that the listener of metrics has. */
static const struct route metrics_routes[] = {
    { GET, .path = "/metrics", .run = route_metrics, .is_open = true },
};

static_assert(sizeof routes / sizeof routes[0] + PREDECESSORS_ROUTES_MAX + 2 <= COUNTED_ROUTES_MAX,
              "each row is counted");

/* Names that are taken, and mean something in a later release. */
static const char *const later_paths[] = {
    "/v1/jobs/{id}/approval",
    "/v1/schedules/{rest}",
    "/v1/tokens/{rest}",
    "/v1/nodes",
    "/v1/nodes/{rest}",
    "/v1/audit",
    "/v1/config",
    "/v1/config/{rest}",
    "/v1/openapi.json",
    "/openapi.json",
};

const char *routes_instance(const struct request *request)
{
    static char instance[PATH_MAX_BYTES];
    const char *target = evhttp_request_get_uri(request->http);
    size_t size = target != NULL ? strcspn(target, "?#") : 0;
    if (size > 1 && target[1] == '.')
        size = 1; /* the guard's own */
    if (!text_copy_bytes(instance, sizeof instance, target, size))
        text_copy(instance, sizeof instance, "/");
    return instance;
}

static void refuse(struct request *request, const char *code, const char *detail)
{
    struct problem problem;
    problem_init(&problem, code, "%s", detail);
    request_refuse(request, &problem);
}

static void refuse_no_route(struct request *request, const struct path *path)
{
    struct path_match match;
    for (size_t i = 0; i < sizeof later_paths / sizeof later_paths[0] && request->dialect == &api_dialect; i++)
        if (path_matches(path, later_paths[i], &match)) {
            refuse(request, "not-found", "This is not in this release.");
            return;
        }
    refuse(request, "not-found", "There is nothing at this path, or it is not yours to see.");
}

static void refuse_method(struct request *request, unsigned allowed)
{
    char allow[32];
    snprintf(allow, sizeof allow, "%s%s%s%s", (allowed & GET) != 0 ? "GET, HEAD" : "",
             (allowed & GET) != 0 && (allowed & POST) != 0 ? ", " : "", (allowed & POST) != 0 ? "POST" : "",
             (allowed & DELETE) != 0 ? ", DELETE" : "");
    request_add_header(request, "Allow", allow);
    struct problem problem;
    problem_init(&problem, "method-not-allowed", "This path takes %s.", allow);
    request_refuse(request, &problem);
}

static bool query_fits(const struct query *query, const struct route *route, const char **ret_unknown)
{
    for (unsigned i = 0; i < query->count; i++) {
        const char *const *key = route->query_keys;
        while (key != NULL && *key != NULL && strcmp(*key, query->pairs[i].key) != 0)
            key++;
        if (key == NULL || *key == NULL) {
            *ret_unknown = query->pairs[i].key;
            return false;
        }
    }
    return true;
}

static void run_route(struct request *request, const char *raw_query)
{
    const char *why, *unknown;
    struct problem problem;
    if (request->route->reads_query) {
        request->route->run(request);
        return;
    }
    if (!query_parse_bytes(raw_query, request->route->bytes_key, &request->query, &why)) {
        problem_init(&problem, "bad-query", "%s.", why);
        request_refuse(request, &problem);
    } else if (!request->route->takes_any_query && !query_fits(&request->query, request->route, &unknown)) {
        problem_init(&problem, "bad-query", "The query key '%.64s' is not known here.", unknown);
        request_refuse(request, &problem);
    } else {
        request->route->run(request);
    }
}

/* The row of the dialect that fits path and method, or NULL; adds the methods of those that fit the path alone. */
static const struct route *find_row(const struct dialect *dialect, const struct path *path, unsigned method,
                                    struct path_match *ret_match, unsigned *allowed)
{
    if (method == EVHTTP_REQ_HEAD && !dialect->has_no_head)
        method = GET;
    for (size_t i = 0; i < dialect->route_count; i++) {
        const struct route *row = &dialect->routes[i];
        if (!path_matches(path, row->path, ret_match))
            continue;
        *allowed |= row->methods;
        if ((row->methods & method) != 0)
            return row;
    }
    return NULL;
}

/*
 * What is mounted on the API's listeners, where the API itself has nothing: whoever has a row that fits and is meant, or else a
 * row that fits, or else the one whose path lies nearest above, to say in its words that nothing is there.
 */
static void find_mounted(struct request *request, struct path *path, unsigned method, bool has_functions,
                         unsigned *allowed)
{
    enum { NOTHING, PATH, ROW, MEANT } best = NOTHING;
    const struct public_settings *settings = &request->front->settings;
    size_t nearest = 0;
    for (uint32_t i = 0; i < settings->predecessor_count; i++) {
        const struct public_predecessor *predecessor = &settings->predecessors[i];
        const struct dialect *dialect = predecessor_dialect(predecessor->which);
        struct path_match match = { 0 };
        unsigned fits = 0;
        if (!predecessor->has_prefix || dialect == NULL || (has_functions && !dialect->has_functions) ||
            !path_enter(path, predecessor->prefix))
            continue;
        const struct route *row = find_row(dialect, path, method, &match, &fits);
        bool is_meant = row != NULL && (dialect->is_meant == NULL || dialect->is_meant(request));
        unsigned rank = is_meant ? MEANT : row != NULL ? ROW : PATH;
        size_t length = strlen(predecessor->prefix);
        if (rank < best || (rank == best && length <= nearest))
            continue;
        best = rank;
        nearest = length;
        request->dialect = dialect;
        request->route = row;
        request->path = match;
        *allowed = fits;
    }
}

bool routes_lead_to(const struct dialect *dialect, const char *target)
{
    const char *query, *why;
    struct path path;
    struct path_match match;
    if (!path_parse(target, &path, &query, &why))
        return false;
    for (size_t i = 0; i < dialect->route_count; i++)
        if (path_matches(&path, dialect->routes[i].path, &match))
            return true;
    return false;
}

static void answer(struct request *request, const struct path *path, const char *raw_query, unsigned allowed)
{
    if (request->route != NULL && request->dialect->admits != NULL && !request->dialect->admits(request))
        return;
    if (request->route != NULL)
        run_route(request, request->dialect->ignores_query && request->route->query_keys == NULL ? NULL : raw_query);
    else if (allowed != 0)
        refuse_method(request, allowed);
    else
        refuse_no_route(request, path);
}

void routes_dispatch(struct request *request)
{
    struct path path;
    const char *raw_query, *why;
    if (!path_parse(evhttp_request_get_uri(request->http), &path, &raw_query, &why)) {
        refuse(request, "bad-request", why);
        return;
    }
    unsigned method = evhttp_request_get_command(request->http), allowed = 0;
    request->route = find_row(request->dialect, &path, method, &request->path, &allowed);
    if (request->route == NULL && allowed == 0 && request->dialect == &api_dialect)
        find_mounted(request, &path, method, false, &allowed);
    answer(request, &path, raw_query, allowed);
}

bool routes_go_on(struct request *request)
{
    struct path path;
    const char *raw_query, *why;
    const struct route *own = request->route;
    unsigned method = evhttp_request_get_command(request->http), allowed = 0;
    if (!path_parse(evhttp_request_get_uri(request->http), &path, &raw_query, &why))
        return false; /* it was taken before */
    request->route = NULL;
    find_mounted(request, &path, method, true, &allowed);
    if (request->route == NULL && allowed == 0) {
        request->dialect = &api_dialect;
        request->route = own;
        return false;
    }
    request->free_state(request->state);
    request->free_state = NULL;
    request->state = NULL;
    answer(request, &path, raw_query, allowed);
    return true;
}

const struct dialect api_dialect = {
    .name = "",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

const struct dialect metrics_dialect = {
    .name = "",
    .routes = metrics_routes,
    .route_count = sizeof metrics_routes / sizeof metrics_routes[0],
    .is_open = true,
};
