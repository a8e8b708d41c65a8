/*
 * What the bootstrap hands over, before the launcher serves and again at each reload. It comes from our own parent, so a
 * message that does not fit is our own fault, and the caller ends the process.
 */
#include "launcher.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/policy/policy_records.h"

#define POLICY_FILE_MAX_BYTES   (64 * 1024 * 1024)
#define SETTINGS_FILE_MAX_BYTES (64 * 1024)

void launcher_init(struct launcher *launcher)
{
    *launcher = (struct launcher){ .phase = PHASE_HANDOVER, .cgroup_fd = -1, .starts.fd = -1, .null_fd = -1 };
    launcher->control.fd = -1;
    launcher->keeper.fd = -1;
}

static int take_become(struct launcher *launcher, struct message *message, struct error *err)
{
    if (launcher->phase != PHASE_HANDOVER || launcher->has_become)
        return fail_plain(err, EPROTO, "our ids came at the wrong time");
    launcher->become = message->body.become;
    launcher->has_become = true;
    return 0;
}

static int take_cgroup(struct launcher *launcher, struct message *message, struct error *err)
{
    /* Landlock knows the directory from lockdown on, so it cannot change later. */
    if (launcher->phase != PHASE_HANDOVER || launcher->cgroup_fd >= 0)
        return fail_plain(err, EPROTO, "the control groups' directory came at the wrong time");
    launcher->cgroup_fd = fd_take(&message->fds[0]);
    return 0;
}

static int take_start_record(struct launcher *launcher, struct message *message, struct error *err)
{
    /* Another file later on would be another story: what is in the first one could be left out of it. */
    if (launcher->phase != PHASE_HANDOVER || launcher->starts.fd >= 0)
        return fail_plain(err, EPROTO, "the start record came at the wrong time");
    return start_file_take(&launcher->starts, fd_take(&message->fds[0]), err);
}

static struct slot *find_slot(const struct launcher *launcher, uint32_t number)
{
    for (uint32_t i = 0; i < launcher->slot_count; i++)
        if (launcher->slots[i]->number == number)
            return launcher->slots[i];
    return NULL;
}

static int take_slot(struct launcher *launcher, struct message *message, struct error *err)
{
    const struct msg_slot *config = &message->body.slot;
    struct slot *slot = find_slot(launcher, config->slot);
    if (slot != NULL && (slot->account != config->account || slot->uid != config->uid || slot->gid != config->gid))
        return fail_plain(err, EPROTO, "slot %u changed its ids", config->slot);
    if (slot != NULL) {
        slot_replace_supervisor(slot, fd_take(&message->fds[0]));
        return 0;
    }
    if (launcher->slot_count == SLOT_COUNT_MAX)
        return fail_plain(err, EPROTO, "slot %u is one too many", config->slot);
    int done = slot_new(launcher, config, message->fds[0], &slot, err);
    if (done < 0)
        return done;
    fd_take(&message->fds[0]);
    launcher->slots[launcher->slot_count++] = slot;
    supervisor_listen(slot);
    return 0;
}

static int take_slot_root(struct launcher *launcher, struct message *message, struct error *err)
{
    const struct msg_slot_root *root = &message->body.slot_root;
    struct slot *slot = find_slot(launcher, root->slot);
    if (slot == NULL)
        return fail_plain(err, EPROTO, "a root came for slot %u, which is not there", root->slot);
    int done = slot_add_root(slot, root, message->fds[0], err);
    if (done == 0)
        fd_take(&message->fds[0]);
    return done;
}

static int take_policy(struct launcher *launcher, struct message *message, struct error *err)
{
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    struct policy *policy = NULL;
    int done = memfd_read_sealed(message->fds[0], POLICY_FILE_MAX_BYTES, &data, &size, err);
    if (done == 0)
        done = policy_read(data, size, &policy, err);
    if (done < 0)
        return fail_in(err, "policy");
    if (policy == NULL || policy->generation != message->body.generation.generation) {
        policy_free(policy);
        return fail_plain(err, EPROTO, "the policy is not of the generation that was announced");
    }
    policy_free(launcher->next_policy);
    launcher->next_policy = policy;
    return 0;
}

