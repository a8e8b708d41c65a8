/*
 * A slot is a user namespace that the launcher's uid owns, with ids that nobody else uses, and a copy of each template root
 * in it. It is made once. A process with that uid enters it with all capabilities in it, and none outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/cell/plan.h"
#include "tree.h"

#define JOB_INNER_ID 1000u /* what a job without an account is called inside its slot */

/* A child that does one thing, tells how it went, and keeps its namespaces until it is told to end. */
struct maker {
    pid_t pid;
    int answer, go;
};

static _Noreturn void maker_answer(int answer_fd, const struct error *err)
{
    ssize_t put = write(answer_fd, err, sizeof *err);
    _exit(put == (ssize_t)sizeof *err ? 0 : 1);
}

/* Says "done so far" and waits for the go-ahead. */
static void maker_pause(int answer_fd, int go_fd)
{
    char byte;
    const struct error fine = { 0 };
    if (write(answer_fd, &fine, sizeof fine) != (ssize_t)sizeof fine || read(go_fd, &byte, 1) != 1)
        _exit(1);
}

static int maker_wait(struct maker *maker, struct error *err)
{
    struct error heard;
    int done = fd_read_exact(maker->answer, &heard, sizeof heard, err);
    if (done < 0)
        return done;
    if (heard.code != 0)
        *err = heard;
    return -heard.code;
}

static int maker_go_on(const struct maker *maker, struct error *err)
{
    return write(maker->go, "g", 1) == 1 ? 0 : fail(err, errno, "let the slot's maker go on");
}

static void maker_done(struct maker *maker)
{
    fd_close(&maker->answer);
    fd_close(&maker->go);
    if (maker->pid > 0)
        waitpid(maker->pid, NULL, 0);
}

/* Forks; the child gets its ends. Returns 0 in both, with maker->pid 0 in the child. */
static int maker_fork(struct maker *maker, int *ret_answer, int *ret_go, struct error *err)
{
    int answer[2], go[2];
    *maker = (struct maker){ .answer = -1, .go = -1 };
    if (pipe2(answer, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    if (pipe2(go, O_CLOEXEC) < 0) {
        int code = errno;
        close(answer[0]);
        close(answer[1]);
        return fail(err, code, "make a pipe");
    }
    maker->pid = fork();
    if (maker->pid == 0) {
        close(answer[0]);
        close(go[1]);
        *ret_answer = answer[1];
        *ret_go = go[0];
        return 0;
    }
    maker->answer = answer[0];
    maker->go = go[1];
    int code = errno;
    close(answer[1]);
    close(go[0]);
    return maker->pid < 0 ? fail(err, code, "fork") : 0;
}

static int open_namespace(pid_t pid, const char *kind, int *ret_fd, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? fail(err, errno, "keep the %s namespace of a slot", kind) : 0;
}

/* The launcher's ids with the capabilities kept: the owner of what we make is that uid, the power to make it still ours. */
static int become_launcher_with_power(const struct ids *ids, struct error *err)
{
    if (ids->is_single)
        return 0;
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2];
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
        setresgid(ids->launcher, ids->launcher, ids->launcher) < 0 ||
        setresuid(ids->launcher, ids->launcher, ids->launcher) < 0)
        return fail(err, errno, "become the launcher's user");
    if (syscall(SYS_capget, &head, sets) < 0)
        return fail(err, errno, "read capabilities");
    for (int i = 0; i < 2; i++)
        sets[i].effective = sets[i].permitted;
    return syscall(SYS_capset, &head, sets) < 0 ? fail(err, errno, "keep capabilities") : 0;
}

