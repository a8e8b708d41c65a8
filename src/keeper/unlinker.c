#include "unlinker.h"

#include "output_files.h"
#include "sallyport/base/error.h"

static void carry_out(int state_fd, const void *order, void *result)
{
    const struct unlink_order *wanted = order;
    struct unlink_result *said = result;
    struct error err = { 0 };
    output_files_remove(state_fd, &wanted->job_id, &err);
    *said = (struct unlink_result){ .order = *wanted, .code = err.code };
}

static const struct worker_kind kind = { "the unlinker", sizeof(struct unlink_order), sizeof(struct unlink_result),
                                         NULL, carry_out };

int unlinker_start(int state_fd, int (*confine)(const void *arg, struct error *err), const void *arg,
                   struct unlinker *ret_unlinker, struct error *err)
{
    return worker_start(&kind, state_fd, confine, arg, &ret_unlinker->worker, err);
}

void unlinker_stop(struct unlinker *unlinker)
{
    worker_stop(&unlinker->worker);
}

bool unlinker_order(const struct unlinker *unlinker, const struct unlink_order *order)
{
    return worker_order(&unlinker->worker, order);
}

bool unlinker_result(const struct unlinker *unlinker, struct unlink_result *ret_result)
{
    return worker_result(&unlinker->worker, ret_result);
}
