/* The table of keys, and the reference that is made of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "sallyport/config/config.h"

Test(config_reference, names_every_key_of_this_release)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    config_write_reference(to);
    fclose(to);
    for (size_t i = 0; i < key_count; i++) {
        char path[256] = "`", above[128] = "";
        for (const char *from = keys[i].path; *from != '\0'; from++) {
            bool is_item = strncmp(from, ".*", 2) == 0 && key_find(above)->type == KEY_MAPS;
            strncat(above, from, 1);
            strncat(path, is_item ? "[]" : *from == '*' ? "NAME" : (char[]){ *from, '\0' }, 5);
            if (is_item)
                strncat(above, ++from, 1);
        }
        strncat(path, "`", 2);
        cr_expect((strstr(text, path) != NULL) == (keys[i].help != NULL), "%s", path);
    }
    cr_expect_not_null(strstr(text, "| `commands.NAME.timeout` | duration, 100ms to 7d | as in `defaults` |"), "%s",
                       text);
    cr_expect_not_null(strstr(text, "| `defaults.sandbox.network` | one of `none`, `host` | `none` |"));
    cr_expect_not_null(strstr(text, "| `defaults.sandbox.cpus` | number, 0.01 to 1024 |  |"));
    cr_expect_null(strstr(text, "test_layers_off"));
    free(text);
}

Test(config_reference, has_a_parent_before_each_row_and_no_row_twice)
{
    for (size_t i = 0; i < key_count; i++) {
        const char *dot = strrchr(keys[i].path, '.');
        bool has_parent = dot == NULL;
        for (size_t j = 0; j < i; j++) {
            cr_expect_str_neq(keys[i].path, keys[j].path);
            size_t length = strlen(keys[j].path);
            bool is_map = keys[j].type == KEY_GROUP || keys[j].type == KEY_ENTRIES || keys[j].type == KEY_MAPS;
            has_parent |= is_map && dot != NULL && (size_t)(dot - keys[i].path) == length &&
                          memcmp(keys[i].path, keys[j].path, length) == 0;
        }
        cr_expect(has_parent, "%s", keys[i].path);
    }
}

Test(config_reference, writes_bounds_as_one_would)
{
    char text[BOUND_TEXT_BYTES];
    struct key key = { .type = KEY_DURATION };
    cr_expect_str_eq(key_bound_text(&key, 0, text), "0s");
    cr_expect_str_eq(key_bound_text(&key, 1500, text), "1500ms");
    cr_expect_str_eq(key_bound_text(&key, 7ull * 86400000, text), "7d");
    key.type = KEY_SIZE;
    cr_expect_str_eq(key_bound_text(&key, 65536, text), "64KiB");
    key.type = KEY_INT;
    cr_expect_str_eq(key_bound_text(&key, 65536, text), "65536");
}
