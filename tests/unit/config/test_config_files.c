/* Which files are believed, and what several of them say together. Runs in a directory of its own below /tmp. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"

#define DIGITS       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee"
#define COMMAND      "commands: {x: {exec: [/bin/true]}}\n"

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char said[8192];
static struct error err;

static void enter(void)
{
    umask(022);
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void clear(void)
{
    cr_assert_eq(chdir("/"), 0);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(config_files, .init = enter, .fini = clear);

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* The owner check that a file of this test's own user passes. */
static enum config_owner_check mine(void)
{
    return geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF;
}

static int load(const char *path, enum config_owner_check check, struct config **ret_config)
{
    memset(said, 0, sizeof said);
    err = (struct error){ 0 };
    *ret_config = NULL;
    FILE *report = fmemopen(said, sizeof said, "w");
    int done = config_load(path, check, report, ret_config, &err);
    fclose(report);
    return done;
}

static void expect_taken(const char *path)
{
    struct config *config;
    cr_expect_eq(load(path, mine(), &config), 0, "%s %s", err.text, said);
    config_free(config);
}

static void expect_refused(const char *path, int code, const char *part)
{
    struct config *config;
    cr_expect_eq(load(path, mine(), &config), -code, "%s %s", err.text, said);
    cr_expect(strstr(err.text, part) != NULL || strstr(said, part) != NULL, "not '%s' in: %s\n%s", part, err.text,
              said);
    config_free(config);
}

Test(config_files, in_a_private_directory_below_tmp_are_believed)
{
    char path[256];
    write_file("c.yaml", COMMAND);
    snprintf(path, sizeof path, "%s/c.yaml", directory);
    expect_taken(path);
    expect_taken("c.yaml");
    expect_taken("./c.yaml");
}

Test(config_files, that_others_can_write_are_refused)
{
    write_file("c.yaml", COMMAND);
    chmod("c.yaml", 0664);
    expect_refused("c.yaml", EPERM, "/c.yaml' can be changed by others; do: chmod go-w '/tmp/sallyport-test-");
    chmod("c.yaml", 0646);
    expect_refused("c.yaml", EPERM, "can be changed by others");
}

Test(config_files, in_directories_that_others_can_write_are_refused)
{
    mkdir("open", 0755);
    write_file("open/c.yaml", COMMAND);
    chmod("open", 0777);
    expect_refused("open/c.yaml", EPERM, "/open' can be changed by others; do: chmod go-w '");
    chmod("open", 0755);
    expect_taken("open/c.yaml");
}

Test(config_files, directly_in_a_sticky_directory_are_refused)
{
    char path[256];
    snprintf(path, sizeof path, "%s.yaml", directory);
    write_file(path, COMMAND);
    expect_refused(path, EPERM, "lies in a directory where everybody can put files; move it to one of its own");
    unlink(path);
}

Test(config_files, behind_symbolic_links_are_refused_with_the_real_name)
{
    mkdir("real", 0755);
    write_file("real/c.yaml", COMMAND);
    cr_assert_eq(symlink("c.yaml", "real/link.yaml"), 0);
    cr_assert_eq(symlink("real", "link"), 0);
    expect_refused("real/link.yaml", EPERM,
                   "/real/link.yaml' is a symbolic link, which could be changed behind our back; "
                   "name its target '/tmp/sallyport-test-");
    expect_refused("link/c.yaml", EPERM, "is a symbolic link");
}

Test(config_files, of_another_user_are_refused)
{
    if (geteuid() != 0)
        cr_skip_test("needs root to give a file away");
    write_file("c.yaml", COMMAND);
    cr_assert_eq(chown("c.yaml", 65534, 65534), 0);
    expect_refused("c.yaml", EPERM, "belongs to uid 65534, who could change it; do: chown root '");
}

Test(config_files, of_somebody_else_are_only_warned_of_when_checking_a_draft)
{
    struct config *config;
    write_file("c.yaml", COMMAND);
    chmod("c.yaml", 0666);
    cr_expect_eq(load("c.yaml", CONFIG_OWNER_ANY, &config), 0, "%s", err.text);
    cr_expect_eq(strncmp(said, "c.yaml: warning: '/tmp/sallyport-test-", 38), 0, "%s", said);
    config_free(config);
}

