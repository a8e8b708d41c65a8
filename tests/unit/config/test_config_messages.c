/* What people read when a configuration is wrong: the whole report, for the mistakes that they make. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"

struct mistake {
    const char *text, *report;
};

/* A command `x` around what differs. */
#define COMMAND(keys)      "commands:\n  x:\n    exec: [/bin/true]\n" keys
#define PARAM(rules)       "commands: {x: {exec: [/bin/true], params: {p: " rules "}}}\n"
#define EXEC(list, params) "commands: {x: {exec: " list ", params: " params "}}\n"
#define DIGITS             "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void expect_report(const struct mistake *mistake)
{
    char said[8192] = "";
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    int done = config_parse("c.yaml", (const uint8_t *)mistake->text, strlen(mistake->text), report, &config, &err);
    fclose(report);
    cr_expect_eq(done, -EINVAL, "took: %s", mistake->text);
    cr_expect_str_eq(said, mistake->report, "for:\n%s\nsaid:\n%s\nnot:\n%s", mistake->text, said, mistake->report);
    config_free(config);
}

#define EXPECT_REPORTS(mistakes)                                                                                       \
    for (size_t i = 0; i < sizeof(mistakes) / sizeof((mistakes)[0]); i++)                                              \
    expect_report(&(mistakes)[i])

