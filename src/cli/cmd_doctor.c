/* sallyport doctor: can this host run jobs, and what must the configuration say about it? */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "doctor.h"
#include "options.h"
#include "render.h"
#include "sallyport/config/config.h"
#include "say.h"
#include "terminal.h"

struct doctor_options {
    bool prints_degrade;
    const char *config, *state;
};

static const struct option_row rows[] = {
    { '\0', OPTION_FLAG, "degrade", offsetof(struct doctor_options, prints_degrade), NULL,
      "print only what degrade: must name here, with commas", NULL },
    { 'c', OPTION_TEXT, "config", offsetof(struct doctor_options, config), "FILE",
      "the configuration (default " CONFIG_DEFAULT ")", NULL },
    { '\0', OPTION_TEXT, "state", offsetof(struct doctor_options, state), "DIR",
      "a state directory, whose database is checked", NULL },
};

static const char *const verdicts[] = { [DOCTOR_PASS] = "pass", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail" };

static void print_findings(const struct findings *findings)
{
    static const char *const colours[] = {
        [DOCTOR_PASS] = "\033[32m", [DOCTOR_WARN] = "\033[33m", [DOCTOR_FAIL] = "\033[31m"
    };
    bool has_colour = terminal_has_colour(STDOUT_FILENO);
    for (uint32_t i = 0; i < findings->count; i++) {
        struct finding finding = findings->items[i];
        printf("%s%s%s  %-15s  %s\n", has_colour ? colours[finding.verdict] : "", verdicts[finding.verdict],
               has_colour ? "\033[0m" : "", finding.subject, say_clean(finding.text));
        if (finding.fix[0] != '\0')
            printf("%23sfix: %s\n", "", say_clean(finding.fix));
    }
}

static json_t *findings_json(const struct findings *findings, const char *degrade)
{
    json_t *items = json_array();
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s}", "verdict", verdicts[finding->verdict], "subject",
                                               finding->subject, "text", finding->text, "fix", finding->fix));
    }
    return json_pack("{s:o, s:s}", "findings", items, "degrade", degrade);
}

static int doctor(struct cli *cli, void *values, const struct words *words)
{
    const struct doctor_options *options = values;
    struct host_facts facts;
    struct findings findings = { .count = 0 };
    char degrade[128];
    enum verdict worst = DOCTOR_PASS;
    (void)words;
    host_probe(&facts);
    if (options->prints_degrade) {
        printf("%s\n", doctor_degrade_text(doctor_degrade(&facts), ",", degrade));
        return 0;
    }
    doctor_check_host(&facts, &findings);
    doctor_check_service(&facts, options->config == NULL ? CONFIG_DEFAULT : options->config, &findings);
    if (options->state != NULL)
        doctor_check_state(options->state, &findings);
    doctor_degrade_text(doctor_degrade(&facts), ", ", degrade);
    for (uint32_t i = 0; i < findings.count; i++)
        if (findings.items[i].verdict > worst)
            worst = findings.items[i].verdict;

    json_t *all = findings_json(&findings, degrade);
    if (!render_raw(cli, all)) {
        print_findings(&findings);
        if (degrade[0] == '\0')
            printf("\nWhat this host needs under defaults: in the configuration: nothing\n");
        else
            printf("\nWhat this host needs under defaults: in the configuration:\n  degrade: [%s]\n", degrade);
    }
    json_decref(all);
    return worst == DOCTOR_FAIL ? 1 : 0;
}

const struct subcommand cmd_doctor = {
    .name = "doctor",
    .summary = "can this host run jobs? what is missing, and the fix",
    .usage = "[OPTION]...",
    .details = "Tries what can be tried in children that end at once, as the user who asks: run\n"
               "it as the user who will start sallyportd. Nothing is changed. The exit code is 1\n"
               "if anything fails; what only warns is weaker than it could be.\n"
               "\n"
               "With --state the database there is read as a whole, also while the service runs.\n"
               "\n"
               "A limit that this host cannot give is refused unless degrade: names it. The last\n"
               "line says exactly what to write; it is never written for you.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct doctor_options),
    .run = doctor,
};