/* No user namespace below this one: without it a job without capabilities can make none of any kind. */
static int forbid_inner_namespaces(const struct bootstrap *bootstrap, struct error *err)
{
    auto_fd int fd = openat(bootstrap->sysctl_user_fd, "max_user_namespaces", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        return fail(err, errno, "set user.max_user_namespaces of a slot to 0");
    return 0;
}

static _Noreturn void make_user_namespace(const struct bootstrap *bootstrap, int answer_fd, int go_fd)
{
    struct error err = { 0 };
    if (become_launcher_with_power(&bootstrap->ids, &err) < 0)
        maker_answer(answer_fd, &err);
    if (unshare(CLONE_NEWUSER) < 0) {
        fail(&err, errno, "make a user namespace");
        maker_answer(answer_fd, &err);
    }
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else our parent, without power over the host's root, may not open our maps */
    maker_pause(answer_fd, go_fd);      /* it writes them now */
    if (forbid_inner_namespaces(bootstrap, &err) < 0)
        maker_answer(answer_fd, &err);
    maker_pause(answer_fd, go_fd); /* it opens the namespace now */
    _exit(0);
}

static int write_map(pid_t pid, const char *name, const char *text, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open %s of a slot", name);
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : fail(err, errno, "write %s of a slot", name);
}

/*
 * Two ids: the slot's inner root, which init has, and the job's own. Instead of the second the one real account that the
 * slot serves, under its real number. A single id is the job's, and there is no inner root.
 */
static int write_maps(const struct bootstrap *bootstrap, const struct slot *slot, uint32_t index, pid_t pid,
                      struct error *err)
{
    const struct ids *ids = &bootstrap->ids;
    char uid_map[128], gid_map[128];
    if (ids->is_single) {
        int done = write_map(pid, "setgroups", "deny", err);
        if (done < 0)
            return done;
        snprintf(uid_map, sizeof uid_map, "%u 0 1\n", slot->uid);
        snprintf(gid_map, sizeof gid_map, "%u 0 1\n", slot->gid);
    } else {
        uint32_t inner_root = ids->slots + 2 * index, own = inner_root + 1;
        bool has_account = slot->account != ACCOUNT_NONE;
        snprintf(uid_map, sizeof uid_map, "0 %u 1\n%u %u 1\n", inner_root, slot->uid, has_account ? slot->uid : own);
        snprintf(gid_map, sizeof gid_map, "0 %u 1\n%u %u 1\n", inner_root, slot->gid, has_account ? slot->gid : own);
    }
    int done = write_map(pid, "gid_map", gid_map, err);
    return done < 0 ? done : write_map(pid, "uid_map", uid_map, err);
}

static int slot_make(struct bootstrap *bootstrap, struct slot *slot, uint32_t index, struct error *err)
{
    struct maker maker;
    int answer_fd = -1, go_fd = -1;
    int done = maker_fork(&maker, &answer_fd, &go_fd, err);
    if (done == 0 && maker.pid == 0)
        make_user_namespace(bootstrap, answer_fd, go_fd);
    if (done == 0)
        done = maker_wait(&maker, err);
    if (done == 0)
        done = write_maps(bootstrap, slot, index, maker.pid, err);
    if (done == 0)
        done = maker_go_on(&maker, err);
    if (done == 0)
        done = maker_wait(&maker, err);
    if (done == 0)
        done = open_namespace(maker.pid, "user", &slot->user_namespace, err);
    maker_done(&maker);
    return done < 0 ? fail_in(err, "slot %u", index) : 0;
}

static _Noreturn void make_owner_map(int answer_fd, int go_fd)
{
    struct error err = { 0 };
    if (unshare(CLONE_NEWUSER) < 0) {
        fail(&err, errno, "make a user namespace");
        maker_answer(answer_fd, &err);
    }
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    maker_pause(answer_fd, go_fd); /* our parent writes the maps now, and opens the namespace */
    _exit(0);
}

/*
 * A user namespace in which nobody ever is: it says that what belongs to root in an image belongs to this slot's job. So a
 * change of a file is copied to the job's own layer; of a file whose owner has no id in the slot, the kernel copies nothing.
 */
static int owner_map_make(const struct bootstrap *bootstrap, uint32_t index, int *ret_fd, struct error *err)
{
    struct maker maker;
    const struct slot *slot = &bootstrap->slots[index];
    bool has_account = slot->account != ACCOUNT_NONE;
    uint32_t own = bootstrap->ids.slots + 2 * index + 1;
    int answer_fd = -1, go_fd = -1;
    char uid_map[32], gid_map[32];
    snprintf(uid_map, sizeof uid_map, "0 %u 1\n", has_account ? slot->uid : own);
    snprintf(gid_map, sizeof gid_map, "0 %u 1\n", has_account ? slot->gid : own);
    int done = maker_fork(&maker, &answer_fd, &go_fd, err);
    if (done == 0 && maker.pid == 0)
        make_owner_map(answer_fd, go_fd);
    if (done == 0)
        done = maker_wait(&maker, err);
    if (done == 0)
        done = write_map(maker.pid, "gid_map", gid_map, err);
    if (done == 0)
        done = write_map(maker.pid, "uid_map", uid_map, err);
    if (done == 0)
        done = open_namespace(maker.pid, "user", ret_fd, err);
    maker_done(&maker);
    return done;
}

/* In our own copy of the template: the image in it becomes one whose files belong to the slot's job. */
static int map_image(int owner_map, struct error *err)
{
    auto_fd int tree = -1;
    if (unshare(CLONE_NEWNS) < 0)
        return fail(err, errno, "copy a template root");
    int done = tree_copy_mapped(CELL_IMAGE_PLACE, owner_map, &tree, err);
    if (done == -EINVAL)
        return fail_plain(err, EINVAL,
                          "the file system of the store of images cannot give files another owner for each job "
                          "(ID-mapped mounts); let images.dir be on ext4, xfs or btrfs");
    auto_fd int root = done == 0 ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (done == 0 && root < 0)
        done = fail(err, errno, "open '/'");
    return done < 0 ? done : tree_attach(root, CELL_IMAGE_PLACE, tree, err);
}

/* Copies the template: entering the slot's user namespace first makes the copy less privileged than its origin. */
static _Noreturn void copy_template(const struct slot *slot, int template_fd, int owner_map, int answer_fd, int go_fd)
{
    struct error err = { 0 };
    if (setns(template_fd, CLONE_NEWNS) < 0)
        fail(&err, errno, "enter a template root");
    else if (owner_map >= 0 && map_image(owner_map, &err) < 0)
        maker_answer(answer_fd, &err);
    else if (setns(slot->user_namespace, CLONE_NEWUSER) < 0)
        fail(&err, errno, "enter a slot");
    else if (unshare(CLONE_NEWNS) < 0)
        fail(&err, errno, "copy a template root");
    if (err.code != 0)
        maker_answer(answer_fd, &err);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    maker_pause(answer_fd, go_fd);
    _exit(0);
}

int slot_make_root(struct bootstrap *bootstrap, uint32_t index, const struct root *root, int template_fd,
                   int *ret_namespace, struct error *err)
{
    struct maker maker;
    int answer_fd = -1, go_fd = -1;
    auto_fd int owner_map = -1;
    /* Where there is one id, the image's files are the job's already. */
    if (root->image_kind == ROOT_IMAGE_WRITABLE && !bootstrap->ids.is_single) {
        int done = owner_map_make(bootstrap, index, &owner_map, err);
        if (done < 0)
            return done;
    }
    int done = maker_fork(&maker, &answer_fd, &go_fd, err);
    if (done == 0 && maker.pid == 0)
        copy_template(&bootstrap->slots[index], template_fd, owner_map, answer_fd, go_fd);
    if (done == 0)
        done = maker_wait(&maker, err);
    if (done == 0)
        done = open_namespace(maker.pid, "mnt", ret_namespace, err);
    maker_done(&maker);
    return done;
}

static bool has_slots_for(const struct bootstrap *bootstrap, uint32_t account)
{
    for (uint32_t i = 0; i < bootstrap->slot_count; i++)
        if (bootstrap->slots[i].account == account)
            return true;
    return false;
}

static int add_slots(struct bootstrap *bootstrap, uint32_t account, uint32_t count, struct error *err)
{
    if (bootstrap->slot_count + count > SLOT_COUNT_MAX ||
        2 * (bootstrap->slot_count + count) > bootstrap->ids.slot_ids + 2 * SLOT_COUNT_MAX)
        return fail_plain(err, ERANGE, "slots: more than %d in all; lower slots.count or slots.per_user",
                          SLOT_COUNT_MAX);
    struct slot *larger = realloc(bootstrap->slots, (bootstrap->slot_count + count) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "make slots");
    bootstrap->slots = larger;
    for (uint32_t i = 0; i < count; i++) {
        struct slot *slot = &bootstrap->slots[bootstrap->slot_count];
        *slot = (struct slot){ .account = account, .uid = JOB_INNER_ID, .gid = JOB_INNER_ID, .user_namespace = -1 };
        if (account != ACCOUNT_NONE) {
            slot->uid = bootstrap->accounts[account].uid;
            slot->gid = bootstrap->accounts[account].gid;
        }
        for (unsigned root = 0; root < ROOT_COUNT_MAX; root++)
            slot->roots[root] = -1;
        int done = slot_make(bootstrap, slot, bootstrap->slot_count, err);
        if (done < 0)
            return done;
        bootstrap->slot_count++;
    }
    return 0;
}

int slots_make(struct bootstrap *bootstrap, const struct config *config, struct error *err)
{
    int done = 0;
    if (!has_slots_for(bootstrap, ACCOUNT_NONE))
        done = add_slots(bootstrap, ACCOUNT_NONE, config->slot_count, err);
    for (uint32_t i = 0; i < bootstrap->account_count && done == 0; i++)
        if (!has_slots_for(bootstrap, i))
            done = add_slots(bootstrap, i, config->slots_per_account, err);
    return done;
}

void slots_drop(struct bootstrap *bootstrap, uint32_t from)
{
    while (bootstrap->slot_count > from)
        fd_close(&bootstrap->slots[--bootstrap->slot_count].user_namespace);
}
