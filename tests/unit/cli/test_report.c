#include "report.h"

#include <criterion/criterion.h>

static struct report read_text(const char *text)
{
    struct report report;
    json_t *job = json_loads(text, 0, NULL);
    cr_assert(report_read(job, &report), "%s", text);
    json_decref(job);
    return report;
}

Test(report, exit_codes_follow_the_table_of_the_documentation)
{
    static const struct {
        const char *job;
        int code;
    } rows[] = {
        { "{\"id\":\"a\",\"state\":\"succeeded\",\"end\":{\"reason\":\"exited\",\"exit_code\":0}}", 0 },
        { "{\"id\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"exited\",\"exit_code\":3}}", 3 },
        { "{\"id\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"signalled\",\"signal\":11}}", 139 },
        { "{\"id\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"signalled\",\"signal\":\"SIGSEGV\"}}", 139 },
        { "{\"id\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"oom\",\"signal\":9}}", 137 },
        { "{\"id\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"oom\",\"signal\":null}}", 137 },
        { "{\"id\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"output_limit\",\"signal\":15}}", 143 },
        { "{\"id\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"policy_violation\",\"signal\":31}}", 159 },
        { "{\"id\":\"a\",\"state\":\"timed_out\",\"end\":{\"reason\":\"timed_out\",\"signal\":9}}", 124 },
        { "{\"id\":\"a\",\"state\":\"timed_out\",\"end\":{\"reason\":\"cpu_limit\",\"signal\":24}}", 124 },
        { "{\"id\":\"a\",\"state\":\"cancelled\",\"end\":{\"reason\":\"cancelled\",\"signal\":15}}", 130 },
        { "{\"id\":\"a\",\"state\":\"launch_failed\",\"end\":{\"reason\":\"launch_failed\"}}", 126 },
        { "{\"id\":\"a\",\"state\":\"lost\",\"end\":{\"reason\":\"lost\"}}", 125 },
        { "{\"id\":\"a\",\"state\":\"rejected\",\"end\":{\"reason\":\"rejected\"}}", 125 },
        { "{\"id\":\"a\",\"state\":\"running\",\"reason\":\"exited\",\"end\":null}", 125 },
        { "{\"type\":\"end\",\"id\":\"a\",\"state\":\"failed\",\"reason\":\"exited\",\"exit_code\":7}", 7 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct report report = read_text(rows[i].job);
        cr_expect_eq(report_code(&report, false), rows[i].code, "%s", rows[i].job);
        if (report_has_ended(&report))
            cr_expect_eq(report_code(&report, true), rows[i].code == 0 ? 0 : 1, "%s", rows[i].job);
    }
}

Test(report, one_sentence_names_what_happened_how_long_it_took_and_which_job)
{
    char text[1024];
    struct report report = read_text(
        "{\"id\":\"01jd\",\"command\":\"deploy-web\",\"state\":\"failed\",\"started_at\":\"2026-03-01T10:00:00.120Z\","
        "\"finished_at\":\"2026-03-01T10:00:42.120Z\",\"end\":{\"reason\":\"exited\",\"exit_code\":3}}");
    cr_expect_str_eq(report_sentence(&report, text), "deploy-web failed: exit 3 after 42s (job 01jd)");
    report = read_text("{\"id\":\"01jd\",\"command\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"exited\","
                       "\"exit_code\":3,\"message\":\"exited with status 3\"}}");
    cr_expect_str_eq(report_sentence(&report, text), "a failed: exit 3 (job 01jd)");
    report = read_text("{\"id\":\"01jd\",\"command\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"exited\","
                       "\"exit_code\":3,\"message\":\"step 2 of 4 (b): exited with status 3\"}}");
    cr_expect_str_eq(report_sentence(&report, text), "a failed: step 2 of 4 (b): exited with status 3 (job 01jd)");
    report = read_text(
        "{\"id\":\"01jd\",\"command\":\"a\",\"state\":\"launch_failed\",\"end\":{\"reason\":\"launch_failed\","
        "\"message\":\"no cgroup; see doctor\"}}");
    cr_expect_str_eq(report_sentence(&report, text), "a could not be launched: no cgroup; see doctor (job 01jd)");
    report = read_text(
        "{\"id\":\"01jd\",\"command\":\"a\",\"state\":\"failed\",\"end\":{\"reason\":\"signalled\",\"signal\":15}}");
    cr_expect_str_eq(report_sentence(&report, text), "a failed: ended by signal TERM (job 01jd)");
    report =
        read_text("{\"id\":\"01jd\",\"command\":\"a\",\"state\":\"timed_out\",\"started_at\":\"2026-03-01T10:00:00Z\","
                  "\"finished_at\":\"2026-03-01T10:00:42Z\",\"end\":{\"reason\":\"timed_out\",\"message\":\"ran longer "
                  "than 40 s\"}}");
    cr_expect_str_eq(report_sentence(&report, text), "a timed out after 42s: ran longer than 40 s (job 01jd)");
    report = read_text("{\"id\":\"01jd\",\"command\":\"a\",\"state\":\"cancelled\",\"end\":{\"reason\":\"cancelled\","
                       "\"message\":\"cancelled\",\"stopped_by\":\"alice\"}}");
    cr_expect_str_eq(report_sentence(&report, text), "a was cancelled: by alice (job 01jd)");
}

Test(report, what_is_no_job_is_refused)
{
    static const char *const rows[] = { "{}", "{\"id\":\"a\"}", "{\"id\":\"a\",\"state\":\"flying\"}",
                                        "{\"state\":\"running\"}", "[]" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct report report;
        json_t *job = json_loads(rows[i], 0, NULL);
        cr_expect_not(report_read(job, &report), "%s", rows[i]);
        json_decref(job);
    }
}

Test(report, signals_have_several_spellings)
{
    cr_expect_eq(signal_number("TERM"), 15);
    cr_expect_eq(signal_number("SIGTERM"), 15);
    cr_expect_eq(signal_number("sigterm"), 15);
    cr_expect_eq(signal_number("15"), 15);
    cr_expect_eq(signal_number("TERMINATE"), 0);
    cr_expect_eq(signal_number(""), 0);
    cr_expect_eq(signal_number("0"), 0);
}
