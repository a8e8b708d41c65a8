/* The body of a login. What was read of it is wiped, also where the parser had it meanwhile. */
#pragma once

#include <stddef.h>

#include "sallyport/base/password.h"
#include "sallyport/proto/messages.h"

struct problem;

struct login {
    struct msg_login asked; /* its password points to the next */
    char password[PASSWORD_MAX_BYTES + 1];
};

/* 0, or -EINVAL with a problem. login_done() in both cases. */
int json_in_login(const void *body, size_t size, struct login *ret_login, struct problem *problem);
void login_done(struct login *login);