Test(config_files, that_are_none_get_an_error_of_their_own)
{
    mkdir("directory.yaml", 0755);
    cr_assert_eq(mkfifo("fifo.yaml", 0600), 0);
    expect_refused("missing/c.yaml", ENOENT, "/missing/c.yaml': No such file or directory");
    expect_refused("directory.yaml", EINVAL, "'directory.yaml' is no regular file");
    expect_refused("fifo.yaml", EPERM, "is no regular file");
}

Test(config_files, of_conf_d_merge_in_byte_order)
{
    struct config *config;
    mkdir("conf.d", 0755);
    write_file("c.yaml", "defaults: {timeout: 1m, sandbox: {pids: 5}}\n" COMMAND);
    write_file("conf.d/20.yaml", "defaults: {timeout: 3m}\ncommands: {z: {exec: [/bin/true]}}\n");
    write_file("conf.d/10.yaml", "defaults: {timeout: 2m, sandbox: {memory: 1GiB}}\n");
    write_file("conf.d/30.yml", "nonsense: 1\n");
    write_file("conf.d/.hidden.yaml", "nonsense: 1\n");
    cr_assert_eq(load("c.yaml", mine(), &config), 0, "%s %s", err.text, said);
    cr_expect_eq(config->policy->command_count, 2);
    cr_expect_eq(config->policy->commands[1].timeout_ms, 180000);
    cr_expect_eq(config->policy->commands[0].pids_max, 5);
    cr_expect_eq(config->policy->commands[0].memory_max_bytes, 1024ull * 1024 * 1024);
    config_free(config);
}

Test(config_files, of_conf_d_may_not_repeat_a_command)
{
    mkdir("conf.d", 0755);
    write_file("c.yaml", "# first\n" COMMAND);
    write_file("conf.d/a.yaml", "\n\ncommands: {x: {exec: [/bin/false]}}\n");
    expect_refused("c.yaml", EINVAL, "conf.d/a.yaml:3:12: commands.x: is there already, in c.yaml:2:12\n");
}

Test(config_files, of_conf_d_are_named_in_faults)
{
    mkdir("conf.d", 0755);
    write_file("c.yaml", COMMAND);
    write_file("conf.d/a.yaml", "defaults:\n  timeout: 5\n");
    expect_refused("c.yaml", EINVAL, "conf.d/a.yaml:2:12: defaults.timeout: 5 has no unit; write 5s for seconds");
    chmod("conf.d/a.yaml", 0666);
    expect_refused("c.yaml", EINVAL, "conf.d/a.yaml: '/tmp/sallyport-test-");
    chmod("conf.d", 0777);
    expect_refused("c.yaml", EINVAL, "conf.d: '/tmp/sallyport-test-");
}

Test(config_files, may_hold_the_hash_of_a_token)
{
    char text[512];
    struct config *config;
    snprintf(text, sizeof text, "tokens: {a: {hash: \"file:%s/hash\", allow: [admin]}}\n", directory);
    write_file("c.yaml", text);
    write_file("hash", "sha256:" DIGITS "\n");
    cr_assert_eq(load("c.yaml", mine(), &config), 0, "%s %s", err.text, said);
    cr_expect_eq(config->identities[0].token_sha256[0][31], 0xef);
    config_free(config);

    write_file("hash", "\nsha256:" OTHER_DIGITS " \r\n\n sha256:" DIGITS);
    cr_assert_eq(load("c.yaml", mine(), &config), 0, "%s %s", err.text, said);
    cr_expect_eq(config->identities[0].secret_count, 2);
    cr_expect_eq(config->identities[0].token_sha256[0][31], 0xee, "the newest first");
    cr_expect_eq(config->identities[0].token_sha256[1][31], 0xef);
    cr_expect(strstr(config->identities[0].hash_file, "/hash") != NULL);
    cr_expect_eq(config->identities[0].setting.token_sha256.size, 64);
    config_free(config);

    write_file("hash", "");
    cr_assert_eq(load("c.yaml", mine(), &config), 0, "%s %s", err.text, said);
    cr_expect(strstr(said, "/hash is empty: the token was revoked and is refused") != NULL, "%s", said);
    cr_expect_eq(config->identities[0].setting.token_sha256.size, 0);
    config_free(config);

    write_file("hash", "sha256:" DIGITS "\nsha256:" OTHER_DIGITS "\nsha256:" DIGITS "\n");
    expect_refused("c.yaml", EINVAL, "/hash must hold two lines at most and no more: sha256: and 64 hex digits");
    write_file("hash", "sha256:" DIGITS " sha256:" OTHER_DIGITS "\n");
    expect_refused("c.yaml", EINVAL, "/hash must hold two lines at most and no more: sha256: and 64 hex digits");
    write_file("hash", "sha256:" DIGITS "\nsha256:" DIGITS "\n");
    expect_refused("c.yaml", EINVAL, "tokens.a.hash: names the same secret twice");
    chmod("hash", 0666);
    expect_refused("c.yaml", EINVAL, "tokens.a.hash: '/tmp/sallyport-test-");
    unlink("hash");
    expect_refused("c.yaml", EINVAL, "/hash': No such file or directory");
}

