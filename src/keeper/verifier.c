#include "verifier.h"

#include "sallyport/base/error.h"

static void carry_out(int fd, const void *order, void *result)
{
    const struct verify_order *wanted = order;
    struct verify_result *said = result;
    struct error err = { 0 };
    (void)fd;
    password_check(&wanted->hash, wanted->password, wanted->size, &said->fits, &err);
    said->number = wanted->number;
    said->code = err.code;
}

/* What OpenSSL loads, it loads before the thread's filter. */
static const struct worker_kind kind = { "the verifier", sizeof(struct verify_order), sizeof(struct verify_result),
                                         password_prepare, carry_out };

int verifier_start(int (*confine)(const void *arg, struct error *err), const void *arg, struct verifier *ret_verifier,
                   struct error *err)
{
    return worker_start(&kind, -1, confine, arg, &ret_verifier->worker, err);
}

void verifier_stop(struct verifier *verifier)
{
    worker_stop(&verifier->worker);
}

bool verifier_order(const struct verifier *verifier, const struct verify_order *order)
{
    return worker_order(&verifier->worker, order);
}

bool verifier_result(const struct verifier *verifier, struct verify_result *ret_result)
{
    return worker_result(&verifier->worker, ret_result);
}
