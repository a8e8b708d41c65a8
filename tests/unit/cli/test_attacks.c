#include "attacks.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/probe/harmless.h"

static const struct harmless_attack attack = { "S99",     "a thing", "",       "EPERM policy_violation",
                                               "a layer", "nothing", "job-uid" };

/* A job that ended so, of which the probe said this. */
static enum attack_outcome judge(const char *reason, int exit_code, const char *said, char why[256])
{
    json_t *job = json_pack("{s:{s:s, s:i, s:s}, s:{s:{s:s}}, s:[s]}", "end", "reason", reason, "exit_code", exit_code,
                            "message", "a sentence", "output", "head", "d", said, "degraded", "cgroup-pids");
    why[0] = '\0';
    enum attack_outcome outcome = attack_judge(&attack, job, why);
    json_decref(job);
    return outcome;
}

Test(attacks, are_judged_by_how_the_job_ended_and_by_what_the_probe_says)
{
    static const struct {
        const char *reason;
        int exit_code;
        const char *said;
        enum attack_outcome outcome;
        const char *why;
    } cases[] = {
        { "exited", 0, "S99 thing: worked did it\n", ATTACK_WORKED, "did it" },
        { "exited", 0, "", ATTACK_WORKED, "" },
        { "exited", 10, "S99 thing: blocked EPERM do it\n", ATTACK_REFUSED, "EPERM" },
        { "policy_violation", 0, "", ATTACK_REFUSED, "ended by SIGSYS" },
        { "exited", 77, "S99 thing: cannot x86 only\n", ATTACK_NOT_THERE, "x86 only" },
        /* An answer that says nothing of a refusal, and ends that nobody foresaw. */
        { "exited", 10, "S99 thing: blocked ENOMEM do it\n", ATTACK_NOT_TRIED,
          "ended with 'ENOMEM', which does not say that it was refused" },
        { "exited", 10, "S99 thing: blocked EPER do it\n", ATTACK_NOT_TRIED,
          "ended with 'EPER', which does not say that it was refused" },
        { "exited", 10, "", ATTACK_NOT_TRIED, "ended with '', which does not say that it was refused" },
        { "exited", 99, "S99 thing: broken no file\n", ATTACK_NOT_TRIED, "exit 99: no file" },
        { "exited", 1, "", ATTACK_NOT_TRIED, "exit 1: " },
        { "signaled", 0, "", ATTACK_NOT_TRIED, "signaled: a sentence" },
        { "launch_failed", 0, "", ATTACK_NOT_TRIED, "launch_failed: a sentence" },
    };
    char why[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(judge(cases[i].reason, cases[i].exit_code, cases[i].said, why), cases[i].outcome, "case %zu", i);
        cr_expect_str_eq(why, cases[i].why);
    }
}

Test(attacks, of_which_nothing_is_known_have_not_been_tried)
{
    char why[256];
    json_t *running = json_pack("{s:s, s:n}", "state", "running", "end");
    cr_expect_eq(attack_judge(&attack, running, why), ATTACK_NOT_TRIED);
    cr_expect_str_eq(why, "did not end: ");
    json_t *nothing = json_object();
    cr_expect_eq(attack_judge(&attack, nothing, why), ATTACK_NOT_TRIED);
    json_decref(running);
    json_decref(nothing);
}

Test(attacks, say_when_degrade_gave_up_what_stops_them)
{
    char why[256];
    json_t *job = json_pack("{s:{s:s, s:i}, s:[s, s]}", "end", "reason", "exited", "exit_code", 0, "degraded",
                            "cgroup-pids", "job-uid");
    cr_expect_eq(attack_judge(&attack, job, why), ATTACK_WORKED);
    cr_expect_not_null(strstr(why, "given up by degrade: job-uid"));
    json_decref(job);
}

Test(attacks, that_do_no_harm_are_found_by_their_whole_name)
{
    cr_assert_gt(harmless_attack_count, 50);
    for (size_t i = 0; i < harmless_attack_count; i++)
        cr_expect_eq(harmless_attack_find(harmless_attacks[i].id), &harmless_attacks[i], "%s is there twice",
                     harmless_attacks[i].id);
    cr_expect_null(harmless_attack_find("S3"));
    cr_expect_null(harmless_attack_find(""));
    cr_expect_null(harmless_attack_find("S44"));
}
