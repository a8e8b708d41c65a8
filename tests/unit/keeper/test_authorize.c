#include <arpa/inet.h>
#include <netinet/in.h>

#include "authorize.h"
#include "rig.h"

static struct rules rules;

static void make_rules(void)
{
    rules = rig_rules(1);
}

static void free_rules(void)
{
    rules_free(&rules);
}

TestSuite(authorize, .init = make_rules, .fini = free_rules);

static const struct caller *who_has(const char *token)
{
    struct evidence evidence = { .kind = EVIDENCE_BEARER, .secret = text_span(token) };
    return authorize(&rules, &evidence, -1, clock_unix_ms());
}

Test(authorize, knows_a_token_by_its_hash_and_nothing_else)
{
    const char *const strangers[] = { "", "sp_c", "sp_ci ", "SP_CI", "sp_cii", "ci" };
    cr_expect_str_eq(who_has(CI_TOKEN)->name, "ci");
    cr_expect_str_eq(who_has(OPS_TOKEN)->name, "ops");
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        cr_expect_null(who_has(strangers[i]), "'%s'", strangers[i]);
    /* The hash is not the token. */
    uint8_t digest[HASH_BYTES];
    hash_sha256(CI_TOKEN, strlen(CI_TOKEN), digest);
    struct evidence evidence = { .kind = EVIDENCE_BEARER, .secret = { digest, HASH_BYTES } };
    cr_expect_null(authorize(&rules, &evidence, -1, clock_unix_ms()));
    cr_expect_null(authorize(&rules, &(struct evidence){ .kind = EVIDENCE_NONE }, -1, clock_unix_ms()));
}

static const struct caller *who_claims(const char *claims)
{
    struct evidence evidence = { .kind = EVIDENCE_CERTIFICATE, .secret = text_span(claims) };
    return authorize(&rules, &evidence, -1, clock_unix_ms());
}

static void add_certificate(const char *name, const char *claim)
{
    rig_caller(&rules, name, claim, 0, "read:own");
    rules.callers[rules.caller_count - 1].kind = IDENTITY_CERTIFICATE;
}

Test(authorize, knows_a_certificate_by_one_of_its_names_and_by_nothing_else)
{
    add_certificate("builder", "dns:ci.example");
    add_certificate("watcher", "subject:CN=watcher,O=Example");
    cr_expect_str_eq(who_claims("dns:ci.example")->name, "builder");
    cr_expect_str_eq(who_claims("email:x@example\ndns:ci.example\nsubject:CN=x")->name, "builder");
    cr_expect_str_eq(who_claims("dns:ci.example\ndns:ci.example")->name, "builder");
    cr_expect_str_eq(who_claims("subject:CN=watcher,O=Example")->name, "watcher");
    cr_expect_eq(caller_via(who_claims("dns:ci.example")), EVIDENCE_CERTIFICATE);
    static const char *const strangers[] = { "",
                                             "\n",
                                             "dns:CI.example",
                                             "dns:ci.example ",
                                             "dns:ci.exampl",
                                             "email:ci.example",
                                             CI_TOKEN,
                                             "dns:ci.example\nsubject:CN=watcher,O=Example",
                                             "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\ndns:ci.example" };
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        cr_expect_null(who_claims(strangers[i]), "case %zu", i);
    /* A name is no token, and nobody can show what only the keeper itself is. */
    cr_expect_null(who_has("dns:ci.example"));
    struct evidence service = { .kind = EVIDENCE_SERVICE, .secret = text_span(CI_TOKEN) };
    cr_expect_null(authorize(&rules, &service, -1, clock_unix_ms()));
    struct evidence unknown = { .kind = EVIDENCE_CERTIFICATE, .secret = text_span("dns:nobody.example") };
    const struct caller *known;
    cr_expect_eq(authorize_failure(&rules, &unknown, 0, &known), AUTH_CERTIFICATE_UNKNOWN);
    cr_expect_null(known);
}

static void add_secret(struct caller *who, const char *secret)
{
    hash_sha256(secret, strlen(secret), who->token_sha256[who->secret_count++]);
}

Test(authorize, takes_both_secrets_while_one_replaces_another)
{
    add_secret(&rules.callers[0], "sp_next");
    cr_expect_str_eq(who_has("sp_next")->name, "ci");
    cr_expect_str_eq(who_has(CI_TOKEN)->name, "ci");
    rules.callers[0].secret_count = 1;
    cr_expect_null(who_has("sp_next"));
    rules.callers[0].secret_count = 0;
    cr_expect_null(who_has(CI_TOKEN), "it was revoked");
}

