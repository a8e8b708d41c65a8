/* Callbacks: what they become, what is wrong with them, and whose files their secrets may be in. */
#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/network.h"
#include "sallyport/config/config.h"
#include "sallyport/job/callback_event.h"
#include "sallyport/proto/entries.h"

#define COMMAND "commands: {x: {exec: [/bin/true]}}\n"
#define KEY     "0123456789abcdefghijklmn" /* 24 bytes */

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char said[8192];
static struct error err;

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
}

static void enter(void)
{
    umask(022);
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    write_file("key", KEY "\n", 0600);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void leave(void)
{
    cr_assert_eq(chdir("/"), 0);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(config_callbacks, .init = enter, .fini = leave);

/* "$KEY" in the text is the file with the key. */
static struct config *load(const char *callbacks, enum config_owner_check check)
{
    char text[8192], path[64], *at = text;
    struct config *config = NULL;
    at += sprintf(at, COMMAND "callbacks:\n");
    for (; *callbacks != '\0'; callbacks++)
        if (strncmp(callbacks, "$KEY", 4) == 0) {
            at += sprintf(at, "file:%s/key", directory);
            callbacks += 3;
        } else {
            *at++ = *callbacks;
        }
    *at = '\0';
    write_file("c.yaml", text, 0600);
    snprintf(path, sizeof path, "%s/c.yaml", directory);
    memset(said, 0, sizeof said);
    FILE *report = fmemopen(said, sizeof said, "w");
    config_load(path, check, report, &config, &err);
    fclose(report);
    return config;
}

/* The owner check that a file of this test's own user passes. */
static enum config_owner_check mine(void)
{
    return geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF;
}

static struct config *take(const char *callbacks)
{
    struct config *config = load(callbacks, mine());
    cr_assert_not_null(config, "%s%s", said, err.text);
    cr_expect_str_eq(said, "");
    return config;
}

/* The one fault that it has. */
static void expect_fault(const char *callbacks, const char *fault)
{
    struct config *config = load(callbacks, mine());
    cr_assert_null(config, "%s", callbacks);
    cr_expect_not_null(strstr(said, fault), "%s\n%s", callbacks, said);
    cr_expect_eq(strchr(said, '\n'), said + strlen(said) - 1, "more than one fault:\n%s", said);
}

Test(config_callbacks, have_defaults)
{
    struct config *config = take("  chat: {url: \"https://chat.example/hooks\", secret: \"$KEY\"}\n");
    cr_assert_eq(config->callback_count, 1);
    const struct setting_callback *chat = &config->callbacks[0].setting;
    cr_expect_str_eq(chat->name, "chat");
    cr_expect_str_eq(chat->url, "https://chat.example/hooks");
    cr_expect_not(chat->is_prefix);
    cr_expect_not(chat->allows_plain);
    cr_expect_eq(chat->timeout_ms, 10000);
    cr_expect_eq(chat->max_attempts, CALLBACK_ATTEMPTS_DEFAULT);
    cr_expect_eq(chat->allow_net.size, 0);
    cr_expect_eq(chat->fields.size, 0);
    cr_assert_eq(chat->secret.size, strlen(KEY));
    cr_expect_eq(memcmp(chat->secret.data, KEY, strlen(KEY)), 0);
    config_free(config);
}

Test(config_callbacks, have_all_that_is_written)
{
    struct config *config =
        take("  a: {allow_url: \"http://[fd00::1]:8080/x/\", secret: \"$KEY\", allow_net: [10.0.0.0/8, "
             "\"fd00::/8\"],\n"
             "      timeout: 30s, max_attempts: 3, allow_plain: true, headers: {X-One: 1, x-two: \"b c\"}}\n"
             "  b: {url: \"https://1.1.1.1/\", secret: \"$KEY\"}\n"
             "  c: {url: \"https://c.example/\", secret: \"$KEY\"}\n");
    cr_assert_eq(config->callback_count, 3);
    const struct setting_callback *a = &config->callbacks[0].setting;
    struct network networks[2];
    unsigned count = 0;
    cr_expect(a->is_prefix && a->allows_plain);
    cr_expect_eq(a->timeout_ms, 30000);
    cr_expect_eq(a->max_attempts, 3);
    cr_assert(networks_unpack(a->allow_net, networks, 2, &count));
    cr_assert_eq(count, 2);
    struct ip ip;
    cr_assert(ip_parse("10.9.9.9", &ip));
    cr_expect(network_has(&networks[0], &ip));
    struct reader in = { a->fields.data, a->fields.size };
    struct entry entry;
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(entry.kind == ENTRY_FIELD && span_is(entry.name, "X-One") && span_is(entry.value, "1"));
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(span_is(entry.name, "x-two") && span_is(entry.value, "b c"));
    cr_expect_eq(entries_next(&in, &entry), 0);
    cr_expect_str_eq(config->callbacks[2].setting.name, "c");
    cr_expect_eq(memcmp(config->callbacks[2].setting.secret.data, KEY, strlen(KEY)), 0);
    config_free(config);
}

Test(config_callbacks, are_none_unless_written)
{
    struct config *config = take("  {}\n");
    cr_expect_eq(config->callback_count, 0);
    config_free(config);
}

Test(config_callbacks, read_keys_of_standard_webhooks)
{
    write_file("key", "  whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u  \r\n", 0400);
    struct config *config = take("  chat: {url: \"https://chat.example/\", secret: \"$KEY\"}\n");
    cr_assert_eq(config->callbacks[0].setting.secret.size, 24);
    cr_expect_eq(memcmp(config->callbacks[0].setting.secret.data, KEY, 24), 0);
    config_free(config);
}

Test(config_callbacks, need_a_key_that_is_one)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        { "", "key has a secret that is too short" },
        { "0123456789abcdefghijklm", "key has a secret that is too short: at least 24 bytes" },
        { "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG0=", "key has a secret that is too short" },
        { "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1", "key has no base64 behind 'whsec_'" },
        { "whsec_", "key has a secret that is too short" },
        { KEY " " KEY, "key must hold one line and no more" },
        { KEY "\n" KEY, "key must hold one line and no more" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("key", cases[i].text, 0600);
        expect_fault("  chat: {url: \"https://chat.example/\", secret: \"$KEY\"}\n", cases[i].fault);
        cr_expect_null(strstr(said, "MDEy"), "%s", said);
        cr_expect_null(strstr(said, "012345"), "%s", said);
    }
    char text[400];
    memset(text, 'k', 257);
    text[257] = '\0';
    write_file("key", text, 0600);
    expect_fault("  chat: {url: \"https://chat.example/\", secret: \"$KEY\"}\n", "key has a secret that is too long");
    text[256] = '\0';
    write_file("key", text, 0600);
    config_free(take("  chat: {url: \"https://chat.example/\", secret: \"$KEY\"}\n"));
}

Test(config_callbacks, keep_their_key_in_a_file_that_others_cannot_read)
{
    static const char chat[] = "  chat: {url: \"https://chat.example/\", secret: \"$KEY\"}\n";
    static const mode_t modes[] = { 0644, 0640, 0604, 0610 };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        cr_assert_eq(chmod("key", modes[i]), 0);
        expect_fault(chat, "is a secret that others can read: chmod 600 ");
    }
    cr_assert_eq(chmod("key", 0644), 0);
    struct config *config = load(chat, CONFIG_OWNER_ANY);
    cr_assert_not_null(config, "a draft may be checked: %s", said);
    cr_expect_not_null(strstr(said, "warning"), "%s", said);
    config_free(config);
    cr_assert_eq(unlink("key"), 0);
    expect_fault(chat, "key': No such file or directory");
}

