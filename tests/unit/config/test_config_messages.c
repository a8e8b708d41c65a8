/* Mistakes in a file as such, in the service and its callers. */
#include "report.h"

/* A command `x` around what differs. */
#define COMMAND(keys) "commands:\n  x:\n    exec: [/bin/true]\n" keys
#define DIGITS        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

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
        { "nodes: {}\n", "c.yaml:1:1: nodes: is not in this release; the name is kept for a later one\n" },
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
          "cancel:own, cancel:all, metrics, admin:functions or admin\n" },
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
        { "peers: {a: {cert: \"dns:a\", allow: [metrics]}, b: {cert: \"dns:a\", allow: [metrics]}}\n",
          "c.yaml:1:19: peers.a.cert: warning: nobody is asked for a certificate without 'server.tls.client_ca'\n"
          "c.yaml:1:57: peers.b.cert: is that of peer 'a' too; one name is one caller\n"
          "c.yaml:1:57: peers.b.cert: warning: nobody is asked for a certificate without 'server.tls.client_ca'\n" },
        { "peers: {a: {cert: \"dns:a\", allow: [metrics, admin]}}\n",
          "c.yaml:1:19: peers.a.cert: warning: nobody is asked for a certificate without 'server.tls.client_ca'\n"
          "c.yaml:1:45: peers.a.allow[1]: admin is not for who is known by a certificate or a listener; give a token, "
          "or 'uid'\n" },
        { "peers: {a: {uid: 7, cert: \"dns:a\", allow: [metrics]}, b: {allow: [metrics]}}\n",
          "c.yaml:1:9: peers.a: needs exactly one of 'uid' (who calls on a unix socket), 'cert' (who shows a "
          "certificate) and 'predecessor' (who calls on its listener without a token)\n"
          "c.yaml:1:55: peers.b: needs exactly one of 'uid' (who calls on a unix socket), 'cert' (who shows a "
          "certificate) and 'predecessor' (who calls on its listener without a token)\n" },
        { "peers: {a: {cert: ci.example, allow: [metrics]}}\n",
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

Test(config, tells_wrong_predecessors)
{
    static const struct mistake mistakes[] = {
        { "predecessors: {goort: {prefix: /a}}\n", "c.yaml:1:16: predecessors.goort: 'goort' is no name here: gort, "
                                                   "jobrunner, go-serverless, http-runner or go-tasky\n" },
        { "predecessors: {go-serverless: {prefix: /a, commands: {\"a//x\": e}}}\ncommands: {e: {exec: [/bin/true]}}\n",
          "c.yaml:1:63: predecessors.go-serverless.commands.a//x: 'e' takes no request as a file; write 'context: "
          "true' "
          "there\n"
          "c.yaml:1:63: predecessors.go-serverless.commands.a//x: is no name of an image such as "
          "docker.io/acme/hello:1, "
          "or one of more than 128 bytes with its registry and its tag\n" },
        { "predecessors: {gort: {commands: {}}}\n", "c.yaml:1:16: predecessors.gort: needs 'prefix' (a path below "
                                                    "which it is served), 'listen' (a listener of its "
                                                    "own), or both\n" },
        { "predecessors: {gort: {prefix: old}, http-runner: {prefix: /a//b}, jobrunner: {prefix: /v1/x}, go-tasky: "
          "{prefix: /a/}}\n",
          "c.yaml:1:31: predecessors.gort.prefix: 'old' must begin with a slash, such as /runner; / alone is the root\n"
          "c.yaml:1:59: predecessors.http-runner.prefix: '/a//b' has an empty segment, one that begins with a dot, or "
          "a "
          "slash at its end\n"
          "c.yaml:1:87: predecessors.jobrunner.prefix: '/v1/x' is, or lies below, a path of the API itself\n"
          "c.yaml:1:114: predecessors.go-tasky.prefix: '/a/' has an empty segment, one that begins with a dot, or a "
          "slash at its end\n" },
        { "predecessors: {http-runner: {prefix: /a, requests: 4}}\n",
          "c.yaml:1:52: predecessors.http-runner.requests: is gort's alone; callers and commands have 'limits', 'rate' "
          "and 'concurrency'\n" },
        { "predecessors: {gort: {prefix: /a, callback: x}, http-runner: {prefix: /b, callback: nobody}}\n",
          "c.yaml:1:45: predecessors.gort.callback: is http-runner's alone; commands have 'on'\n"
          "c.yaml:1:85: predecessors.http-runner.callback: there is no callback 'nobody'; callbacks are listed below "
          "'callbacks'\n" },
        { "predecessors: {http-runner: {prefix: /a, commands: {ls: helo}}}\ncommands: {hello: {exec: [/x]}}\n",
          "c.yaml:1:57: predecessors.http-runner.commands.ls: there is no command 'helo'; did you mean 'hello'?\n" },
        { "predecessors: {http-runner: {listen: \"localhost:9000\"}}\n",
          "c.yaml:1:38: predecessors.http-runner.listen: 'localhost:9000' is a name, which nobody looks up; write "
          "127.0.0.1 (or [::1]) for localhost\n" },
        { "predecessors: {http-runner: {listen: \"10.0.0.1:9000\"}}\npeers: {old: {predecessor: http-runner, allow: "
          "[\"run:*\"]}}\n",
          "c.yaml:2:28: peers.old.predecessor: has its listener at 10.0.0.1:9000, and nobody is asked for a token "
          "there; "
          "only a loopback address such as \"plain:127.0.0.1:9000\" will do\n" },
        { "predecessors: {http-runner: {prefix: /a}}\npeers: {old: {predecessor: http-runner, allow: [admin]}}\n",
          "c.yaml:2:28: peers.old.predecessor: 'http-runner' has no listener of its own "
          "('predecessors.http-runner.listen')\n"
          "c.yaml:2:49: peers.old.allow[0]: admin is not for who is known by a certificate or a listener; give a "
          "token, or 'uid'\n" },
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
