#include "token.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/base/error.h"

Test(token, is_sp_and_256_random_bits_in_base64url)
{
    char first[TOKEN_TEXT_BYTES], second[TOKEN_TEXT_BYTES];
    struct error err;
    cr_assert_eq(token_make(first, &err), 0);
    cr_assert_eq(token_make(second, &err), 0);
    cr_expect_eq(strlen(first), 46);
    cr_expect_eq(strncmp(first, "sp_", 3), 0);
    cr_expect_eq(strspn(first + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    cr_expect_str_neq(first, second);
    /* 43 digits of 6 bits are 258: the last two are not random. */
    cr_expect_not_null(strchr("AEIMQUYcgkosw048", first[45]));
}

Test(token, hash_is_over_the_exact_text)
{
    char text[TOKEN_HASH_TEXT_BYTES];
    token_hash("sp_example", text);
    cr_expect_str_eq(text, "sha256:a20cd8c657c0e804bccc865af7ddc1e23f3adf394d387aaa3a489ddc74ae1594");
}

Test(token, scopes_are_those_of_the_configuration)
{
    static const char *const good[] = { "run:*",      "run:deploy-web", "run:deploy-*", "read:own", "read:all",
                                        "cancel:own", "cancel:all",     "metrics",      "admin",    "admin:functions" };
    static const char *const bad[] = { "",      "run:",      "run",  "run:Deploy", "run:a b",
                                       "read:", "read:mine", "root", "admin " };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(token_scope_is_sound(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(token_scope_is_sound(bad[i]), "%s", bad[i]);
}