Test(config_callbacks, have_two_keys_while_one_replaces_the_other)
{
    char text[512];
    write_file("old", "an-old-key-of-24-letters\n", 0600);
    snprintf(text, sizeof text, "  chat: {url: \"https://chat.example/\", secret: [\"$KEY\", \"file:%s/old\"]}\n",
             directory);
    struct config *config = take(text);
    const struct setting_callback *chat = &config->callbacks[0].setting;
    cr_expect(chat->secret.size == 24 && memcmp(chat->secret.data, KEY, 24) == 0);
    cr_expect(chat->old_secret.size == 24 && memcmp(chat->old_secret.data, "an-old-key-of-24-letters", 24) == 0);
    config_free(config);
    config = take("  chat: {url: \"https://chat.example/\", secret: [\"$KEY\"]}\n");
    cr_expect_eq(config->callbacks[0].setting.old_secret.size, 0);
    config_free(config);
    write_file("old", "too-short\n", 0600);
    expect_fault(text, "old has a secret that is too short");
    write_file("old", "an-old-key-of-24-letters\n", 0644);
    expect_fault(text, "old is a secret that others can read: chmod 600 ");
    expect_fault("  chat: {url: \"https://chat.example/\", secret: [\"$KEY\", \"$KEY\"]}\n", "the same key twice");
    expect_fault("  chat: {url: \"https://chat.example/\", secret: [\"$KEY\", \"$KEY\", \"$KEY\"]}\n",
                 "callbacks.chat.secret: ");
    expect_fault("  chat: {url: \"https://chat.example/\", secret: []}\n", "callbacks.chat.secret: ");
}