Test(config, tells_what_is_no_yaml_of_ours)
{
    static const struct mistake mistakes[] = {
        { "", "c.yaml:1:1: the file is empty; docs/configuration.md lists what it may say\n" },
        { "# nothing\n", "c.yaml:1:1: the file is empty; docs/configuration.md lists what it may say\n" },
        { "---\n", "c.yaml:1:1: the file is empty; docs/configuration.md lists what it may say\n" },
        { "- a\n", "c.yaml:1:1: the file must be a map of keys, such as 'commands:'\n" },
        { "hello\n", "c.yaml:1:1: the file must be a map of keys, such as 'commands:'\n" },
        { "slots:\n\tcount: 5\n", "c.yaml:2:1: a tab; write blanks instead (inside double quotes: \\t)\n" },
        { "slots: {count: &a 5}\n",
          "c.yaml:1:16: slots: anchors are not taken; write the value out where it is needed\n" },
        { "slots: *a\n",
          "c.yaml:1:8: aliases are not taken; write the value out (text that starts with '*' needs quotes)\n" },
        { "slots: !!map {count: 5}\n",
          "c.yaml:1:8: tags are not taken; write the value without 'tag:yaml.org,2002:map'\n" },
        { "slots: {count: 5}\n---\nslots: {}\n", "c.yaml:2:1: a second document; one file holds one configuration\n" },
        { "%YAML 1.1\n---\nslots: {}\n",
          "c.yaml:1:1: directives are not taken; remove the lines that start with '%'\n" },
        { "slots:\n  <<: {count: 5}\n",
          "c.yaml:2:3: slots.<<: merge keys are not taken; write the keys out\n"
          "c.yaml:2:3: slots.<<: is no key here; docs/configuration.md lists all keys\n" },
        { "slots:\n  count: 5\n  count: 6\n",
          "c.yaml:3:3: slots.count: is written twice in the same map, first in line 2\n" },
        { "commands:\n  x: {exec: [/bin/true]}\n  x: {exec: [/bin/true]}\n",
          "c.yaml:3:3: commands.x: is written twice in the same map, first in line 2\n" },
        { "[a]: b\n", "c.yaml:1:1: a key must be text; quote what starts with '[' or '{'\n" },
        { "store: {sync: \"fu\\0ll\"}\n", "c.yaml:1:15: store: a NUL character; no value may hold one\n" },
        { "store: {sync: \xff}\n", "c.yaml:1:15: this is not UTF-8: save the file in that encoding\n" },
        { "\xef\xbb\xbfslots: {}\n", "c.yaml:1:1: a byte order mark; save the file as UTF-8 without one\n" },
        { "slots: {count: 5\nstore: {}\n", "c.yaml:2:6: YAML: did not find expected ',' or '}', while parsing a flow "
                                           "mapping that starts in line 1 (does a "
                                           "text with one of : # [ ] { } , & * ! | > ' \" % @ ` need quotes?)\n" },
        { "slots:\n  count: 5\n per_user: 4\n", "c.yaml:3:2: YAML: did not find expected key, while parsing a block "
                                                "mapping that starts in line 1 (does a text "
                                                "with one of : # [ ] { } , & * ! | > ' \" % @ ` need quotes?)\n" },
        { "a: b: c\n", "c.yaml:1:5: YAML: mapping values are not allowed in this context\n" },
        { "store: @x\n", "c.yaml:1:8: YAML: found character that cannot start any token, while scanning for the next "
                         "token that starts in "
                         "line 1 (does a text with one of : # [ ] { } , & * ! | > ' \" % @ ` need quotes?)\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config, tells_wrong_keys_shapes_and_units)
{
    static const struct mistake mistakes[] = {
        { "comands: {}\n", "c.yaml:1:1: comands: is no key here; did you mean 'commands'?\n" },
        { "colours: {}\n", "c.yaml:1:1: colours: is no key here; docs/configuration.md lists all keys\n" },
        { COMMAND("    timeuot: 5s\n"), "c.yaml:4:5: commands.x.timeuot: is no key here; did you mean 'timeout'?\n" },
        { COMMAND("    timeout: 30\n"),
          "c.yaml:4:14: commands.x.timeout: 30 has no unit; write 30s for seconds (or ms, m, h, d)\n" },
        { COMMAND("    timeout: 30sec\n"),
          "c.yaml:4:14: commands.x.timeout: '30sec' is no duration; write a whole number "
          "and ms, s, m, h or d, such as 90s\n" },
        { COMMAND("    timeout: 8d\n"), "c.yaml:4:14: commands.x.timeout: must be between 100ms and 7d\n" },
        { COMMAND("    timeout:\n"), "c.yaml:4:13: commands.x.timeout: has no value; write one, or remove the line (an "
                                     "empty text is written \"\")\n" },
        { COMMAND("    timeout: [5s]\n"), "c.yaml:4:14: commands.x.timeout: must be a single value, not a list\n" },
        { COMMAND("    sandbox: {memory: 512}\n"),
          "c.yaml:4:23: commands.x.sandbox.memory: 512 has no unit; write 512MiB (or B, KiB, GiB, TiB)\n" },
        { COMMAND("    sandbox: {memory: 512MB}\n"),
          "c.yaml:4:23: commands.x.sandbox.memory: '512MB' is no size; did you mean 512MiB?\n" },
        { COMMAND("    sandbox: {memory: lots}\n"),
          "c.yaml:4:23: commands.x.sandbox.memory: 'lots' is no size; write a "
          "whole number and B, KiB, MiB, GiB or TiB, such as 64MiB\n" },
        { COMMAND("    sandbox: {profile: bse}\n"),
          "c.yaml:4:24: commands.x.sandbox.profile: must be one of strict, base, "
          "net, build, not 'bse'; did you mean 'base'?\n" },
        { COMMAND("    sandbox: base\n"), "c.yaml:4:14: commands.x.sandbox: must be a map of keys, not a text; write "
                                          "sandbox: {profile: base, network: none}\n" },
        { COMMAND("    sandbox: {pids: \"5\"}\n"),
          "c.yaml:4:21: commands.x.sandbox.pids: must be a whole number between 1 and 32768, without quotes\n" },
        { COMMAND("    sandbox: {cpus: half}\n"),
          "c.yaml:4:21: commands.x.sandbox.cpus: 'half' is no number here; write one with at most three digits behind "
          "the point, such as 0.5\n" },
        { COMMAND("    sandbox: {cpus: 0.0001}\n"),
          "c.yaml:4:21: commands.x.sandbox.cpus: '0.0001' is no number here; write one with at most three digits "
          "behind the point, such as 0.5\n" },
        { COMMAND("    sandbox: {cpus: 1.}\n"),
          "c.yaml:4:21: commands.x.sandbox.cpus: '1.' is no number here; write one with at most three digits behind "
          "the point, such as 0.5\n" },
        { COMMAND("    sandbox: {cpus: 50%}\n"),
          "c.yaml:4:21: commands.x.sandbox.cpus: '50%' is no number here; write one with at most three digits behind "
          "the point, such as 0.5\n" },
        { COMMAND("    sandbox: {cpus: -1}\n"),
          "c.yaml:4:21: commands.x.sandbox.cpus: '-1' is no number here; write one with at most three digits behind "
          "the point, such as 0.5\n" },
        { COMMAND("    sandbox: {cpus: 0}\n"),
          "c.yaml:4:21: commands.x.sandbox.cpus: must be between 0.01 and 1024\n" },
        { COMMAND("    sandbox: {cpus: 1024.001}\n"),
          "c.yaml:4:21: commands.x.sandbox.cpus: must be between 0.01 and 1024\n" },
        { COMMAND("    sandbox: {io: {vda: {read: 1MiB}}}\n"),
          "c.yaml:4:20: commands.x.sandbox.io.vda: 'vda' is no name here: a path from the root on in its shortest "
          "form, of a disk or of what lies on it, such as /srv/data\n" },
        { COMMAND("    sandbox: {io: {/dev/../srv: {read: 1MiB}}}\n"),
          "c.yaml:4:20: commands.x.sandbox.io./dev/../srv: '/dev/../srv' is no name here: a path from the root on in "
          "its shortest form, of a disk or of what lies on it, such as /srv/data\n" },
        { COMMAND("    sandbox: {io: {/srv: {}}}\n"),
          "c.yaml:4:20: commands.x.sandbox.io./srv: limits nothing; write {read: 20MiB, write: 5MiB}, or one of "
          "them\n" },
        { COMMAND("    sandbox: {io: {/srv: 1MiB}}\n"),
          "c.yaml:4:26: commands.x.sandbox.io./srv: must be a map of keys, not a text; write /srv: {read: 20MiB, "
          "write: 5MiB}\n" },
        { COMMAND("    sandbox: {io: {/srv: {read: 1}}}\n"),
          "c.yaml:4:33: commands.x.sandbox.io./srv.read: 1 has no unit; write 1MiB (or B, KiB, GiB, TiB)\n" },
        { COMMAND("    sandbox: {io: {/srv: {write: 1B}}}\n"),
          "c.yaml:4:34: commands.x.sandbox.io./srv.write: must be between 4KiB and 1TiB\n" },
        { COMMAND("    sandbox: {io: {/srv: {write_ops: 0}}}\n"),
          "c.yaml:4:38: commands.x.sandbox.io./srv.write_ops: must be between 1 and 1000000000\n" },
        { COMMAND("    signals: [SIGHUP]\n"), "c.yaml:4:15: commands.x.signals[0]: must be one of HUP, INT, QUIT, ILL, "
                                              "TRAP, ABRT, BUS, FPE, KILL, USR1, SEGV, "
                                              "USR2, PIPE, ALRM, TERM, STKFLT, CHLD, CONT, STOP, TSTP, TTIN, TTOU, "
                                              "URG, XCPU, XFSZ, VTALRM, PROF, WINCH, POLL, "
                                              "PWR, SYS, not 'SIGHUP'; did you mean 'HUP'?\n" },
        { COMMAND("    degrade: cgroup-memory\n"),
          "c.yaml:4:14: commands.x.degrade: must be a list, not a text; write degrade: [cgroup-memory]\n" },
        { COMMAND("    approval: {count: 1}\n"),
          "c.yaml:4:5: commands.x.approval: is not in this release; the name is kept for a later one\n" },
        { "hooks: {}\n", "c.yaml:1:1: hooks: is not in this release; the name is kept for a later one\n" },
        { "server: {tls: {cert: /x}}\n", "c.yaml:1:10: server.tls: 'key' is missing\n" },
        { "server: {tls: {cert: /x, key: \"file:/y\"}}\n",
          "c.yaml:1:22: server.tls.cert: files are not read from here\n"
          "c.yaml:1:31: server.tls.key: files are not read from here\n" },
        { "server: {max_body_total: 1MiB}\n",
          "c.yaml:1:10: server.max_body_total: is not in this release; the name is kept for a later one\n" },
        { "slots: {first_uid: 4294967200}\n",
          "c.yaml:1:8: slots: first_uid and two ids for each of 64 slots go beyond the largest uid\n" },
    };
    EXPECT_REPORTS(mistakes);
}

#define NO_ORIGIN                                                                                                      \
    "is no origin: write the scheme, the host and a port that is not the scheme's own, without a path, such as "       \
    "https://dash.example.org\n"

Test(config, tells_wrong_addresses)
{
    static const struct mistake mistakes[] = {
        { "server: {listen: 8417}\n", "c.yaml:1:18: server.listen: '8417' has no port; write ADDRESS:PORT such as "
                                      "\"127.0.0.1:8417\", or unix:/PATH\n" },
        { "server: {listen: \":8417\"}\n",
          "c.yaml:1:18: server.listen: ':8417' has no address; write 127.0.0.1 for this "
          "host alone, or 0.0.0.0 for all of its IPv4 addresses\n" },
        { "server: {listen: \"localhost:8417\"}\n",
          "c.yaml:1:18: server.listen: 'localhost:8417' is a name, which nobody "
          "looks up; write 127.0.0.1 (or [::1]) for localhost\n" },
        { "server: {listen: \"::1:8417\"}\n", "c.yaml:1:18: server.listen: '::1:8417' must have its IPv6 address in "
                                              "brackets, and quotes around all: \"[::1]:8417\"\n" },
        { "server: {listen: \"127.0.0.1:99999\"}\n", "c.yaml:1:18: server.listen: '127.0.0.1:99999' must end in a port "
                                                     "between 1 and 65535, such as \"127.0.0.1:8417\"\n" },
        { "server: {listen: [\"unix:api.sock\"]}\n",
          "c.yaml:1:19: server.listen[0]: 'unix:api.sock' must be an absolute path: it starts with '/'\n" },
        { "server: {listen: [\"127.0.0.1:1\", \"127.0.0.1:1\"]}\n",
          "c.yaml:1:34: server.listen[1]: '127.0.0.1:1' is listed already\n" },
        { "server: {hosts: [Jobs.example.org]}\n",
          "c.yaml:1:18: server.hosts[0]: 'Jobs.example.org' is no host name: write "
          "lower-case letters, digits, '-' and dots, without a port, such as "
          "jobs.example.org\n" },
        { "server: {hosts: [\"10.0.0.1\"]}\n",
          "c.yaml:1:18: server.hosts[0]: '10.0.0.1' is a numeric address: those are "
          "always served, leave it out\n" },
        { "server: {origins: [https://a.org, \"https://a.org/\"]}\n",
          "c.yaml:1:35: server.origins[1]: 'https://a.org/' " NO_ORIGIN },
        { "server: {origins: [\"*\"]}\n", "c.yaml:1:20: server.origins[0]: '*' " NO_ORIGIN },
        { "server: {origins: [\"https://a.org:443\"]}\n",
          "c.yaml:1:20: server.origins[0]: 'https://a.org:443' " NO_ORIGIN },
        { "server: {connections_per_address: 0}\n",
          "c.yaml:1:35: server.connections_per_address: must be between 1 and 65536\n" },
        { "server: {listen: []}\n", "c.yaml:1:18: server.listen: must have at least 1 item\n" },
    };
    EXPECT_REPORTS(mistakes);
}

#define NOT_LOOPBACK "is no loopback address, and no token is asked for there; write one such as \"127.0.0.1:9464\"\n"

Test(config, lets_metrics_be_asked_for_on_this_host_alone)
{
    static const struct mistake mistakes[] = {
        { "server: {metrics: {listen: \"0.0.0.0:9464\"}}\n",
          "c.yaml:1:28: server.metrics.listen: '0.0.0.0:9464' " NOT_LOOPBACK },
        { "server:\n  metrics:\n    listen: \"10.0.0.5:9464\"\n",
          "c.yaml:3:13: server.metrics.listen: '10.0.0.5:9464' " NOT_LOOPBACK },
        { "server: {metrics: {listen: \"128.0.0.1:9464\"}}\n",
          "c.yaml:1:28: server.metrics.listen: '128.0.0.1:9464' " NOT_LOOPBACK },
        { "server: {metrics: {listen: \"[::]:9464\"}}\n",
          "c.yaml:1:28: server.metrics.listen: '[::]:9464' " NOT_LOOPBACK },
        { "server: {metrics: {listen: \"[::ffff:127.0.0.1]:9464\"}}\n",
          "c.yaml:1:28: server.metrics.listen: '[::ffff:127.0.0.1]:9464' " NOT_LOOPBACK },
        { "server: {metrics: {listen: unix:/run/m.sock}}\n",
          "c.yaml:1:28: server.metrics.listen: 'unix:/run/m.sock' " NOT_LOOPBACK },
        { "server: {listen: \"127.0.0.1:1\", metrics: {listen: \"127.0.0.1:1\"}}\n",
          "c.yaml:1:51: server.metrics.listen: '127.0.0.1:1' is listed already\n" },
        { "server: {metrics: \"127.0.0.1:9464\"}\n", "c.yaml:1:19: server.metrics: must be a map of keys, not a text; "
                                                     "write metrics: {listen: \"127.0.0.1:9464\"}\n" },
        { "server: {metrics: {path: /m}}\n",
          "c.yaml:1:20: server.metrics.path: is no key here; docs/configuration.md lists all keys\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config, tells_wrong_callers)
{
    static const struct mistake mistakes[] = {
        { "tokens: {a: {hash: sp_0123456789, allow: [admin]}}\n",
          "c.yaml:1:20: tokens.a.hash: this is the token itself, which must not be written down here; replace it: "
          "`sallyport token create` prints a token and the hash of it\n" },
        { "tokens: {a: {hash: \"sha256:123\", allow: [admin]}}\n",
          "c.yaml:1:20: tokens.a.hash: must have exactly 64 lower-case hex digits behind 'sha256:'\n" },
        { "tokens: {a: {hash: md5, allow: [admin]}}\n",
          "c.yaml:1:20: tokens.a.hash: must be \"sha256:\" and 64 hex digits, or file:PATH of a file with that text; "
          "`sallyport token create` prints it\n" },
        { "tokens: {a: {hash: [\"sha256:" DIGITS "\", x], allow: [admin]}}\n",
          "c.yaml:1:96: tokens.a.hash[1]: must be \"sha256:\" and 64 hex digits, or file:PATH of a file with that "
          "text; "
          "`sallyport token create` prints it\n" },
        { "tokens: {a: {hash: [\"sha256:" DIGITS "\", file:/h], allow: [admin]}}\n",
          "c.yaml:1:96: tokens.a.hash[1]: a file stands alone: it can hold both hashes, a line for each\n" },
        { "tokens: {a: {hash: [\"sha256:" DIGITS "\", \"sha256:" DIGITS "\"], allow: [admin]}}\n",
          "c.yaml:1:20: tokens.a.hash: names the same secret twice\n" },
        { "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin], params: {env: []}}}\n",
          "c.yaml:1:125: tokens.a.params.env: must have at least one value; to forbid a command leave it out of "
          "'allow'\n" },
        { "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin], params: {env: [{}]}}}\n",
          "c.yaml:1:126: tokens.a.params.env[0]: must be a single value, not a map\n" },
        { "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin], params: {pin: x}}}\n"
          "commands: {a: {exec: [/bin/true], params: {pin: {type: secret}}}}\n",
          "c.yaml:1:125: tokens.a.params.pin: is a secret of command 'a', whose values cannot be written down here\n" },
        { "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin], from: [10.0.0.0/8, 10.1.0.0/8]}}\n",
          "c.yaml:1:130: tokens.a.from[1]: '10.1.0.0/8' has bits behind its prefix; write them as 0, such as "
          "10.0.0.0/8\n" },
        { "server: {trusted_proxies: {}}\n",
          "c.yaml:1:10: server.trusted_proxies: 'peers' is missing; write peers: [10.0.0.1]\n" },
        { "server: {trusted_proxies: {peers: []}}\n",
          "c.yaml:1:35: server.trusted_proxies.peers: must have at least 1 item\n" },
        { "server: {trusted_proxies: {peers: [proxy]}}\n",
          "c.yaml:1:36: server.trusted_proxies.peers[0]: 'proxy' is no network; write an address and the bits of its "
          "prefix, such as "
          "10.0.0.0/8 or fd00::/8\n" },
        { "tokens: {a: {allow: [admin]}}\n", "c.yaml:1:10: tokens.a: 'hash' is missing\n" },
        { "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [run]}}\n",
          "c.yaml:1:103: tokens.a.allow[0]: 'run' is no right; write run:COMMAND (or run:*), read:own, read:all, "
          "cancel:own, cancel:all, metrics or admin\n" },
        { "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin], expires: 2027-02-30}}\n",
          "c.yaml:1:120: tokens.a.expires: '2027-02-30' is no time; write a date such as 2027-01-31, or "
          "2027-01-31T18:00:00Z\n" },
        { "tokens:\n  a: {hash: \"sha256:" DIGITS "\", allow: [admin]}\n  b: {hash: \"sha256:" DIGITS
          "\", allow: [admin]}\n",
          "c.yaml:3:13: tokens.b.hash: is that of token 'a' too; give each caller a token of its own\n" },
        { "tokens:\n  a: {hash: \"sha256:" DIGITS "\", allow: [admin]}\npeers:\n  a: {uid: 0, allow: [admin]}\n",
          "c.yaml:4:3: peers.a: the name is taken by tokens.a; records could not tell the two apart\n" },
        { "peers: {a: {uid: 7, allow: [admin]}, b: {uid: 7, allow: [admin]}}\n",
          "c.yaml:1:47: peers.b.uid: is that of peer 'a' too; one uid is one caller\n" },
        { "peers: {a: {cert: \"dns:a\", allow: [admin]}, b: {cert: \"dns:a\", allow: [admin]}}\n",
          "c.yaml:1:19: peers.a.cert: warning: nobody is asked for a certificate without 'server.tls.client_ca'\n"
          "c.yaml:1:55: peers.b.cert: is that of peer 'a' too; one name is one caller\n"
          "c.yaml:1:55: peers.b.cert: warning: nobody is asked for a certificate without 'server.tls.client_ca'\n" },
        { "peers: {a: {uid: 7, cert: \"dns:a\", allow: [admin]}, b: {allow: [admin]}}\n",
          "c.yaml:1:9: peers.a: needs exactly one of 'uid' (who calls on a unix socket) and 'cert' (who shows a "
          "certificate)\n"
          "c.yaml:1:53: peers.b: needs exactly one of 'uid' (who calls on a unix socket) and 'cert' (who shows a "
          "certificate)\n" },
        { "peers: {a: {cert: ci.example, allow: [admin]}}\n",
          "c.yaml:1:19: peers.a.cert: must be dns:NAME, email:ADDRESS or uri:URI of the certificate's subjectAltName, "
          "or "
          "subject: and what `openssl x509 -noout -subject -nameopt RFC2253` prints\n" },
        { "peers: {root: {uid: 0}}\n", "c.yaml:1:9: peers.root: 'allow' is missing; write allow: [admin]\n" },
        { "peers: {a: {uid: 0, allow: [\"run:ab\"]}}\ncommands: {abc: {exec: [x]}}\n",
          "c.yaml:1:28: peers.a.allow: warning: there is no command 'ab'; did you mean 'abc'?\n"
          "c.yaml:2:25: commands.abc.exec[0]: 'x' must be the program's absolute path, such as /usr/bin/x\n" },
    };
    EXPECT_REPORTS(mistakes);
}

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
          "c.yaml:1:44: commands.x.params.p: an enum needs 'values'; write values: [staging, prod]\n" },
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

Test(config, tells_all_faults_in_the_order_of_the_file)
{
    static const struct mistake mistake = {
        COMMAND("    timeout: 30\n    mode: fast\nserver:\n  max_wait: 0s\n"),
        "c.yaml:4:14: commands.x.timeout: 30 has no unit; write 30s for seconds (or ms, m, h, d)\n"
        "c.yaml:5:11: commands.x.mode: must be one of async, sync, not 'fast'\n"
        "c.yaml:7:13: server.max_wait: must be between 1s and 1h\n",
    };
    expect_report(&mistake);
}

Test(config, keeps_control_characters_out_of_its_report)
{
    static const struct mistake mistake = {
        "commands: {x: {exec: [\"a\\n\\e[31mb\"]}}\n",
        "c.yaml:1:23: commands.x.exec[0]: 'a??[31mb' must be the program's absolute path, such as /usr/bin/a??[31mb\n",
    };
    expect_report(&mistake);
}

Test(config, tells_a_hundred_faults_and_counts_the_rest)
{
    char text[8192] = "", said[65536] = "";
    size_t used = 0;
    for (int i = 0; i < 250; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "unknown-%d: 1\n", i);
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    cr_expect_eq(config_parse("c.yaml", (const uint8_t *)text, used, report, &config, &err), -EINVAL);
    fclose(report);
    cr_expect_not_null(strstr(said, "\nand 150 more faults\n"));
    cr_expect_str_eq(err.text, "the configuration has 250 faults");
}

static void expect_refusal(const char *text, size_t size, const char *part)
{
    char said[4096] = "";
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    cr_expect_eq(config_parse("c.yaml", (const uint8_t *)text, size, report, &config, &err), -EINVAL);
    fclose(report);
    cr_expect_not_null(strstr(said, part), "%s", said);
}

Test(config, refuses_what_is_too_deep_too_long_or_too_much)
{
    size_t room = CONFIG_FILE_MAX_BYTES + 1;
    char *text = malloc(room);
    memset(text, '[', 60000);
    expect_refusal(text, 60000, "c.yaml:1:33: [0][0]");
    expect_refusal(text, 60000, ": more than 32 levels deep\n");

    memset(text, 'k', 129);
    memcpy(text + 129, ": 1\n", 4);
    expect_refusal(text, 133, "c.yaml:1:1: a key of more than 128 characters\n");

    size_t used = (size_t)sprintf(text, "a: [");
    for (int i = 0; i < CONFIG_NODES_MAX; i++)
        used += (size_t)sprintf(text + used, "1,");
    used += (size_t)sprintf(text + used, "]\n");
    expect_refusal(text, used, ": more than 100000 values in one file\n");

    memset(text, '#', room);
    expect_refusal(text, room, "c.yaml: the file is larger than 4 MiB\n");
    free(text);
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
