/* The thread that only unlinks: in order, to the end, and confined or not at all. */
#include "unlinker.h"

#include <poll.h>

#include "output_files.h"
#include "rig.h"
#include "sallyport/proto/state_files.h"

TestSuite(unlinker, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

static struct unlinker unlinker;

static struct unlink_result next_result(void)
{
    struct unlink_result result = { .code = -1 };
    struct pollfd wait = { .fd = unlinker.worker.results_fd, .events = POLLIN };
    cr_assert_eq(poll(&wait, 1, 5000), 1);
    cr_assert(unlinker_result(&unlinker, &result));
    return result;
}

Test(unlinker, removes_what_it_is_told_in_order)
{
    struct unlink_order orders[50];
    cr_assert_eq(unlinker_start(keeper->state_fd, NULL, NULL, &unlinker, &err), 0, "%s", err.text);
    for (uint32_t i = 0; i < 50; i++) {
        orders[i] = (struct unlink_order){ .job_id = job_id_new(), .batch = i };
        if (i % 7 != 0) /* what is not there is no fault */
            cr_assert_eq(output_files_make(keeper->state_fd, &orders[i].job_id, &err), 0);
        cr_assert(unlinker_order(&unlinker, &orders[i]));
    }
    for (uint32_t i = 0; i < 50; i++) {
        struct unlink_result result = next_result();
        cr_expect_eq(result.order.batch, i);
        cr_expect(job_id_equal(&result.order.job_id, &orders[i].job_id));
        cr_expect_eq(result.code, 0);
        cr_expect(!output_files_are_there(keeper->state_fd, &orders[i].job_id));
    }
    struct unlink_result none;
    cr_expect(!unlinker_result(&unlinker, &none));
    unlinker_stop(&unlinker);
}

Test(unlinker, does_what_it_was_told_before_it_ends)
{
    struct unlink_order orders[50];
    cr_assert_eq(unlinker_start(keeper->state_fd, NULL, NULL, &unlinker, &err), 0);
    for (int i = 0; i < 50; i++) {
        orders[i] = (struct unlink_order){ .job_id = job_id_new() };
        cr_assert_eq(output_files_make(keeper->state_fd, &orders[i].job_id, &err), 0);
        cr_assert(unlinker_order(&unlinker, &orders[i]));
    }
    unlinker_stop(&unlinker);
    for (int i = 0; i < 50; i++)
        cr_expect(!output_files_are_there(keeper->state_fd, &orders[i].job_id));
}

Test(unlinker, tells_what_it_cannot_remove)
{
    struct unlink_order order = { .job_id = job_id_new() };
    struct state_files names;
    char path[200];
    state_files_name(&order.job_id, &names);
    snprintf(path, sizeof path, "%s/%s", rig_directory, names.output_directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%s", rig_directory, names.log);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(unlinker_start(keeper->state_fd, NULL, NULL, &unlinker, &err), 0);
    cr_assert(unlinker_order(&unlinker, &order));
    cr_expect_eq(next_result().code, EISDIR);
    unlinker_stop(&unlinker);
}

static int refuse(const void *arg, struct error *fault)
{
    cr_expect_str_eq(arg, "argument");
    return fail_plain(fault, EPERM, "it is not confined");
}

Test(unlinker, does_not_begin_when_it_cannot_be_confined)
{
    cr_expect_eq(unlinker_start(keeper->state_fd, refuse, "argument", &unlinker, &err), -EPERM);
    cr_expect_not_null(strstr(err.text, "it is not confined"), "%s", err.text);
    cr_expect(!unlinker.worker.is_there);
}
