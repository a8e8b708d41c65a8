/* Parameters of type file: what they become, and where they may not be. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"

#define FILE_COMMAND(keys)                                                                                             \
    "commands: {x: {exec: [/bin/cat, \"{f}\"], params: {f: {type: file, required: true}}" keys "}}\n"

static int parse(const char *text, char *said, size_t room, struct config **ret_config)
{
    FILE *report = fmemopen(said, room, "w");
    struct error err = { 0 };
    said[0] = '\0';
    int done = config_parse("c.yaml", (const uint8_t *)text, strlen(text), report, ret_config, &err);
    fclose(report);
    return done;
}

static void expect_report(const char *text, const char *wanted)
{
    char said[8192];
    struct config *config = NULL;
    cr_expect_eq(parse(text, said, sizeof said, &config), -EINVAL, "took: %s", text);
    cr_expect_str_eq(said, wanted, "for:\n%s\nsaid:\n%s\nnot:\n%s", text, said, wanted);
    config_free(config);
}

static struct config *take(const char *text)
{
    char said[8192];
    struct config *config = NULL;
    cr_assert_eq(parse(text, said, sizeof said, &config), 0, "%s\n%s", text, said);
    cr_expect_str_eq(said, "", "%s", said);
    return config;
}

Test(config_uploads, have_a_size_of_their_own_below_that_of_the_command)
{
    struct config *config = take("commands:\n"
                                 "  x:\n"
                                 "    exec: [/bin/cat, \"{f}\", \"--with={g}\"]\n"
                                 "    params:\n"
                                 "      f: {type: file, required: true, help: Source}\n"
                                 "      g: {type: file, max: 64MiB, required: true}\n"
                                 "      h: {type: file, max: 1B}\n"
                                 "  y:\n"
                                 "    exec: [/bin/cat, /run/files/f]\n"
                                 "    files_max: 1KiB\n"
                                 "    params: {f: {type: file}}\n");
    const struct command *x = &config->policy->commands[0], *y = &config->policy->commands[1];
    cr_expect_eq(x->files_max_bytes, UPLOADS_MAX_BYTES);
    cr_expect_eq(x->params[0].rule.type, PARAM_FILE);
    cr_expect_eq(x->params[0].rule.file_max_bytes, UPLOAD_MAX_DEFAULT_BYTES);
    cr_expect(x->params[0].is_required);
    cr_expect_eq(x->params[1].rule.file_max_bytes, 64 * 1024 * 1024);
    cr_expect_eq(x->params[2].rule.file_max_bytes, 1);
    cr_expect_eq(y->files_max_bytes, 1024);
    cr_expect_eq(y->params[0].rule.file_max_bytes, 1024, "never more than all together");
    config_free(config);
}

Test(config_uploads, are_bytes_in_the_schema_of_the_api)
{
    struct config *config = take(FILE_COMMAND(""));
    json_t *said = json_loads(config->public_commands[0], 0, NULL);
    json_t *schema = json_object_get(json_object_get(json_object_get(said, "params_schema"), "properties"), "f");
    json_t *wanted = json_pack("{s:s, s:s, s:i}", "type", "string", "contentMediaType", "application/octet-stream",
                               "maxLength", UPLOAD_MAX_DEFAULT_BYTES);
    cr_expect(json_equal(schema, wanted), "%s", config->public_commands[0]);
    cr_expect_eq(json_integer_value(json_object_get(said, "files_max")), UPLOADS_MAX_BYTES);
    json_decref(wanted);
    json_decref(said);
    config_free(config);
}

Test(config_uploads, are_refused_with_a_size_that_is_none)
{
    static const char *const sizes[][2] = {
        { "16", "16" }, { "0B", "0B" }, { "-1", "-1" }, { "lots", "lots" }, { "65MiB", "65MiB" }
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char text[256], wanted[256];
        snprintf(text, sizeof text, "commands: {x: {exec: [/bin/true], params: {f: {type: file, max: %s}}}}\n",
                 sizes[i][0]);
        snprintf(wanted, sizeof wanted,
                 "c.yaml:1:65: commands.x.params.f.max: '%s' is no size of a file: 1B to 64MiB\n", sizes[i][1]);
        expect_report(text, wanted);
    }
    expect_report("commands: {x: {exec: [/bin/true], files_max: 1KiB, params: {f: {type: file, max: 2KiB}}}}\n",
                  "c.yaml:1:82: commands.x.params.f.max: is larger than the command's 'files_max', which is 1024 "
                  "bytes\n");
    expect_report("commands: {x: {exec: [/bin/true], files_max: 65MiB}}\n",
                  "c.yaml:1:46: commands.x.files_max: must be between 1B and 64MiB\n");
}

Test(config_uploads, have_no_rules_of_texts_and_no_value_that_is_written_down)
{
    static const char *const keys[] = { "pattern: a",     "partial: true", "allow_dash: true", "min: 1",
                                        "min_length: 1",  "max_length: 1", "values: [a]",      "default: a",
                                        "example: a",     "min_items: 1",  "max_items: 1",     "deliver: \"env:A\"",
                                        "of: {type: int}" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char text[256], wanted[256];
        int name = (int)strcspn(keys[i], ":");
        snprintf(text, sizeof text, "commands: {x: {exec: [/bin/true], params: {f: {type: file, %s}}}}\n", keys[i]);
        snprintf(wanted, sizeof wanted,
                 "c.yaml:1:60: commands.x.params.f.%.*s: means nothing for type file; remove it\n", name, keys[i]);
        expect_report(text, wanted);
    }
    expect_report("commands: {x: {exec: [/bin/true], params: {p: {type: list, of: {type: file}}}}}\n",
                  "c.yaml:1:71: commands.x.params.p.of.type: must be one of string, int, number, bool, enum, not "
                  "'file'\n");
}

Test(config_uploads, stand_in_arguments_alone)
{
    expect_report(FILE_COMMAND(", env: {A: \"{f}\"}"),
                  "c.yaml:1:93: commands.x.env.A: {f} may not stand here: a file's path is an argument of the program "
                  "and nothing else\n");
    expect_report(FILE_COMMAND(", concurrency: {limit: 1, key: \"{f}\"}"),
                  "c.yaml:1:113: commands.x.concurrency.key: {f} may not stand here: a file has the same path in every "
                  "job\n");
    expect_report(FILE_COMMAND(", dedupe: {window: 1s, key: \"{f}\"}"),
                  "c.yaml:1:110: commands.x.dedupe.key: {f} may not stand here: a file has the same path in every "
                  "job\n");
    expect_report("commands: {x: {exec: [/bin/cat, \"{f}\"], params: {f: {type: file}}}}\n",
                  "c.yaml:1:33: commands.x.exec[1]: {f} may have no value: give the parameter 'required: true'\n");
    expect_report("commands: {x: {exec: [/bin/cat, \"{f...}\"], params: {f: {type: file, required: true}}}}\n",
                  "c.yaml:1:33: commands.x.exec[1]: 'f' is no list; write {f}\n");
    expect_report("commands: {x: {exec: [\"/bin/{f}\"], params: {f: {type: file, required: true}}}}\n",
                  "c.yaml:1:23: commands.x.exec[0]: {f} may not stand here: the program is the owner's choice alone\n");
}

Test(config_uploads, do_not_take_the_names_of_other_parts)
{
    expect_report("commands: {x: {exec: [/bin/true], params: {job: {type: file}}}}\n",
                  "c.yaml:1:44: commands.x.params.job: is a file, and the part 'job' of a request is something else; "
                  "choose another name\n");
    expect_report("commands: {x: {exec: [/bin/true], params: {stdin: {type: file}}}}\n",
                  "c.yaml:1:44: commands.x.params.stdin: is a file, and the part 'stdin' of a request is something "
                  "else; choose another name\n");
}

Test(config_uploads, come_with_requests_alone)
{
    static const char target[] = "  x: {exec: [/bin/cat, \"{f}\"], params: {f: {type: file, required: true}}}\n";
    static const char optional[] = "  x: {exec: [/bin/cat], params: {f: {type: file}}}\n";
    char text[1024];
    snprintf(text, sizeof text, "schedules: {s: {command: x, every: 1h}}\ncommands:\n%s", target);
    expect_report(text, "c.yaml:1:13: schedules.s.params.f: is a file that the command requires, and only a request "
                        "can send one\n");
    snprintf(text, sizeof text, "schedules: {s: {command: x, every: 1h, params: {f: a}}}\ncommands:\n%s", optional);
    expect_report(text, "c.yaml:1:52: schedules.s.params.f: is a file, which only a request can send\n");
    snprintf(text, sizeof text, "commands:\n%s  y: {steps: [{command: x}]}\n", target);
    expect_report(text, "c.yaml:3:25: commands.y.steps[0].command: 'x' needs the file 'f', which only a request can "
                        "send\n");
    snprintf(text, sizeof text, "commands:\n%s  y: {exec: [/bin/true], then: [{command: x, params: {f: a}}]}\n",
             optional);
    expect_report(text, "c.yaml:3:55: commands.y.then[0].params.f: is a file of 'x', which only a request can send\n");
    expect_report(
        "commands:\n  x: {exec: [/bin/echo, \"{p}\"], params: {p: {type: string, required: true}}}\n"
        "  y: {exec: [/bin/cat, \"{f}\"], params: {f: {type: file, required: true}},\n"
        "      always: [{command: x, params: {p: \"{f}\"}}]}\n",
        "c.yaml:4:41: commands.y.always[0].params.p: {f} may not stand here: a file is its job's alone, so it "
        "cannot be passed on\n");
    expect_report("commands:\n  x: {exec: [/bin/true]}\n"
                  "  y: {steps: [{command: x}], params: {f: {type: file}}}\n",
                  "c.yaml:3:39: commands.y.params.f: is a file, and a sequence has no program that could read it\n");
    expect_report("commands:\n  x: {exec: [/bin/true]}\n  y: {steps: [{command: x}], files_max: 1MiB}\n",
                  "c.yaml:3:41: commands.y.files_max: means nothing for a sequence: each step's command has its own\n");
}

Test(config_uploads, keep_their_directory_to_themselves)
{
    expect_report(
        "commands: {x: {exec: [/bin/true], sandbox: {read: [/run/files]}}}\n",
        "c.yaml:1:52: commands.x.sandbox.read[0]: uploads are delivered in /run/files, which would hide it\n");
}
