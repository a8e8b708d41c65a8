#include "sallyport/base/password.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"

#define SALT "AAECAwQFBgcICQoLDA0ODw"
#define KEY  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static const char *read_line(const char *line)
{
    struct password_hash hash;
    return password_read(line, &hash);
}

Test(password, a_line_fits_its_password_and_no_other)
{
    struct password_hash made, hash;
    struct error err = { 0 };
    char line[PASSWORD_LINE_BYTES], again[PASSWORD_LINE_BYTES];
    bool fits = false;
    cr_assert_eq(password_make("correct horse", 13, &made, &err), 0, "%s", err.text);
    password_write(&made, line);
    cr_assert_null(password_read(line, &hash), "%s", line);
    password_write(&hash, again);
    cr_expect_str_eq(line, again);
    cr_expect_eq(password_check(&hash, "correct horse", 13, &fits, &err), 0);
    cr_expect(fits);
    cr_expect_eq(password_check(&hash, "correct horsf", 13, &fits, &err), 0);
    cr_expect_not(fits);
    cr_expect_eq(password_check(&hash, "correct hors", 12, &fits, &err), 0);
    cr_expect_not(fits);
    cr_expect_eq(password_check(&hash, "", 0, &fits, &err), 0);
    cr_expect_not(fits);
}

Test(password, two_lines_of_one_password_differ)
{
    struct password_hash first, second;
    struct error err = { 0 };
    cr_assert_eq(password_make("correct horse", 13, &first, &err), 0);
    cr_assert_eq(password_make("correct horse", 13, &second, &err), 0);
    cr_expect_neq(memcmp(first.salt, second.salt, sizeof first.salt), 0);
    cr_expect_neq(memcmp(first.key, second.key, sizeof first.key), 0);
}

/* Made by Python's hashlib.scrypt(b"pleaseletmein", salt=bytes(range(16)), n=2**15, r=8, p=1, dklen=32). */
Test(password, it_is_the_scrypt_of_others)
{
    struct password_hash hash;
    struct error err = { 0 };
    bool fits = false;
    cr_assert_null(password_read("$scrypt$ln=15,r=8,p=1$" SALT "$GG4Uy5ENrE8qG8PReC+1tPrgk+oCk3hg4IH0H7rBuAQ", &hash));
    cr_assert_eq(password_check(&hash, "pleaseletmein", 13, &fits, &err), 0);
    cr_expect(fits);
}

Test(password, a_line_asks_for_neither_too_much_nor_too_little)
{
    cr_expect_null(read_line("$scrypt$ln=15,r=8,p=1$" SALT "$" KEY));
    cr_expect_null(read_line("$scrypt$ln=17,r=8,p=4$" SALT "$" KEY));
    static const char *const weak[] = { "ln=14,r=8,p=1", "ln=15,r=7,p=1", "ln=15,r=8,p=0", "ln=1,r=1,p=1" };
    for (size_t i = 0; i < sizeof weak / sizeof weak[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "$scrypt$%s$" SALT "$" KEY, weak[i]);
        cr_expect(strstr(read_line(line), "too little") != NULL, "%s", line);
    }
    static const char *const much[] = { "ln=18,r=8,p=1", "ln=22,r=8,p=1", "ln=15,r=9,p=1", "ln=15,r=8,p=5",
                                        "ln=63,r=8,p=1" };
    for (size_t i = 0; i < sizeof much / sizeof much[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "$scrypt$%s$" SALT "$" KEY, much[i]);
        cr_expect(strstr(read_line(line), "too much") != NULL, "%s", line);
    }
}

Test(password, what_is_no_line_is_refused)
{
    static const char *const wrong[] = {
        "",
        "$",
        "correct horse",
        "$scrypt$",
        "$scrypt$ln=15,r=8,p=1$" SALT,
        "$scrypt$ln=15,r=8,p=1$" SALT "$",
        "$scrypt$ln=15,r=8,p=1$$" KEY,
        "$scrypt$ln=15,r=8,p=1$" SALT "$" KEY "$",
        "$scrypt$ln=15,r=8,p=1$" SALT "$" KEY "A",
        "$scrypt$ln=15,r=8,p=1$" SALT "$" KEY "=",
        "$scrypt$ln=15,r=8,p=1$" SALT "==$" KEY,
        "$scrypt$ln=15,r=8,p=1$" SALT "A$" KEY,
        "$scrypt$ln=15,r=8,p=1 $" SALT "$" KEY,
        "$scrypt$ln=015,r=8,p=1$" SALT "$" KEY,
        "$scrypt$ln=15,r=8$" SALT "$" KEY,
        "$scrypt$ln=,r=8,p=1$" SALT "$" KEY,
        "$scrypt$ln=-5,r=8,p=1$" SALT "$" KEY,
        "$scrypt$r=8,ln=15,p=1$" SALT "$" KEY,
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        " $scrypt$ln=15,r=8,p=1$" SALT "$" KEY,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not_null(read_line(wrong[i]), "'%s'", wrong[i]);
}

Test(password, a_refused_line_changes_nothing)
{
    struct password_hash hash = { .log_n = 99 };
    cr_expect_not_null(password_read("$scrypt$ln=14,r=8,p=1$" SALT "$" KEY, &hash));
    cr_expect_eq(hash.log_n, 99);
}
