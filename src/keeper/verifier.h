/*
 * A thread (worker.h) that does nothing but compare passwords, one after the other: each takes 32 MiB and tens of milliseconds,
 * and while it does, the loop answers others. There is one such thread, so that a crowd of strangers takes that memory once and
 * one processor's time, however many they are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker.h"
#include "sallyport/base/password.h"

struct error;

struct verify_order {
    uint32_t number; /* comes back with the result */
    struct password_hash hash;
    uint16_t size;
    uint8_t password[PASSWORD_MAX_BYTES];
};

struct verify_result {
    uint32_t number;
    int32_t code; /* errno, or 0 */
    bool fits;
};

struct verifier {
    struct worker worker;
};

/* As worker_start() and what follows it. */
int verifier_start(int (*confine)(const void *arg, struct error *err), const void *arg, struct verifier *ret_verifier,
                   struct error *err);
void verifier_stop(struct verifier *verifier);
bool verifier_order(const struct verifier *verifier, const struct verify_order *order);
bool verifier_result(const struct verifier *verifier, struct verify_result *ret_result);
