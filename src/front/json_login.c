#include "json_login.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "json_in.h"
#include "json_members.h"
#include "problem.h"

static void take_user(json_t *value, void *target, struct problem *problem)
{
    struct login *login = target;
    json_take_text(value, "user", login->asked.user, sizeof login->asked.user, problem);
}

static void take_password(json_t *value, void *target, struct problem *problem)
{
    struct login *login = target;
    json_take_text(value, "password", login->password, sizeof login->password, problem);
}

/* jansson's own copies: its buffers of tokens and the text that it makes of them. */
static void free_wiped(void *block)
{
    if (block != NULL)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static int read_wiped(const void *body, size_t size, struct login *login, struct problem *problem)
{
    static const struct json_member members[] = { { "user", take_user }, { "password", take_password } };
    json_t *object;
    json_set_alloc_funcs(malloc, free_wiped);
    int done = json_in_object(body, size, &object, problem);
    if (done == 0) {
        done = json_take_members(object, members, sizeof members / sizeof members[0], login, problem);
        json_decref(object);
    }
    json_set_alloc_funcs(malloc, free);
    return done;
}

int json_in_login(const void *body, size_t size, struct login *ret_login, struct problem *problem)
{
    *ret_login = (struct login){ 0 };
    int done = read_wiped(body, size, ret_login, problem);
    if (done < 0 && strcmp(problem->code, "bad-json") == 0) { /* the parser's words repeat what it met */
        problem_done(problem);
        problem_init(problem, "bad-json", "The body is no JSON object with \"user\" and \"password\".");
    }
    if (done < 0)
        return done;
    if (ret_login->asked.user[0] == '\0' || ret_login->password[0] == '\0') {
        problem_init(problem, "params-invalid", "The body must have \"user\" and \"password\".");
        problem_add_error(problem, ret_login->asked.user[0] == '\0' ? "/user" : "/password", "required", "is required");
        return -EINVAL;
    }
    ret_login->asked.password =
        (struct span){ (const uint8_t *)ret_login->password, (uint32_t)strlen(ret_login->password) };
    return 0;
}

void login_done(struct login *login)
{
    explicit_bzero(login, sizeof *login);
}