#define SALT "AAECAwQFBgcICQoLDA0ODw"
#define KEY  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define LINE "$scrypt$ln=15,r=8,p=1$" SALT "$" KEY "\n"

static void write_private(const char *path, const char *text)
{
    write_file(path, text);
    chmod(path, 0600);
}

Test(config_files, hold_what_stands_in_for_a_users_password)
{
    char text[1024];
    struct config *config;
    snprintf(text, sizeof text,
             "users: {a: {password: \"file:%s/a\", allow: [admin]}, b: {password: \"file:%s/b\", allow: [admin]}}\n"
             "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin]}}\n",
             directory, directory);
    write_file("c.yaml", text);
    write_private("a", LINE);
    write_private("b", LINE);
    cr_assert_eq(load("c.yaml", mine(), &config), 0, "%s %s", err.text, said);
    cr_expect_str_eq(said, "");
    cr_assert_eq(config->identity_count, 3, "a token may have a user's name");
    cr_expect_str_eq(config->identities[1].setting.password, "$scrypt$ln=15,r=8,p=1$" SALT "$" KEY);
    cr_expect_eq(config->session_idle_ms, 30 * 60 * 1000);
    cr_expect_eq(config->session_max_ms, 12 * 3600 * 1000);
    config_free(config);

    write_private("b", "$scrypt$ln=16,r=8,p=1$" SALT "$" KEY "\n");
    cr_assert_eq(load("c.yaml", mine(), &config), 0, "%s %s", err.text, said);
    cr_expect(strstr(said, "users.b.password: warning: asks for other costs than that of user 'a'") != NULL, "%s",
              said);
    config_free(config);
    write_private("b", "");
    cr_assert_eq(load("c.yaml", mine(), &config), 0, "%s %s", err.text, said);
    cr_expect(strstr(said, "/b is empty: the user cannot log in") != NULL, "%s", said);
    config_free(config);

    write_private("b", "$scrypt$ln=22,r=8,p=1$" SALT "$" KEY "\n");
    expect_refused("c.yaml", EINVAL, "/b asks for too much memory or work");
    write_private("b", "$scrypt$ln=14,r=8,p=1$" SALT "$" KEY "\n");
    expect_refused("c.yaml", EINVAL, "/b asks for too little work");
    write_private("b", "hunter22\n");
    expect_refused("c.yaml", EINVAL, "/b must be a line that `sallyport user hash` prints");
    cr_expect_null(strstr(said, "hunter22"), "what stands in a secret's file is not repeated");
    write_private("b", LINE LINE);
    expect_refused("c.yaml", EINVAL, "/b must hold one line and no more");
    write_private("b", LINE);
    chmod("b", 0640);
    expect_refused("c.yaml", EINVAL, "/b is a secret that others can read: chmod 600 ");
}

Test(config_files, are_where_the_password_of_a_user_must_be)
{
    write_file("c.yaml", "users: {a: {password: hunter22, allow: [admin]}}\n");
    expect_refused("c.yaml", EINVAL, "users.a.password: must be file:PATH");
    write_file("c.yaml", "users: {a: {allow: [admin]}}\n");
    expect_refused("c.yaml", EINVAL, "users.a: 'password' is missing");
    write_file("c.yaml", "users: {aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffffffff: {allow: [admin]}}\n");
    expect_refused("c.yaml", EINVAL, "is too long for a user");
}