static int read_settings(int fd, struct setting_launcher *ret_settings, struct error *err)
{
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    int done = memfd_read_sealed(fd, SETTINGS_FILE_MAX_BYTES, &data, &size, err);
    if (done < 0)
        return fail_in(err, "settings");
    union any_setting setting;
    uint32_t type = SETTING_NONE;
    struct reader in = { data, size };
    done = record_file_next(&in, setting_defs, SETTING_COUNT, &type, &setting, sizeof setting, err);
    if (done < 0)
        return fail_in(err, "settings");
    if (done == 0 || type != SETTING_LAUNCHER || in.left != 0)
        return fail_plain(err, EPROTO, "settings: not exactly the launcher's");
    *ret_settings = setting.launcher;
    return 0;
}

/* The last part of a generation: from here on it is in force. Running jobs need nothing of the old one. */
static int take_settings(struct launcher *launcher, struct message *message, struct error *err)
{
    struct setting_launcher settings;
    struct policy *policy = launcher->next_policy;
    if (policy == NULL || policy->generation != message->body.generation.generation)
        return fail_plain(err, EPROTO, "settings came without the policy of their generation");
    int done = read_settings(message->fds[0], &settings, err);
    if (done < 0)
        return done;
    struct matcher *matcher = NULL;
    done = matcher_new(policy, &matcher, err);
    if (done < 0)
        return fail_in(err, "policy");
    matcher_free(launcher->matcher);
    policy_free(launcher->policy);
    launcher->policy = policy;
    launcher->matcher = matcher;
    launcher->next_policy = NULL;
    launcher->settings = settings;
    for (uint32_t i = 0; i < launcher->slot_count; i++)
        slot_forget_roots(launcher->slots[i], policy->generation);
    if (launcher->phase != PHASE_HANDOVER)
        log_info("configuration %u is in force", policy->generation);
    return 0;
}

static int take_peer(struct launcher *launcher, struct message *message, struct error *err)
{
    if (message->body.peer.process != PROCESS_KEEPER)
        return fail_plain(err, EPROTO, "a peer that is not a keeper");
    return keeper_join(launcher, fd_take(&message->fds[0]), err);
}

static int take_begin(struct launcher *launcher, struct message *message, struct error *err)
{
    (void)message;
    if (launcher->phase != PHASE_HANDOVER || !launcher->has_become || launcher->policy == NULL)
        return fail_plain(err, EPROTO, "asked to begin without ids, policy or settings, or twice");
    if (launcher->starts.fd < 0)
        return fail_plain(err, EPROTO, "asked to begin without a start record");
    if (launcher->settings.has_cgroup != (launcher->cgroup_fd >= 0))
        return fail_plain(err, EPROTO, "the settings and the control groups' directory do not fit");
    launcher->phase = PHASE_SERVING;
    return 0;
}

static int take_shutdown(struct launcher *launcher, struct message *message, struct error *err)
{
    (void)message;
    if (launcher->phase == PHASE_HANDOVER)
        return fail_plain(err, EPROTO, "asked to stop before we began");
    launcher->phase = PHASE_STOPPING;
    return 0;
}

static int (*const takes[MSG_COUNT])(struct launcher *launcher, struct message *message, struct error *err) = {
    [MSG_BECOME] = take_become,     [MSG_CGROUP] = take_cgroup,       [MSG_START_RECORD] = take_start_record,
    [MSG_SLOT] = take_slot,         [MSG_SLOT_ROOT] = take_slot_root, [MSG_POLICY] = take_policy,
    [MSG_SETTINGS] = take_settings, [MSG_PEER] = take_peer,           [MSG_BEGIN] = take_begin,
    [MSG_SHUTDOWN] = take_shutdown,
};

int handover_take(struct launcher *launcher, struct message *message, struct error *err)
{
    assert(message->type < MSG_COUNT);
    if (takes[message->type] == NULL)
        return fail_plain(err, EPROTO, "'%s' is nothing for a launcher", message_defs[message->type].name);
    if (!launcher->has_become && message->type != MSG_BECOME)
        return fail_plain(err, EPROTO, "'%s' came before our ids", message_defs[message->type].name);
    return takes[message->type](launcher, message, err);
}
