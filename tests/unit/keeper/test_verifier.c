/* The thread that only compares passwords: one after the other, and it keeps nothing. */
#include "verifier.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "sallyport/base/error.h"

static struct verifier verifier;
static struct error err;

static struct verify_result next_result(void)
{
    struct verify_result result = { .code = -1 };
    struct pollfd wait = { .fd = verifier.worker.results_fd, .events = POLLIN };
    cr_assert_eq(poll(&wait, 1, 20000), 1);
    cr_assert(verifier_result(&verifier, &result));
    return result;
}

static struct verify_order order_of(uint32_t number, const struct password_hash *hash, const char *password)
{
    struct verify_order order = { .number = number, .hash = *hash, .size = (uint16_t)strlen(password) };
    memcpy(order.password, password, strlen(password));
    return order;
}

Test(verifier, compares_in_order, .timeout = 60)
{
    struct password_hash hash;
    struct verify_result none;
    cr_assert_eq(password_make("correct horse", 13, &hash, &err), 0);
    cr_assert_eq(verifier_start(NULL, NULL, &verifier, &err), 0, "%s", err.text);
    for (uint32_t i = 0; i < 6; i++) {
        struct verify_order order = order_of(i, &hash, i % 2 == 0 ? "correct horse" : "correct hors");
        cr_assert(verifier_order(&verifier, &order));
    }
    for (uint32_t i = 0; i < 6; i++) {
        struct verify_result result = next_result();
        cr_expect_eq(result.number, i);
        cr_expect_eq(result.code, 0);
        cr_expect_eq(result.fits, i % 2 == 0);
    }
    cr_expect(!verifier_result(&verifier, &none));
    verifier_stop(&verifier);
}

static int refuse(const void *arg, struct error *fault)
{
    (void)arg;
    return fail_plain(fault, EPERM, "it is not confined");
}

Test(verifier, does_not_begin_when_it_cannot_be_confined, .timeout = 60)
{
    cr_expect_eq(verifier_start(refuse, NULL, &verifier, &err), -EPERM);
    cr_expect_not_null(strstr(err.text, "the verifier"), "%s", err.text);
    cr_expect(!verifier.worker.is_there);
}