Test(config_callbacks, never_have_their_key_in_the_configuration)
{
    static const char *const written[] = { "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u", KEY, "credential:chat" };
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "  chat: {url: \"https://chat.example/\", secret: \"%s\"}\n", written[i]);
        expect_fault(text, "callbacks.chat.secret: must be file:PATH");
        cr_expect_null(strstr(said, written[i]), "%s", said);
    }
}

Test(config_callbacks, say_what_is_wrong_with_them)
{
#define CHAT(keys) "  chat: {secret: \"$KEY\"" keys "}\n"
    static const struct {
        const char *text, *fault;
    } cases[] = {
        { CHAT(""), "callbacks.chat: needs exactly one of 'url'" },
        { CHAT(", url: \"https://a.example/\", allow_url: \"https://a.example/\""),
          "callbacks.chat: needs exactly one of" },
        { "  chat: {url: \"https://a.example/\"}\n", "callbacks.chat: 'secret' is missing" },
        { CHAT(", url: \"ftp://a.example/\""), "callbacks.chat.url: must begin with https://" },
        { CHAT(", url: \"https://user:word@a.example/\""), "callbacks.chat.url: has a user name" },
        { CHAT(", url: \"https://a.example/../b\""), "callbacks.chat.url: has a step" },
        { CHAT(", url: \"http://a.example/\""), "callbacks.chat.url: is not encrypted" },
        { CHAT(", allow_url: \"https://a.example/?x=\""), "callbacks.chat.allow_url: has a query" },
        { CHAT(", url: \"https://10.0.0.1/\""), "callbacks.chat.url: has an address that is not in 'allow_net'" },
        { CHAT(", url: \"https://[::1]/\""), "callbacks.chat.url: has an address that is not in 'allow_net'" },
        { CHAT(", url: \"https://10.0.0.1/\", allow_net: [192.168.0.0/16]"),
          "has an address that is not in 'allow_net'" },
        { CHAT(", url: \"https://1.1.1.1/\", allow_net: [10.0.0.0/8]"), "has an address that is not in 'allow_net'" },
        { CHAT(", url: \"https://a.example/\", allow_net: []"), "callbacks.chat.allow_net: must have at least 1 item" },
        { CHAT(", url: \"https://a.example/\", allow_net: [10.0.0.0/8, 10.0.0.1/8]"),
          "callbacks.chat.allow_net[1]: '10.0.0.1/8' has bits behind its prefix" },
        { CHAT(", url: \"https://a.example/\", allow_net: [localhost]"), "allow_net[0]: 'localhost' is no network" },
        { CHAT(", url: \"https://a.example/\", timeout: 61s"), "callbacks.chat.timeout: must be between 1s and 1m" },
        { CHAT(", url: \"https://a.example/\", max_attempts: 9"),
          "callbacks.chat.max_attempts: must be between 1 and 8" },
        { CHAT(", url: \"https://a.example/\", headers: {Authorization: x}"), "'Authorization' is no name here" },
        { CHAT(", url: \"https://a.example/\", headers: {host: x}"), "'host' is no name here" },
        { CHAT(", url: \"https://a.example/\", headers: {content-length: 1}"), "'content-length' is no name here" },
        { CHAT(", url: \"https://a.example/\", headers: {Webhook-Signature: x}"),
          "'Webhook-Signature' is no name here" },
        { CHAT(", url: \"https://a.example/\", headers: {\"a b\": x}"), "'a b' is no name here" },
        { CHAT(", url: \"https://a.example/\", headers: {x: \"a\\nb: c\"}"),
          "callbacks.chat.headers.x: must be printable ASCII" },
        { CHAT(", url: \"https://a.example/\", headers: {x: \"gr\xc3\xbc\xc3\x9f\"}"),
          "headers.x: must be printable ASCII" },
        { CHAT(", url: \"https://a.example/\", ulr: x"), "did you mean 'url'?" },
        { "  Chat: {url: \"https://a.example/\", secret: \"$KEY\"}\n", "'Chat' is no name here" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_fault(cases[i].text, cases[i].fault);
}

Test(config_callbacks, do_not_repeat_a_url_that_is_refused)
{
    expect_fault("  chat: {url: \"http://a.example/T000/B000/token\", secret: \"$KEY\"}\n", "is not encrypted");
    cr_expect_null(strstr(said, "token"), "%s", said);
}

Test(config_callbacks, stand_in_one_file)
{
    cr_assert_eq(mkdir("conf.d", 0755), 0);
    write_file("conf.d/a.yaml", "callbacks: {chat: {timeout: 5s}}\n", 0600);
    expect_fault("  chat: {url: \"https://chat.example/\", secret: \"$KEY\"}\n",
                 "callbacks.chat: is there already, in ");
}

#define TOLD  "  chat: {url: \"https://chat.example/\", secret: \"$KEY\"}\n"
#define REPLY "  reply: {allow_url: \"https://reply.example/\", secret: \"$KEY\"}\n"

Test(config_callbacks, are_told_what_on_says)
{
    struct config *config = take(TOLD "defaults:\n  on: {failed: [{callback: chat, threshold: 3, cool_down: 10m, "
                                      "output: 4KiB}], lost: [{callback: chat}]}\n");
    cr_assert_eq(config->notice_count, 2);
    const struct setting_notice *failed = &config->notices[0].setting, *lost = &config->notices[1].setting;
    cr_expect_str_eq(failed->command, "");
    cr_expect_str_eq(failed->callback, "chat");
    cr_expect_eq(failed->event, CALLBACK_FAILED);
    cr_expect_eq(failed->threshold, 3);
    cr_expect_eq(failed->cool_down_ms, 600000);
    cr_expect_eq(failed->tail_bytes, 4096);
    cr_expect(lost->event == CALLBACK_LOST && lost->threshold == 1 && lost->cool_down_ms == 0 && lost->tail_bytes == 0);
    config_free(config);
}

Test(config_callbacks, must_be_there_to_be_told)
{
    expect_fault(TOLD "defaults: {on: {failed: [{callback: chit}]}}\n",
                 "defaults.on.failed[0].callback: there is no callback 'chit'");
    expect_fault(REPLY "defaults: {on: {failed: [{callback: reply}]}}\n", "'reply' has 'allow_url'");
    expect_fault(TOLD "defaults: {on: {broken: [{callback: chat}]}}\n", "'broken' is no name here");
    expect_fault(TOLD "defaults: {on: {failed: [{threshold: 2}]}}\n", "'callback' is missing");
    expect_fault(TOLD "defaults: {on: {recovered: [{callback: chat, threshold: 2}]}}\n", "counts ends in a row");
    expect_fault(TOLD "defaults: {on: {failed: [{callback: chat, threshold: 0}]}}\n", "must be between 1 and 1000");
    expect_fault(TOLD "defaults: {on: {failed: [{callback: chat, output: 17KiB}]}}\n", "must be between 0B and 16KiB");
    expect_fault(TOLD "defaults: {on: {started: [{callback: chat, output: 1KiB}]}}\n", "'started' is told before");
    expect_fault(TOLD "defaults: {on: {failed: {callback: chat}}}\n", "must be a list of maps");
}

Test(config_callbacks, are_told_no_output_that_is_not_kept)
{
    cr_assert_eq(mkdir("conf.d", 0755), 0);
    write_file(
        "conf.d/a.yaml",
        "commands: {y: {exec: [/bin/true], record: metadata-only, on: {lost: [{callback: chat, output: 1B}]}}}\n",
        0600);
    expect_fault(TOLD, "commands.y.on.lost[0].output: is not kept, for the command says 'record: metadata-only'");
}