Test(authorize, remembers_the_secret_that_was_shown)
{
    struct caller *ci = &rules.callers[0];
    add_secret(ci, "sp_next");
    struct evidence old = { .kind = EVIDENCE_BEARER, .secret = text_span(CI_TOKEN) };
    struct evidence next = { .kind = EVIDENCE_BEARER, .secret = text_span("sp_next") };
    struct credential of_old = credential_of(ci, &old), of_next = credential_of(ci, &next);
    cr_expect_eq(credential_owner(&rules, &of_old, 0), ci);
    cr_expect_eq(credential_owner(&rules, &of_next, 0), ci);
    memcpy(ci->token_sha256[0], ci->token_sha256[1], HASH_BYTES);
    ci->secret_count = 1;
    cr_expect_null(credential_owner(&rules, &of_old, 0), "the old one was withdrawn");
    cr_expect_eq(credential_owner(&rules, &of_next, 0), ci);
}

static const struct caller *who_comes(const char *pair, uint8_t kind, const char *address)
{
    struct evidence evidence = { .kind = kind, .secret = text_span(pair) };
    text_copy(evidence.address, sizeof evidence.address, address);
    return authorize(&rules, &evidence, -1, clock_unix_ms());
}

Test(authorize, knows_a_name_and_its_token_together)
{
    static const char *const strangers[] = {
        "ops:" CI_TOKEN, "ci:" OPS_TOKEN, ":" CI_TOKEN,       CI_TOKEN ":",    "ci",
        "ci:",           "CI:" CI_TOKEN,  "ci:" CI_TOKEN " ", "ci::" CI_TOKEN, ""
    };
    cr_expect_str_eq(who_comes("ci:" CI_TOKEN, EVIDENCE_BASIC, "")->name, "ci");
    cr_expect_null(who_comes("ci:" CI_TOKEN, EVIDENCE_BEARER, ""));
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        cr_expect_null(who_comes(strangers[i], EVIDENCE_BASIC, ""), "'%s'", strangers[i]);
}

Test(authorize, takes_a_token_only_from_where_its_rule_says)
{
    static const struct {
        const char *address;
        bool is_taken;
    } cases[] = {
        { "10.2.0.1:4711", true },
        { "10.2.255.255", true },
        { "[::ffff:10.2.0.9]:80", true },
        { "::ffff:10.2.0.9", true },
        { "10.3.0.1:4711", false },
        { "[2001:db8::7]:1", true },
        { "2001:db8::7", true },
        { "[2001:db8::8]:1", false },
        { "[::ffff:10.3.0.1]:1", false },
        { "unix", false },
        { "", false },
        { "unknown", false },
        { "10.2.0.1:x", false },
        { "10.2.0.1:99999", false },
        { "10.2.0.1 ", false },
        { "[10.2.0.1]:80", false },
        { "2001:db8::7:", false },
        { "::a02:1", false },
    };
    struct caller *ci = &rules.callers[0];
    ci->from = calloc(2, sizeof *ci->from);
    ci->from_count = 2;
    cr_assert_null(network_parse("10.2.0.0/16", &ci->from[0]));
    cr_assert_null(network_parse("2001:db8::7", &ci->from[1]));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(who_comes(CI_TOKEN, EVIDENCE_BEARER, cases[i].address) != NULL, cases[i].is_taken, "'%s'",
                     cases[i].address);
    cr_expect_not_null(who_comes(OPS_TOKEN, EVIDENCE_BEARER, "unix"), "others come from anywhere");

    const struct caller *known;
    struct evidence evidence = { .kind = EVIDENCE_BEARER, .secret = text_span(CI_TOKEN), .address = "10.3.0.1:1" };
    cr_expect_eq(authorize_failure(&rules, &evidence, 0, &known), AUTH_BEARER_ELSEWHERE);
    cr_expect_eq(known, ci);
    text_copy(evidence.address, sizeof evidence.address, "10.2.0.1:1");
    struct credential credential = credential_of(ci, &evidence);
    cr_expect_eq(credential_owner(&rules, &credential, 0), ci);
    cr_assert_null(network_parse("10.4.0.0/16", &ci->from[0]));
    cr_expect_null(credential_owner(&rules, &credential, 0), "its stream ends with the right to come from there");
}

Test(authorize, does_not_know_a_token_that_has_expired)
{
    struct evidence evidence = { .kind = EVIDENCE_BEARER, .secret = text_span(OLD_TOKEN) };
    cr_expect_null(who_has(OLD_TOKEN));
    cr_expect_null(authorize(&rules, &evidence, -1, 1000));
    cr_expect_not_null(authorize(&rules, &evidence, -1, 999));
}

