#include "output_record.h"

#include <criterion/criterion.h>
#include <string.h>

static enum record_kind read_copy(const char *line, struct output_record *record)
{
    static char copy[512];
    strcpy(copy, line);
    return output_record_read(copy, strlen(copy), record);
}

Test(output_record, gives_the_bytes_as_the_job_wrote_them)
{
    static const struct {
        const char *line, *data;
        size_t size;
        uint64_t offset;
        char stream;
    } rows[] = {
        { "{\"type\":\"output\",\"off\":0,\"t\":\"x\",\"s\":\"out\",\"d\":\"hello\\n\"}", "hello\n", 6, 0, 'o' },
        { "{\"type\":\"output\",\"off\":18446744073,\"t\":\"x\",\"s\":\"err\",\"d\":\"\"}", "", 0, 18446744073, 'e' },
        { " { \"s\" : \"out\" , \"type\" : \"output\" , \"later\":null, \"off\" : 7 , \"d\" : \"a\\\"b\\\\\" } ",
          "a\"b\\", 4, 7, 'o' },
        { "{\"type\":\"output\",\"off\":1,\"s\":\"out\",\"d\":\"\\u00e4\\u20ac\\ud83d\\ude00\\u0000\\/\\b\\f\\r\\t\"}",
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\0/\b\f\r\t", 15, 1, 'o' },
        { "{\"type\":\"output\",\"off\":1,\"s\":\"out\",\"d\":\"\xc3\xa4\"}", "\xc3\xa4", 2, 1, 'o' },
        { "{\"type\":\"output\",\"off\":1,\"s\":\"out\",\"b64\":\"/wCA\"}", "\xff\0\x80", 3, 1, 'o' },
        { "{\"type\":\"output\",\"off\":1,\"s\":\"out\",\"b64\":\"/w==\"}", "\xff", 1, 1, 'o' },
        { "{\"type\":\"output\",\"off\":1,\"s\":\"out\",\"b64\":\"/wA=\"}", "\xff\0", 2, 1, 'o' },
        { "{\"type\":\"output\",\"off\":1,\"s\":\"out\",\"b64\":\"\"}", "", 0, 1, 'o' },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct output_record record;
        cr_assert_eq(read_copy(rows[i].line, &record), RECORD_OUTPUT, "%s", rows[i].line);
        cr_expect_eq(record.size, rows[i].size, "%s: %zu", rows[i].line, record.size);
        cr_expect_arr_eq(record.data, rows[i].data, rows[i].size, "%s", rows[i].line);
        cr_expect_eq(record.offset, rows[i].offset, "%s", rows[i].line);
        cr_expect_eq(record.stream, rows[i].stream, "%s", rows[i].line);
    }
}

Test(output_record, leaves_other_records_as_they_are)
{
    static const char *const rows[] = {
        "{\"type\":\"end\",\"reason\":\"exited\"}",
        "{\"type\":\"job\",\"params\":{\"type\":\"output\"}}",
        "{\"d\":\"output\",\"off\":0}",
        "{}",
        "",
        "output",
        "{\"type\":\"output\"",
        "[1]",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char copy[128];
        struct output_record record;
        strcpy(copy, rows[i]);
        cr_expect_eq(output_record_read(copy, strlen(copy), &record), RECORD_OTHER, "%s", rows[i]);
        cr_expect_str_eq(copy, rows[i]);
    }
}

Test(output_record, an_output_record_that_is_wrong_is_broken_and_not_guessed_at)
{
    static const char *const rows[] = {
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\"}",
        "{\"type\":\"output\",\"s\":\"out\",\"d\":\"a\"}",
        "{\"type\":\"output\",\"off\":-1,\"s\":\"out\",\"d\":\"a\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"outer\",\"d\":\"a\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"d\":5}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"d\":\"\\x\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"d\":\"\\u12\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"d\":\"\\ud800\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"d\":\"\\ud800\\u0041\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"d\":\"\\udc00\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"b64\":\"/wA\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"b64\":\"====\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"b64\":\"/w==/w==\"}",
        "{\"type\":\"output\",\"off\":0,\"s\":\"out\",\"b64\":\"a b=\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct output_record record;
        cr_expect_eq(read_copy(rows[i], &record), RECORD_BROKEN, "%s", rows[i]);
    }
}
