#include "trial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

/*
 * Above what services are told to use, and for each pid another range: two trials at a time share no id, and nor does one with the
 * service whose configuration it tries.
 */
#define TRIAL_FIRST_UID 0x60000000u
#define TRIAL_IDS       1024u
#define TRIAL_PIDS      (1u << 18)

static int keep_one_caller(struct config *config, struct error *err)
{
    if (config->identities == NULL)
        config->identities = calloc(1, sizeof *config->identities);
    if (config->identities == NULL)
        return fail(err, ENOMEM, "know who tries");
    config->identities[0] = (struct config_identity){
        .setting = { .name = "try", .kind = IDENTITY_PEER, .uid = (uint32_t)getuid() },
        .scopes = { { .kind = SCOPE_ADMIN } },
        .scope_count = 1,
    };
    config->identity_count = 1;
    return 0;
}

static int keep_one_listener(struct config *config, const char *socket_path, struct error *err)
{
    struct config_listener *listener = &config->listeners[0];
    *listener = (struct config_listener){ .is_unix = true };
    config->listener_count = 1;
    int length = snprintf(listener->address, sizeof listener->address, "unix:%s", socket_path);
    if (socket_path[0] != '/' || length < 0 || (size_t)length >= sizeof listener->address ||
        !text_copy(listener->path, sizeof listener->path, socket_path))
        return fail_plain(err, EINVAL, "--trial takes the absolute path of a socket");
    return 0;
}

/* The steps of a sequence are the command itself, and come first in the list; what follows it is another job. */
static void keep_steps(struct policy *policy)
{
    for (uint32_t i = 0; i < policy->command_count; i++) {
        struct command *command = &policy->commands[i];
        uint32_t steps = 0;
        while (steps < command->follow_count && command->follows[steps].when == FOLLOW_STEP)
            steps++;
        command->follow_count = steps;
    }
}

int trial_prepare(struct bootstrap *bootstrap, const char *socket_path, struct error *err)
{
    struct config *config = bootstrap->config;
    bootstrap->is_trial = true;
    config->schedule_count = config->callback_count = config->notice_count = 0;
    config->quota = (struct quota){ 0 };
    config->slot_count = config->slots_per_account = 1;
    config->first_uid = TRIAL_FIRST_UID + (uint32_t)getpid() % TRIAL_PIDS * TRIAL_IDS + 16;
    keep_steps(config->policy);
    int done = keep_one_caller(config, err);
    return done < 0 ? done : keep_one_listener(config, socket_path, err);
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

/* Whoever wrote there has ended, and no link is followed. Its depth is that of our own files. */
static void remove_below(int directory_fd)
{
    int copy = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(directory_fd, entry->d_name, 0) == 0)
            continue;
        auto_fd int below = openat(directory_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (below >= 0)
            remove_below(below);
        unlinkat(directory_fd, entry->d_name, AT_REMOVEDIR);
    }
    if (directory != NULL)
        closedir(directory);
}

void trial_remove_state(const struct bootstrap *bootstrap, const char *state)
{
    char above[PATH_MAX_BYTES];
    if (bootstrap->state_fd <= 0)
        return;
    remove_below(bootstrap->state_fd);
    if (rmdir(state) < 0)
        log_warn("'%s' could not be removed and stays", state);
    char *slash = text_copy(above, sizeof above, state) ? strrchr(above, '/') : NULL;
    if (slash == NULL || slash == above)
        return;
    *slash = '\0';
    if (rmdir(above) < 0 && errno != ENOTEMPTY && errno != EEXIST)
        log_warn("'%s' could not be removed and stays", above);
}