Test(authorize, grants_what_the_scopes_say_and_no_more)
{
    static const struct {
        const char *token, *command;
        bool runs, sees;
    } commands[] = {
        { CI_TOKEN, "echo", true, true },       { CI_TOKEN, "loud", true, true },
        { CI_TOKEN, "echo2", false, false },    { CI_TOKEN, "reboot", false, false },
        { OPS_TOKEN, "reboot", true, true },    { GUEST_TOKEN, "echo", false, true },
        { GUEST_TOKEN, "reboot", false, true },
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct caller *who = who_has(commands[i].token);
        cr_expect_eq(may_run(who, commands[i].command), commands[i].runs, "case %zu", i);
        cr_expect_eq(may_see(who, commands[i].command), commands[i].sees, "case %zu", i);
    }
    static const struct {
        const char *token, *actor;
        uint8_t via;
        bool reads, cancels;
    } jobs[] = {
        { CI_TOKEN, "ci", EVIDENCE_BEARER, true, true },     { CI_TOKEN, "ops", EVIDENCE_BEARER, false, false },
        { CI_TOKEN, "ci", EVIDENCE_PEER, false, false },     { OPS_TOKEN, "ci", EVIDENCE_BEARER, true, true },
        { GUEST_TOKEN, "ci", EVIDENCE_BEARER, true, false }, { GUEST_TOKEN, "guest", EVIDENCE_BEARER, true, false },
    };
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        const struct caller *who = who_has(jobs[i].token);
        cr_expect_eq(may_read(who, jobs[i].actor, jobs[i].via), jobs[i].reads, "case %zu", i);
        cr_expect_eq(may_cancel(who, jobs[i].actor, jobs[i].via), jobs[i].cancels, "case %zu", i);
    }
}

Test(authorize, tells_scopes_as_they_were_configured)
{
    char text[200], small[12];
    caller_scopes_text(who_has(CI_TOKEN), text, sizeof text);
    cr_expect_str_eq(text, "run:echo run:l* run:head run:deploy run:both run:first read:own cancel:own");
    caller_scopes_text(who_has(CI_TOKEN), small, sizeof small);
    cr_expect_str_eq(small, "run:echo");
}

/* --- connections ----------------------------------------------------------------------------------------------------- */

static int listen_at(const char *path, bool is_abstract)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(name.sun_path + is_abstract, path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&name,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(path) + !is_abstract)),
                 0);
    cr_assert_eq(listen(fd, 5), 0);
    return fd;
}

static int connect_to(int listener)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&name, &size), 0);
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&name, size), 0);
    return fd;
}

Test(authorize, knows_a_peer_by_the_connection_itself)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/sallyport-test-%d.sock", getpid());
    unlink(path);
    int listener = listen_at(path, false), client = connect_to(listener), accepted = accept(listener, NULL, NULL);
    unlink(path);
    uint32_t uid = 12345;
    cr_assert(connection_uid(accepted, &uid));
    cr_expect_eq(uid, getuid());
    struct evidence evidence = { .kind = EVIDENCE_PEER };
    const struct caller *who = authorize(&rules, &evidence, accepted, clock_unix_ms());
    cr_assert_not_null(who);
    cr_expect_str_eq(who->name, "local");
    cr_expect_null(authorize(&rules, &evidence, -1, clock_unix_ms()));
    rules.callers[4].uid++;
    cr_expect_null(authorize(&rules, &evidence, accepted, clock_unix_ms()));
    cr_expect(!connection_uid(listener, &uid), "a listening socket shows whoever made it");
    cr_expect(!connection_uid(client, &uid), "and the client's end is bound to nothing");
}

Test(authorize, believes_no_other_descriptor)
{
    int pair[2], packets[2], pipes[2];
    uint32_t uid;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets), 0);
    cr_assert_eq(pipe(pipes), 0);
    char name[64];
    snprintf(name, sizeof name, "sallyport-test-%d", getpid());
    int abstract = listen_at(name, true), client = connect_to(abstract), accepted = accept(abstract, NULL, NULL);
    (void)client;
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(tcp, (struct sockaddr *)&loopback, sizeof loopback), 0);
    cr_assert_eq(listen(tcp, 5), 0);
    int tcp_client = connect_to(tcp), tcp_accepted = accept(tcp, NULL, NULL);
    (void)tcp_client;
    const int others[] = { pair[0], packets[0], pipes[0], accepted, tcp_accepted, tcp, open("/dev/null", O_RDONLY),
                           -1,      999 };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect(!connection_uid(others[i], &uid), "descriptor %zu", i);
}
