#include "render.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ansi.h"
#include "say.h"
#include "table.h"
#include "yaml.h"

Test(table, gives_way_where_it_may_when_the_terminal_is_narrow)
{
    struct table table = { .column_count = 2, .headers = { "ID", "TITLE" }, .may_shrink = { false, true } };
    char *text = NULL;
    size_t size;
    table_add(&table, "01jd8k3v9x");
    table_add(&table, "a title that is much tóo long");
    FILE *to = open_memstream(&text, &size);
    table_print(&table, to, 30, false);
    fclose(to);
    cr_expect_str_eq(text, "ID          TITLE\n01jd8k3v9x  a title that is m…\n");
    free(text);
    to = open_memstream(&text, &size);
    table_print(&table, to, 0, false);
    fclose(to);
    cr_expect_str_eq(text, "ID          TITLE\n01jd8k3v9x  a title that is much tóo long\n");
    free(text);
    table_done(&table);
}

Test(say, text_of_others_cannot_move_the_cursor)
{
    char text[] = "a\033[2Jb\nc\r\xc2\x9b"
                  "d\x7f \xc3\xa4";
    cr_expect_str_eq(say_clean(text), "a?[2Jb?c???d? \xc3\xa4");
}

Test(ansi, sequences_go_wherever_they_are_cut)
{
    static const char bytes[] = "a\033[1;31mred\033[0m\033]8;;http://x\033\\link\033]0;t\007\033(B.\033M!";
    for (size_t piece = 1; piece < sizeof bytes; piece++) {
        struct ansi ansi = { 0 };
        char out[128];
        size_t used = 0;
        for (size_t at = 0; at < sizeof bytes - 1; at += piece)
            used += ansi_strip(&ansi, bytes + at, at + piece > sizeof bytes - 1 ? sizeof bytes - 1 - at : piece,
                               out + used);
        out[used] = '\0';
        cr_expect_str_eq(out, "aredlink.!", "pieces of %zu", piece);
    }
}

Test(yaml, quotes_what_could_be_read_as_something_else)
{
    char *text = NULL;
    size_t size;
    json_t *value = json_loads("{\"a\":\"no\",\"b\":\"1.20\",\"c\":\"plain-text\",\"d\":[1,true,null,\"x: "
                               "y\"],\"e\":{},\"f\":[],\"g\":{\"h\":[{\"i\":1,\"j\":2}]}}",
                               0, NULL);
    FILE *to = open_memstream(&text, &size);
    yaml_print(to, value);
    fclose(to);
    cr_expect_str_eq(text, "a: \"no\"\nb: \"1.20\"\nc: plain-text\nd:\n  - 1\n  - true\n  - null\n  - \"x: y\"\ne: "
                           "{}\nf: []\ng:\n  h:\n    - i: 1\n      j: 2\n");
    free(text);
    json_decref(value);
}

Test(render, values_read_as_people_write_them)
{
    static const struct {
        const char *json, *path, *text;
        enum column_kind kind;
    } rows[] = {
        { "{\"actor\":{\"id\":\"ci\"}}", "actor.id", "ci", COLUMN_TEXT },
        { "{\"n\":48234496}", "n", "46.0 MiB", COLUMN_BYTES },
        { "{\"n\":12}", "n", "12 B", COLUMN_BYTES },
        { "{\"n\":900}", "n", "15m00s", COLUMN_SECONDS },
        { "{\"p\":{\"env\":\"a\",\"key\":{\"secret\":true},\"l\":[\"x\",\"y\"]}}", "p", "env=a, key=***, l=x, y",
          COLUMN_PAIRS },
        { "{\"t\":\"2026-03-01T10:00:00Z\"}", "t", "2026-03-01T10:00:00Z", COLUMN_TIME },
        { "{\"x\":null}", "x", "", COLUMN_TEXT },
        { "{}", "x.y.z", "", COLUMN_TEXT },
        { "{\"started_at\":\"2026-03-01T10:00:00Z\",\"finished_at\":\"2026-03-01T10:03:10Z\"}", "", "3m10s",
          COLUMN_TOOK },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *object = json_loads(rows[i].json, 0, NULL);
        struct column column = { .path = rows[i].path, .kind = rows[i].kind };
        char text[128];
        render_value(object, &column, false, text, sizeof text);
        cr_expect_str_eq(text, rows[i].text);
        json_decref(object);
    }
}
