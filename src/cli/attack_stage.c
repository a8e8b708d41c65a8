#include "attack_stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "doctor.h"
#include "programs.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/probe/harmless.h"
#include "say.h"
#include "yaml.h"

#define CELL_HOST_NAME "sallyport" /* of every job; a host of that name cannot be told from a cell by it */
#define BACKLOG        8

/* --- the configuration ------------------------------------------------------------------------------------------ */

/* The cell as it is where a configuration says nothing; degrade: as doctor says that this host needs it. */
static json_t *own_cell(const char *probe)
{
    struct host_facts facts;
    host_probe(&facts);
    json_t *degrade = json_array();
    for (unsigned bit = 0; bit < DEGRADE_COUNT; bit++)
        if ((doctor_degrade(&facts) & (1u << bit)) != 0)
            json_array_append_new(degrade, json_string(job_degrade_text(bit)));
    json_t *words =
        json_pack("{s:s, s:{s:s, s:b}, s:[]}", "type", "list", "of", "type", "string", "allow_dash", 1, "default");
    json_t *command = json_pack("{s:[s, s], s:{s:o}, s:{s:[s]}}", "exec", probe, "{words...}", "params", "words", words,
                                "sandbox", "read", probe);
    return json_pack("{s:{s:o, s:s, s:s}, s:{s:o}}", "defaults", "degrade", degrade, "timeout", "10s", "grace", "1s",
                     "commands", "attack", command);
}

static int write_config(struct attack_stage *stage, struct error *err)
{
    char probe[PATH_MAX_BYTES];
    if (programs_find("probe", probe, err) < 0)
        return -err->code;
    snprintf(stage->config, sizeof stage->config, "%s/config", stage->directory);
    auto_fd int fd = open(stage->config, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
    if (to == NULL)
        return fail(err, errno, "make '%s'", stage->config);
    fd_take(&fd);
    json_t *config = own_cell(probe);
    yaml_print(to, config);
    json_decref(config);
    bool is_written = ferror(to) == 0;
    return fclose(to) == 0 && is_written ? 0 : fail(err, errno, "write '%s'", stage->config);
}

/* --- what is attacked ------------------------------------------------------------------------------------------- */

/* Anybody may read it: only the cell's root hides it. */
static int write_canary(struct attack_stage *stage, struct error *err)
{
    uint8_t random[16];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return fail(err, errno, "make a secret");
    text_hex(random, sizeof random, stage->nonce);
    snprintf(stage->canary, sizeof stage->canary, "%s/canary", stage->directory);
    auto_fd int fd = open(stage->canary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0)
        return fail(err, errno, "make '%s'", stage->canary);
    return fd_write_all(fd, stage->nonce, strlen(stage->nonce), err);
}

static int listen_at(const struct sockaddr *address, socklen_t size)
{
    auto_fd int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 || bind(fd, address, size) < 0 || listen(fd, BACKLOG) < 0 ? -1 : fd_take(&fd);
}

/* Who has connected waits for us in vain; that the kernel let it is what is asked. */
static void open_listeners(struct attack_stage *stage)
{
    struct sockaddr_un named = { .sun_family = AF_UNIX }, placed = { .sun_family = AF_UNIX };
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof loopback;
    int length = snprintf(named.sun_path + 1, sizeof named.sun_path - 1, "sallyport-selftest-%s", stage->nonce);
    stage->abstract_fd = listen_at((const struct sockaddr *)&named,
                                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length));
    if (stage->abstract_fd >= 0)
        snprintf(stage->abstract, sizeof stage->abstract, "%s", named.sun_path + 1);
    snprintf(stage->socket_path, sizeof stage->socket_path, "%s/socket", stage->directory);
    stage->path_fd = text_copy(placed.sun_path, sizeof placed.sun_path, stage->socket_path)
                         ? listen_at((const struct sockaddr *)&placed, sizeof placed)
                         : -1;
    if (stage->path_fd < 0 || chmod(stage->socket_path, 0666) < 0)
        stage->socket_path[0] = '\0';
    stage->loopback_fd = listen_at((const struct sockaddr *)&loopback, sizeof loopback);
    if (stage->loopback_fd >= 0 && getsockname(stage->loopback_fd, (struct sockaddr *)&loopback, &size) == 0)
        snprintf(stage->port, sizeof stage->port, "%u", ntohs(loopback.sin_port));
}

/* --- all of it -------------------------------------------------------------------------------------------------- */

int attack_stage_set(const char *own_config, struct attack_stage *ret_stage, struct error *err)
{
    struct attack_stage stage = { .abstract_fd = -1, .path_fd = -1, .loopback_fd = -1 };
    const char *base = getenv("TMPDIR");
    int length = snprintf(stage.directory, sizeof stage.directory, "%s/sallyport-selftest-XXXXXX",
                          base != NULL && base[0] == '/' ? base : "/tmp");
    if (length < 0 || (size_t)length >= sizeof stage.directory || mkdtemp(stage.directory) == NULL)
        return fail(err, errno, "make a directory in '%s'", base != NULL ? base : "/tmp");
    int done = chmod(stage.directory, 0755) < 0 ? fail(err, errno, "open '%s' to all", stage.directory) : 0;
    if (done == 0)
        done = write_canary(&stage, err);
    if (done == 0 && own_config == NULL)
        done = write_config(&stage, err);
    if (done < 0) {
        attack_stage_clear(&stage);
        return done;
    }
    if (own_config != NULL)
        snprintf(stage.config, sizeof stage.config, "%s", own_config);
    open_listeners(&stage);
    if (gethostname(stage.host_name, sizeof stage.host_name - 1) < 0 || strcmp(stage.host_name, CELL_HOST_NAME) == 0)
        stage.host_name[0] = '\0';
    *ret_stage = stage;
    return 0;
}

void attack_stage_clear(struct attack_stage *stage)
{
    static const char *const names[] = { "config", "canary", "socket" };
    char path[PATH_MAX_BYTES + 16];
    fd_close(&stage->abstract_fd);
    fd_close(&stage->path_fd);
    fd_close(&stage->loopback_fd);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", stage->directory, names[i]);
        unlink(path);
    }
    if (rmdir(stage->directory) < 0)
        say("'%s' could not be removed and stays", stage->directory);
}

/* What a word means, or NULL. */
static const char *word_meant(const struct attack_stage *stage, const char *word)
{
    const struct {
        const char *name, *meaning;
    } names[] = { { "{nonce}", stage->nonce },         { "{canary}", stage->canary },
                  { "{host_name}", stage->host_name }, { "{abstract}", stage->abstract },
                  { "{port}", stage->port },           { "{socket_path}", stage->socket_path } };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, word) == 0)
            return names[i].meaning[0] == '\0' ? NULL : names[i].meaning;
    return word[0] == '{' ? NULL : word;
}

json_t *attack_stage_words(const struct attack_stage *stage, const struct harmless_attack *attack)
{
    char words[128], *rest = words, *word;
    json_t *all = json_pack("[s]", attack->id);
    snprintf(words, sizeof words, "%s", attack->words);
    while ((word = strsep(&rest, " ")) != NULL) {
        const char *meant = word_meant(stage, word);
        if (word[0] == '\0')
            continue;
        if (meant == NULL || json_array_append_new(all, json_string(meant)) < 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}
