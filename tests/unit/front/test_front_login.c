/* The body of a login: two texts, and nothing of them is left in what the parser gave back. */
#include "json_login.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

static struct login login;
static struct problem problem;

static int take(const char *body)
{
    return json_in_login(body, strlen(body), &login, &problem);
}

Test(front_login, has_a_user_and_a_password)
{
    cr_assert_eq(take("{\"user\": \"alice\", \"password\": \"caf\\u00e9 \\\"x\\\"\"}"), 0);
    cr_expect_str_eq(login.asked.user, "alice");
    cr_expect_eq(login.asked.password.size, strlen("café \"x\""));
    cr_expect_eq(memcmp(login.asked.password.data, "café \"x\"", login.asked.password.size), 0);
    login_done(&login);
    cr_expect_eq(login.password[0], '\0');
    cr_expect_eq(login.asked.user[0], '\0');
}

Test(front_login, is_refused_without_repeating_it)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "\"hunter22\"",
        "{\"user\": \"alice\", \"password\": \"hunter22\"",
        "{\"user\": \"alice\", \"password\": \"hunter22\"}x",
        "{\"user\": \"alice\", \"password\": hunter22}",
        "{\"user\": \"alice\", \"password\": \"hunter22\", \"password\": \"hunter22\"}",
        "{\"user\": \"alice\", \"password\": \"hunter22\", \"more\": 1}",
        "{\"user\": \"alice\", \"password\": [\"hunter22\"]}",
        "{\"user\": \"alice\", \"password\": \"\"}",
        "{\"user\": \"\", \"password\": \"hunter22\"}",
        "{\"user\": \"alice\", \"password\": \"hunter22\\u0000\"}",
        "{\"user\": \"0123456789012345678901234567890123456789012345678901234567890123\", \"password\": \"hunter22\"}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        cr_expect_lt(take(bodies[i]), 0, "%s", bodies[i]);
        cr_expect_null(strstr(problem.detail, "hunter22"), "%s", problem.detail);
        problem_done(&problem);
        login_done(&login);
    }
}

Test(front_login, takes_passwords_up_to_a_kibibyte)
{
    char body[PASSWORD_MAX_BYTES + 100] = "{\"user\": \"alice\", \"password\": \"";
    size_t head = strlen(body);
    memset(body + head, 'x', PASSWORD_MAX_BYTES);
    strcpy(body + head + PASSWORD_MAX_BYTES, "\"}");
    cr_assert_eq(take(body), 0);
    cr_expect_eq(login.asked.password.size, PASSWORD_MAX_BYTES);
    strcpy(body + head + PASSWORD_MAX_BYTES, "x\"}");
    cr_expect_lt(take(body), 0);
    problem_done(&problem);
}
