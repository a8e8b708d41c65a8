#include "rig.h"

#include "sallyport/store/functions.h"

TestSuite(functions, .init = setup, .fini = teardown);

static char seen[4096];
static uint64_t last;

static struct job_id id_of(uint8_t number)
{
    struct job_id id = { { number } };
    return id;
}

static struct stored_function function_of(uint8_t number, const char *image, const char *variables)
{
    struct stored_function function = { .id = id_of(number),
                                        .variables = { (const uint8_t *)variables, (uint32_t)strlen(variables) } };
    text_copy(function.image, sizeof function.image, image);
    return function;
}

static void add(uint8_t number, const char *image)
{
    struct stored_function function = function_of(number, image, "variables");
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_function_add(store, &function, &err), 0, "%s", err.text);
    cr_assert_eq(store_commit(store, &err), 0);
}

static int add_route(uint8_t number, const char *at, uint8_t function)
{
    struct stored_function route = { .route_id = id_of(number), .id = id_of(function) };
    text_copy(route.path, sizeof route.path, at);
    cr_assert_eq(store_begin(store, &err), 0);
    int done = store_function_route_add(store, &route, &err);
    cr_assert_eq(store_commit(store, &err), 0);
    return done;
}

static bool note(void *arg, const struct stored_function *function)
{
    const unsigned *most = arg;
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%s%s(%.*s) ", function->path, function->image,
             (int)function->variables.size, (const char *)function->variables.data);
    last = function->number;
    return used + 1 < sizeof seen && strlen(seen) < *most;
}

static const char *listed(uint64_t after, uint32_t limit, bool of_routes)
{
    unsigned most = sizeof seen;
    seen[0] = '\0';
    int done = of_routes ? store_function_routes_list(store, after, limit, note, &most, &err)
                         : store_functions_list(store, after, limit, note, &most, &err);
    cr_assert_eq(done, 0, "%s", err.text);
    return seen;
}

Test(functions, and_routes_survive_the_process_in_their_order)
{
    add(9, "b");
    add(3, "a");
    cr_assert_eq(add_route(7, "/z", 3), 0, "%s", err.text);
    cr_assert_eq(add_route(5, "/a", 9), 0, "%s", err.text);
    store_close(store);
    open_store();
    cr_expect_str_eq(listed(0, 10, false), "b(variables) a(variables) ");
    cr_expect_str_eq(listed(0, 10, true), "/za(variables) /ab(variables) ");
    cr_expect_str_eq(listed(0, 1, false), "b(variables) ");
    cr_expect_str_eq(listed(last, 1, false), "a(variables) ");
    cr_expect_str_eq(listed(last, 1, false), "");
}

Test(functions, are_found_by_id_and_routes_by_their_path_too)
{
    struct stored_function found;
    struct job_id id = id_of(3), route = id_of(7), nobody = id_of(8);
    add(3, "a");
    cr_assert_eq(add_route(7, "/z", 3), 0);
    cr_assert_eq(store_function_read(store, &id, &found, &err), 1);
    cr_expect_str_eq(found.image, "a");
    cr_expect(job_id_is_none(&found.route_id));
    cr_assert_eq(store_function_route_read(store, &route, &found, &err), 1);
    cr_expect_str_eq(found.path, "/z");
    cr_assert_eq(store_function_route_at(store, "/z", &found, &err), 1);
    cr_expect(job_id_equal(&found.id, &id) && job_id_equal(&found.route_id, &route));
    cr_expect_eq(found.variables.size, strlen("variables"));
    cr_expect_eq(store_function_read(store, &nobody, &found, &err), 0);
    cr_expect_eq(store_function_route_read(store, &nobody, &found, &err), 0);
    cr_expect_eq(store_function_route_at(store, "/Z", &found, &err), 0);
}

Test(functions, have_one_path_for_one_route)
{
    add(3, "a");
    cr_assert_eq(add_route(7, "/z", 3), 0);
    cr_expect_eq(add_route(8, "/z", 3), -EEXIST);
}

Test(functions, are_counted_and_removed_and_their_numbers_are_not_given_again)
{
    struct function_counts counts;
    struct job_id id = id_of(3), route = id_of(7);
    add(3, "a");
    add(4, "b");
    cr_assert_eq(add_route(7, "/z", 3), 0);
    cr_assert_eq(store_functions_count(store, &id, &counts, &err), 0);
    cr_expect(counts.functions == 2 && counts.routes == 1 && counts.routes_to == 1);
    listed(0, 10, false);
    uint64_t before = last;
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_function_route_remove(store, &route, &err), 0);
    cr_assert_eq(store_function_remove(store, &id, &err), 0);
    id = id_of(4);
    cr_assert_eq(store_function_remove(store, &id, &err), 0);
    cr_assert_eq(store_commit(store, &err), 0);
    cr_assert_eq(store_functions_count(store, &id, &counts, &err), 0);
    cr_expect(counts.functions == 0 && counts.routes == 0 && counts.routes_to == 0);
    add(5, "c");
    cr_expect_str_eq(listed(before, 10, false), "c(variables) ");
}

Test(functions, with_a_damaged_row_are_told_as_damaged)
{
    struct stored_function found;
    struct job_id id = id_of(3);
    add(3, "a");
    store_close(store);
    meddle("UPDATE functions SET image = printf('%200s', 'x')");
    open_store();
    cr_expect_eq(store_function_read(store, &id, &found, &err), -EBADMSG);
}
