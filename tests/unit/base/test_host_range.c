#include "sallyport/base/host_range.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/base/error.h"

static const char subuid[] = "# a comment\n"
                             "alice:100000:65536\n"
                             "bob:165536:1\n"
                             "nonsense\n"
                             "carol:300000:0\n"
                             "dave:4294967290:10";

Test(host_range, is_free_where_no_subordinate_range_meets_it)
{
    struct error err;
    cr_expect_eq(host_range_check_text(subuid, 65536, 34464, &err), 0); /* up to 99999 */
    cr_expect_eq(host_range_check_text(subuid, 165537, 1000, &err), 0);
    cr_expect_eq(host_range_check_text(subuid, 300000, 10, &err), 0);
    cr_expect_eq(host_range_check_text("", 65536, 1000, &err), 0);
}

Test(host_range, is_taken_where_one_does)
{
    static const struct {
        uint32_t first, count;
        const char *whose;
    } ranges[] = { { 65536, 34465, "'alice'" },  { 165535, 1, "'alice'" },     { 165536, 1, "'bob'" },
                   { 90000, 200000, "'alice'" }, { 4294967290u, 5, "'dave'" }, { 4294967289u, 5, "'dave'" } };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct error err = { .code = 0 };
        cr_expect_lt(host_range_check_text(subuid, ranges[i].first, ranges[i].count, &err), 0, "range %zu", i);
        cr_expect_not_null(strstr(err.text, ranges[i].whose), "range %zu: %s", i, err.text);
    }
}

Test(host_range, of_an_account_is_taken)
{
    struct error err = { .code = 0 };
    cr_expect_lt(host_range_check(0, 1, &err), 0);
    cr_expect_not_null(strstr(err.text, "id 0 belongs to the account 'root'"));
    cr_expect_eq(host_range_check(0xFFFFFF00u, 16, &err), 0);
}
