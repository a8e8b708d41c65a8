/* Mistakes in commands: what runs, with which parameters, in which cell, and what follows. */
#include "report.h"

/* A command `x` around what differs. */
#define COMMAND(keys)      "commands:\n  x:\n    exec: [/bin/true]\n" keys
#define PARAM(rules)       "commands: {x: {exec: [/bin/true], params: {p: " rules "}}}\n"
#define EXEC(list, params) "commands: {x: {exec: " list ", params: " params "}}\n"

Test(config, tells_wrong_programs_and_templates)
{
    static const struct mistake mistakes[] = {
        { "commands: {x: {exec: \"echo hi\"}}\n",
          "c.yaml:1:22: commands.x.exec: must be a list, not a text; write exec: [/usr/bin/echo, \"{text}\"], the "
          "program "
          "and one element for each argument; there is no shell to split a text\n" },
        { "commands: {x: {title: t}}\n", "c.yaml:1:12: commands.x: 'exec' is missing; write exec: [/usr/bin/echo, "
                                         "\"{text}\"], the program and one element "
                                         "for each argument; there is no shell to split a text\n" },
        { EXEC("[echo, hi]", "{}"),
          "c.yaml:1:23: commands.x.exec[0]: 'echo' must be the program's absolute path, such as /usr/bin/echo\n" },
        { EXEC("[./bin/echo]", "{}"), "c.yaml:1:23: commands.x.exec[0]: './bin/echo' must be the program's absolute "
                                      "path, such as /usr/bin/echo\n" },
        { EXEC("[/usr/../bin/echo]", "{}"),
          "c.yaml:1:23: commands.x.exec[0]: has a step '.' or '..': write the path in its "
          "shortest form\n" },
        { EXEC("[\"/bin/{p}\"]", "{p: {type: string, required: true}}"),
          "c.yaml:1:23: commands.x.exec[0]: {p} may not stand here: the program is the owner's choice alone\n" },
        { EXEC("[/bin/echo, {msg}]", "{}"),
          "c.yaml:1:34: commands.x.exec[1]: must be text, not a map; quote the braces: \"{msg}\"\n" },
        { EXEC("[/bin/echo, \"{mgs}\"]", "{msg: {type: string, required: true}}"),
          "c.yaml:1:34: commands.x.exec[1]: {mgs} names no parameter; did you mean {msg}?\n" },
        { EXEC("[/bin/echo, \"{who}\"]", "{}"),
          "c.yaml:1:34: commands.x.exec[1]: {who} names no parameter; add 'who' to "
          "'params', or write {{who}} for the text itself\n" },
        { EXEC("[/bin/echo, \"a{\"]", "{}"),
          "c.yaml:1:34: commands.x.exec[1]: a single '{'; write {{ for a plain brace, or "
          "close the placeholder: {name}\n" },
        { EXEC("[/bin/echo, \"a}\"]", "{}"),
          "c.yaml:1:34: commands.x.exec[1]: a single '}'; write }} for a plain brace\n" },
        { EXEC("[/bin/echo, \"{}\"]", "{}"),
          "c.yaml:1:34: commands.x.exec[1]: '{}' is no placeholder; write {name}, or {{ "
          "and }} for plain braces\n" },
        { EXEC("[/bin/echo, \"{p}\"]", "{p: {type: string}}"),
          "c.yaml:1:34: commands.x.exec[1]: {p} may have no value: give the parameter 'required: true' or a "
          "'default'\n" },
        { EXEC("[/bin/echo, \"{p}\"]", "{p: {type: list, of: {type: string}, default: []}}"),
          "c.yaml:1:34: commands.x.exec[1]: 'p' is a list; write \"{p...}\" as an element of its own\n" },
        { EXEC("[/bin/echo, \"a{p...}\"]", "{p: {type: list, of: {type: string}, default: []}}"),
          "c.yaml:1:34: commands.x.exec[1]: {p...} must be the whole element, for it becomes one element for each "
          "item\n" },
        { EXEC("[/bin/echo, \"{p...}\"]", "{p: {type: int, default: 1}}"),
          "c.yaml:1:34: commands.x.exec[1]: 'p' is no list; write {p}\n" },
        { EXEC("[/bin/echo, \"--key={p}\"]", "{p: {type: secret, required: true}}"),
          "c.yaml:1:34: commands.x.exec[1]: {p} is a secret (it becomes the path of a file) and must be the whole "
          "element\n" },
        { EXEC("[/bin/echo, \"{p}\"]", "{p: {type: secret, deliver: env:P}}"),
          "c.yaml:1:34: commands.x.exec[1]: secret 'p' is delivered in variable P and nowhere else; remove {p}, or "
          "'deliver'\n" },
        { COMMAND("    env: {A: \"{p...}\"}\n    params: {p: {type: list, of: {type: string}, default: []}}\n"),
          "c.yaml:4:14: commands.x.env.A: 'p' is a list, and a variable holds one value\n" },
        { COMMAND("    env: {LD_PRELOAD: \"{p}\"}\n    params: {p: {type: string, default: a}}\n"),
          "c.yaml:4:23: commands.x.env.LD_PRELOAD: {p} may not stand here: loaders or interpreters obey this variable, "
          "so a "
          "caller must have no say in it\n" },
        { COMMAND("    env: {SALLYPORT_JOB_ID: a}\n"),
          "c.yaml:4:11: commands.x.env.SALLYPORT_JOB_ID: is set by sallyport itself; choose another name\n" },
        { COMMAND("    env: {A-B: a}\n"),
          "c.yaml:4:11: commands.x.env.A-B: 'A-B' is no name here: letters, digits and '_', "
          "not starting with a digit, at most 63\n" },
        { "commands: {Deploy: {exec: [/bin/true]}}\n",
          "c.yaml:1:12: commands.Deploy: 'Deploy' is no name here: lower-case letters, digits and '-', starting with a "
          "letter, at most 63\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config, tells_of_parameters_inside_code)
{
    static const struct mistake mistakes[] = {
        { EXEC("[/bin/sh, -ec, \"echo {p}\"]", "{p: {type: string, default: a}}"),
          "c.yaml:1:37: commands.x.exec[2]: {p} would become part of the code that this program reads, whatever a "
          "caller "
          "sends; pass it as an argument: [/bin/sh, -c, 'echo \"$1\"', sh, \"{p}\"]\n" },
        { EXEC("[/usr/bin/python3, -c, \"{p}\"]", "{p: {type: string, default: a, min: 1}}"),
          "c.yaml:1:45: commands.x.exec[2]: warning: all of the code comes from the caller, who can run anything\n"
          "c.yaml:1:92: commands.x.params.p.min: means nothing for type string; remove it\n" },
        { EXEC("[/bin/sh, -c, \"sleep {p}\"]", "{p: {type: int, default: 1, pattern: a}}"),
          "c.yaml:1:86: commands.x.params.p.pattern: means nothing for type int; remove it\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config, tells_wrong_parameters)
{
    static const struct mistake mistakes[] = {
        { PARAM("{type: strng}"),
          "c.yaml:1:54: commands.x.params.p.type: must be one of string, int, number, bool, enum, "
          "list, secret, file, not 'strng'; did you mean 'string'?\n" },
        { PARAM("{}"), "c.yaml:1:44: commands.x.params.p: 'type' is missing\n" },
        { PARAM("{type: bool, required: yes}"),
          "c.yaml:1:70: commands.x.params.p.required: must be true or false, spelled so and without quotes\n" },
        { PARAM("{type: string, pattern: \"a(b\"}"),
          "c.yaml:1:71: commands.x.params.p.pattern: at byte 3: missing closing parenthesis\n" },
        { PARAM("{type: int, pattern: \"[0-9]\"}"),
          "c.yaml:1:59: commands.x.params.p.pattern: means nothing for type int; remove it\n" },
        { PARAM("{type: int, min: 5, default: 3}"),
          "c.yaml:1:76: commands.x.params.p.default: breaks the parameter's own rules: it must be at least 5\n" },
        { PARAM("{type: int, min: 5, max: 3}"), "c.yaml:1:64: commands.x.params.p.min: is larger than 'max'\n" },
        { PARAM("{type: int, min: 1.5}"), "c.yaml:1:64: commands.x.params.p.min: '1.5' is no whole number\n" },
        { PARAM("{type: string, example: \"-x\"}"),
          "c.yaml:1:71: commands.x.params.p.example: breaks the parameter's own rules: it must not start with '-'\n" },
        { PARAM("{type: enum}"),
          "c.yaml:1:44: commands.x.params.p: an enum needs one of 'values', such as values: [staging, prod], and "
          "'values_from', a directory\n" },
        { PARAM("{type: enum, values: [a, b, a]}"),
          "c.yaml:1:75: commands.x.params.p.values[2]: 'a' is listed twice\n" },
        { PARAM("{type: enum, values: [a, b], default: c}"),
          "c.yaml:1:85: commands.x.params.p.default: breaks the parameter's own rules: it must be one of a, b\n" },
        { PARAM("{type: list}"),
          "c.yaml:1:44: commands.x.params.p: a list needs 'of', the rules for its items; write of: {type: string}\n" },
        { PARAM("{type: list, of: {type: int}, default: [1, x]}"),
          "c.yaml:1:90: commands.x.params.p.default[1]: breaks the parameter's own rules: it must be a whole "
          "number of 64 bits in plain decimal digits\n" },
        { PARAM("{type: list, of: {type: list}}"),
          "c.yaml:1:71: commands.x.params.p.of.type: must be one of string, int, "
          "number, bool, enum, not 'list'; did you mean 'int'?\n" },
        { PARAM("{type: string, required: true, default: a}"),
          "c.yaml:1:87: commands.x.params.p.default: is never used, for the parameter is required; remove one of the "
          "two\n" },
        { PARAM("{type: secret, default: hunter2}"),
          "c.yaml:1:62: commands.x.params.p.default: means nothing for type secret; remove it\n" },
        { PARAM("{type: secret, from: \"credential:x\"}"),
          "c.yaml:1:62: commands.x.params.p.from: is not in this release; the name is kept for a later one\n" },
        { PARAM("{type: secret, deliver: env:LD_PRELOAD}"),
          "c.yaml:1:71: commands.x.params.p.deliver: a caller must not set LD_PRELOAD, which loaders or interpreters "
          "obey\n" },
        { PARAM("{type: secret, deliver: file}"), "c.yaml:1:71: commands.x.params.p.deliver: must be env:NAME, such as "
                                                  "env:REGISTRY_TOKEN; without 'deliver' the "
                                                  "secret is a file\n" },
        { COMMAND("    params: {a: {type: secret, deliver: env:A}}\n    env: {A: b}\n"),
          "c.yaml:4:41: commands.x.params.a.deliver: variable A is set by another line already\n" },
        { COMMAND("    params: {\"a b\": {type: string}}\n"),
          "c.yaml:4:14: commands.x.params.a b: 'a b' is no name here: letters, digits, '_' and '-', the first a letter "
          "or "
          "'_', at most 63\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config, tells_what_no_job_may_be_or_see)
{
    static const struct mistake mistakes[] = {
        { COMMAND("    user: root\n"),
          "c.yaml:4:11: commands.x.user: no job runs as root ('root' has uid 0); make an account of its own\n" },
        { COMMAND("    user: nobody-at-all\n"), "c.yaml:4:11: commands.x.user: there is no account 'nobody-at-all' on "
                                                "this host (getent passwd lists them)\n" },
        { COMMAND("    sandbox: {write: [/srv/a]}\n"), "c.yaml:4:22: commands.x.sandbox.write: needs 'user': without "
                                                       "one each job has an id that others get later, and "
                                                       "must leave nothing behind\n" },
        { COMMAND("    sandbox: {read: [/proc/1]}\n"),
          "c.yaml:4:22: commands.x.sandbox.read[0]: jobs have a /proc of their own; the host's is never shown\n" },
        { COMMAND("    sandbox: {read: [/run/docker.sock]}\n"),
          "c.yaml:4:22: commands.x.sandbox.read[0]: whoever speaks to the service behind it is as good as root, and "
          "every "
          "wall around the job is no use\n" },
        { COMMAND("    sandbox: {read: [/run/systemd/private]}\n"),
          "c.yaml:4:22: commands.x.sandbox.read[0]: whoever speaks to the service behind it is as good as root, and "
          "every "
          "wall around the job is no use\n" },
        { COMMAND("    sandbox: {read: [/]}\n"),
          "c.yaml:4:22: commands.x.sandbox.read[0]: the whole host is never shown to jobs; list what is needed\n" },
        { COMMAND("    sandbox: {read: [/srv/a/]}\n"), "c.yaml:4:22: commands.x.sandbox.read[0]: has an empty step: "
                                                       "write one '/' between names, and none at the end\n" },
        { COMMAND("    sandbox: {read: [/srv/a, /srv/a]}\n"),
          "c.yaml:4:30: commands.x.sandbox.read[1]: /srv/a is listed already\n" },
        { COMMAND("    sandbox: {read: [srv]}\n"),
          "c.yaml:4:22: commands.x.sandbox.read[0]: must be an absolute path: it starts with '/'\n" },
        { COMMAND("    workdir: /srv/../etc\n"),
          "c.yaml:4:14: commands.x.workdir: has a step '.' or '..': write the path in its shortest form\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config, tells_what_is_not_kept_of_a_job)
{
    static const struct mistake mistakes[] = {
        { COMMAND("    artifacts: [ok, /etc/passwd]\n"),
          "c.yaml:4:21: commands.x.artifacts[1]: a pattern is relative to the job's working directory, so it does not "
          "begin with a slash\n" },
        { COMMAND("    artifacts: [../x]\n"),
          "c.yaml:4:17: commands.x.artifacts[0]: '.' and '..' are no names of files\n" },
        { COMMAND("    artifacts: [\"**/x\"]\n"), "c.yaml:4:17: commands.x.artifacts[0]: '**' is not known here: "
                                                  "write one component for each level\n" },
        { COMMAND("    artifacts: [\"[a\"]\n"), "c.yaml:4:17: commands.x.artifacts[0]: a '[' without ']'\n" },
        { COMMAND("    workdir: /srv\n    artifacts: [x]\n"),
          "c.yaml:5:16: commands.x.artifacts: are taken from the job's own /tmp, and it works in '/srv'; leave "
          "'workdir' out\n" },
        { "commands:\n  a: {exec: [/bin/true]}\n  x:\n    steps: [{command: a}]\n    artifacts: [x]\n",
          "c.yaml:5:16: commands.x.artifacts: means nothing for a sequence: each step's command has its own\n" },
    };
    EXPECT_REPORTS(mistakes);
}

/* A command with steps before two that can be steps. */
#define SEQUENCE(keys)                                                                                                 \
    "commands:\n  s: {params: {t: {type: secret, required: true}}, " keys "}\n"                                        \
    "  a: {exec: [/bin/echo, \"{n}\"], params: {n: {type: int, required: true, max: 4}}}\n"                            \
    "  b: {exec: [/bin/echo, \"{w...}\"], params: {w: {type: list, of: {type: string}, default: []}}}\n"

Test(config, tells_what_is_wrong_with_steps_and_chains)
{
    static const struct mistake mistakes[] = {
        { SEQUENCE("steps: []"), "c.yaml:2:59: commands.s.steps: has 0 items, and must have between 1 and 256\n" },
        { SEQUENCE("steps: [a]"),
          "c.yaml:2:60: commands.s.steps[0]: must be a map of keys, not a text; write steps[0]: {command: NAME}\n" },
        { SEQUENCE("steps: [{command: a}]"),
          "c.yaml:2:60: commands.s.steps[0]: 'a' needs a value for 'n'; add it to 'params'\n" },
        { SEQUENCE("steps: [{command: aa}]"),
          "c.yaml:2:70: commands.s.steps[0].command: there is no command 'aa'; did you mean 'a'?\n" },
        { SEQUENCE("steps: [{command: a, params: {n: 5}}]"),
          "c.yaml:2:85: commands.s.steps[0].params.n: breaks the parameter's own rules: it must be at most 4\n" },
        { SEQUENCE("steps: [{command: a, params: {n: [1]}}]"),
          "c.yaml:2:85: commands.s.steps[0].params.n: must be a single value: 'n' of 'a' is no list\n" },
        { SEQUENCE("steps: [{command: b, params: {w: x}}]"),
          "c.yaml:2:85: commands.s.steps[0].params.w: must be a list, such as [a, \"{b}\"]: 'w' of 'b' is one\n" },
        { SEQUENCE("steps: [{command: b, params: {w: [\"{t}\"]}}]"),
          "c.yaml:2:86: commands.s.steps[0].params.w[0]: {t} may not stand here: a secret is not kept, so it cannot be "
          "passed on\n" },
        { SEQUENCE("steps: [{command: b, params: {w: [\"{job.id}\"]}}]"),
          "c.yaml:2:86: commands.s.steps[0].params.w[0]: {job.id} may stand only in 'then', 'on_failure' and "
          "'always'\n" },
        { SEQUENCE("steps: [{command: b}], exec: [/bin/true]"),
          "c.yaml:2:59: commands.s.steps: stands beside 'exec'; a command has a program or steps, not both\n" },
        { SEQUENCE("steps: [{command: b}], user: nobody"),
          "c.yaml:2:81: commands.s.user: means nothing for a sequence: each step's command has its own\n" },
        { "commands: {s: {params: {p: {type: string, required: true}}, exec: [/bin/true], record: metadata-only,\n"
          "  then: [{command: s, params: {w: [\"{p}\"]}}]}}\n",
          "c.yaml:2:10: commands.s.then[0]: 's' needs a value for 'p'; add it to 'params'\n"
          "c.yaml:2:32: commands.s.then[0].params.w: 's' has no such parameter\n"
          "c.yaml:2:36: commands.s.then[0].params.w[0]: {p} may not stand here: with 'record: metadata-only' a job's "
          "values are not kept, so they cannot be passed on\n" },
        { "commands:\n  a: {exec: [/bin/true], then: [{command: b}]}\n  b: {steps: [{command: c}]}\n"
          "  c: {exec: [/bin/true], always: [{command: a}]}\n",
          "c.yaml: commands: commands run in a circle: a, then b, then c, then a again\n" },
        { "commands: {a: {exec: [/bin/true], on_failure: [{command: a}]}}\n",
          "c.yaml: commands: commands run in a circle: a, then a again\n" },
        { "commands: {sequence: {exec: [/bin/true]}}\n",
          "c.yaml:1:12: commands.sequence: 'sequence' is the name of sequences that callers put together; choose "
          "another\n" },
    };
    EXPECT_REPORTS(mistakes);
}
