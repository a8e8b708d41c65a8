/*
 * The template of a root: a mount namespace that holds exactly what jobs of some commands may see. It is built once, as root, by a
 * short-lived child, and kept alive by a descriptor. Each slot gets a copy of it, and copying into the less privileged user
 * namespace of a slot locks every mount and every flag: not even a slot's own root can take one back.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "program.h"
#include "sallyport/cell/plan.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "tree.h"

#define TREES_MOST (BIND_COUNT_MAX + 32)

/* What every root shows of the host, when the host has it. Never /etc as a whole. */
static const struct standard {
    const char *path;
    enum tree_kind kind;
    bool for_host_network; /* only where the job shares the host's network */
} standard[] = {
    { "/usr", TREE_PROGRAMS, false },          { "/etc/alternatives", TREE_DATA, false },
    { "/etc/ld.so.cache", TREE_DATA, false },  { "/etc/ld.so.conf", TREE_DATA, false },
    { "/etc/ld.so.conf.d", TREE_DATA, false }, { "/etc/ssl/certs", TREE_DATA, false },
    { "/etc/localtime", TREE_DATA, false },    { "/etc/mime.types", TREE_DATA, false },
    { "/etc/resolv.conf", TREE_DATA, true },   { "/etc/hosts", TREE_DATA, true },
    { "/dev/null", TREE_DEVICE, false },       { "/dev/zero", TREE_DEVICE, false },
    { "/dev/full", TREE_DEVICE, false },       { "/dev/random", TREE_DEVICE, false },
    { "/dev/urandom", TREE_DEVICE, false },
};

/* Beside an image nothing of the host is shown but devices and the files of its network. */
static bool is_shown(const struct standard *tree, const struct root *root)
{
    return (!tree->for_host_network || root->has_host_network) &&
           (root->image[0] == '\0' || tree->for_host_network || tree->kind == TREE_DEVICE);
}

static const struct link {
    const char *path, *target;
} links[] = {
    { "dev/fd", "/proc/self/fd" },
    { "dev/stdin", "/proc/self/fd/0" },
    { "dev/stdout", "/proc/self/fd/1" },
    { "dev/stderr", "/proc/self/fd/2" },
};

static const char *const directories[] = {
    "/tmp", "/dev/shm", "/proc", "/run/secrets", "/run/files", "/etc", "/var/tmp"
};

/* Top-level links into /usr, as the host has them. */
static const char *const usr_links[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };

struct attached {
    const char *path;
    int fd;
};

struct tree_list {
    struct attached trees[TREES_MOST];
    unsigned count;
};

static int list_add(struct tree_list *list, const char *path, enum tree_kind kind, bool follows_links,
                    struct error *err)
{
    if (list->count == TREES_MOST)
        return fail_plain(err, E2BIG, "more than %d trees in one root", TREES_MOST);
    int done = tree_copy(path, kind, follows_links, &list->trees[list->count].fd, err);
    if (done < 0)
        return done;
    list->trees[list->count++].path = path;
    return 0;
}

/* All sources are copied before the new root covers any place of the old one. */
static int copy_sources(const struct root *root, struct tree_list *list, struct error *err)
{
    for (unsigned i = 0; i < sizeof standard / sizeof standard[0]; i++) {
        if (!is_shown(&standard[i], root))
            continue;
        int done = list_add(list, standard[i].path, standard[i].kind, true, err);
        if (done < 0 && done != -ENOENT)
            return done;
    }
    for (uint32_t i = 0; i < root->bind_count; i++) {
        int done =
            list_add(list, root->binds[i].path, root->binds[i].is_writable ? TREE_WRITABLE : TREE_PROGRAMS, false, err);
        if (done < 0)
            return done;
    }
    return 0;
}

static int write_accounts(const struct bootstrap *bootstrap, int root_fd, struct error *err)
{
    char passwd[8192], group[8192];
    int used_passwd = snprintf(passwd, sizeof passwd,
                               "root:x:0:0:root:/tmp:/usr/sbin/nologin\n"
                               "job:x:1000:1000:a job of sallyport:/tmp:/usr/sbin/nologin\n"
                               "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n");
    int used_group = snprintf(group, sizeof group, "root:x:0:\njob:x:1000:\nnogroup:x:65534:\n");
    for (uint32_t i = 0; i < bootstrap->account_count; i++) {
        const struct account *account = &bootstrap->accounts[i];
        used_passwd += snprintf(passwd + used_passwd, sizeof passwd - (size_t)used_passwd,
                                "%s:x:%u:%u::/tmp:/usr/sbin/nologin\n", account->name, account->uid, account->gid);
        used_group +=
            snprintf(group + used_group, sizeof group - (size_t)used_group, "%s:x:%u:\n", account->name, account->gid);
        if ((size_t)used_passwd >= sizeof passwd || (size_t)used_group >= sizeof group)
            return fail_plain(err, E2BIG, "too many accounts for the jobs' /etc/passwd");
    }
    int done = tree_make_file(root_fd, "/etc/passwd", passwd, err);
    return done < 0 ? done : tree_make_file(root_fd, "/etc/group", group, err);
}

static int write_skeleton(const struct bootstrap *bootstrap, const struct root *root, int root_fd, struct error *err)
{
    int done = 0;
    for (unsigned i = 0; i < sizeof directories / sizeof directories[0] && done == 0; i++)
        done = tree_make_directories(root_fd, directories[i], err);
    if (done == 0)
        done = write_accounts(bootstrap, root_fd, err);
    if (done == 0)
        done = tree_make_file(root_fd, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n", err);
    if (done == 0)
        done = tree_make_file(root_fd, "/etc/hostname", "job\n", err);
    if (done == 0 && !root->has_host_network)
        done = tree_make_file(root_fd, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", err);
    if (done < 0)
        return done;
    for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++)
        if (symlinkat(links[i].target, root_fd, links[i].path) < 0)
            return fail(err, errno, "make '/%s' in the job's root", links[i].path);
    for (unsigned i = 0; i < sizeof usr_links / sizeof usr_links[0] && root->image[0] == '\0'; i++) {
        char path[16], target[64];
        snprintf(path, sizeof path, "/%s", usr_links[i]);
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length < 0 && errno != ENOENT && errno != EINVAL)
            return fail(err, errno, "read the link '%s'", path);
        if (length <= 0)
            continue;
        target[length] = '\0';
        if (symlinkat(target, root_fd, usr_links[i]) < 0)
            return fail(err, errno, "make '%s' in the job's root", path);
    }
    return 0;
}

/* The image's files lie beside the root's own, at a place where a cell finds them and makes a root of them (cell/image.c). */
static int attach_image(int root_fd, int image_fd, struct error *err)
{
    int done = tree_attach(root_fd, CELL_IMAGE_PLACE, image_fd, err);
    return done < 0 ? done : tree_make_directories(root_fd, CELL_IMAGE_UPPER, err);
}

/* Runs in the child: from the host's tree to the finished root. */
static int build(const struct bootstrap *bootstrap, const struct root *root, struct error *err)
{
    struct tree_list list = { .count = 0 };
    int root_fd, proc_fd;
    auto_fd int host_fd = -1, image_fd = -1;
    int done = 0;
    if (root->image_kind != ROOT_OF_HOST) /* what we hold is of the namespace that we are about to leave */
        done = tree_copy_at(images_held(bootstrap, root->image), "rootfs", TREE_PROGRAMS, false, &image_fd, err);
    if (done < 0)
        return done;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail(err, errno, "make a mount namespace");
    if ((host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        return fail(err, errno, "open '/'");
    done = copy_sources(root, &list, err);
    if (done < 0 || (done = tree_dead_proc(&proc_fd, err)) < 0 || (done = tree_new_tmpfs("0755", &root_fd, err)) < 0)
        return done;
    umask(022);
    done = write_skeleton(bootstrap, root, root_fd, err);
    /* Trees can be attached below an attached one only from kernel 6.15 on; older ones want a place in a real tree. */
    if (done == 0 && (done = tree_attach(host_fd, "/tmp", root_fd, err)) < 0)
        return fail_in(err, "attach the job's root");
    for (unsigned i = 0; i < list.count && done == 0; i++)
        done = tree_attach(root_fd, list.trees[i].path, list.trees[i].fd, err);
    if (done == 0)
        done = tree_attach(root_fd, "/proc", proc_fd, err);
    if (done == 0 && image_fd >= 0)
        done = attach_image(root_fd, image_fd, err);
    return done < 0 ? done : tree_become_root(root_fd, err);
}

/* What the child says about one program, or about its own failure. */
struct finding {
    bool has_failed;
    struct error err;
    uint32_t command;
    struct program program;
};

/* Programs are looked for as jobs will: in an image, which is the root then. We end soon, so the namespace keeps its own. */
static int enter_programs(const struct root *root, struct error *err)
{
    if (root->image_kind != ROOT_OF_HOST && (chroot(CELL_IMAGE_PLACE) < 0 || chdir("/") < 0))
        return fail(err, errno, "enter the image");
    return 0;
}

static _Noreturn void build_and_identify(const struct bootstrap *bootstrap, const struct policy *policy, uint32_t root,
                                         int answer_fd, int go_fd)
{
    struct finding finding = { 0 };
    char byte;
    finding.has_failed = build(bootstrap, &policy->roots[root], &finding.err) < 0 ||
                         enter_programs(&policy->roots[root], &finding.err) < 0;
    for (uint32_t i = 0; i < policy->command_count && !finding.has_failed; i++) {
        if (policy->commands[i].root != root || policy->commands[i].unavailable[0] != '\0')
            continue; /* another root's, or told already */
        finding.command = i;
        program_identify(policy->commands[i].program, bootstrap->ids.is_rootless, &finding.program);
        if (fd_write_all(answer_fd, &finding, sizeof finding, NULL) < 0)
            _exit(1);
    }
    finding.command = UINT32_MAX; /* the end of the list, or the failure */
    if (fd_write_all(answer_fd, &finding, sizeof finding, NULL) < 0 || read(go_fd, &byte, 1) != 0)
        _exit(1);
    _exit(0);
}

static int take_findings(struct policy *policy, int answer_fd, struct error *err)
{
    for (;;) {
        struct finding finding;
        int done = fd_read_exact(answer_fd, &finding, sizeof finding, err);
        if (done < 0)
            return done;
        if (finding.has_failed) {
            *err = finding.err;
            return -err->code;
        }
        if (finding.command >= policy->command_count)
            return 0;
        struct command *command = &policy->commands[finding.command];
        command->program_identity = finding.program.identity;
        command->interpreter_identity = finding.program.interpreter_identity;
        memcpy(command->interpreter, finding.program.interpreter, sizeof command->interpreter);
        memcpy(command->interpreter_argument, finding.program.interpreter_argument,
               sizeof command->interpreter_argument);
        memcpy(command->unavailable, finding.program.unavailable, sizeof command->unavailable);
    }
}

int template_make(struct bootstrap *bootstrap, struct policy *policy, uint32_t root, int *ret_namespace,
                  struct error *err)
{
    int answer[2], go[2];
    if (pipe2(answer, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int answer_read = answer[0], answer_write = answer[1];
    if (pipe2(go, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int go_read = go[0], go_write = go[1];
    pid_t pid = fork();
    if (pid < 0)
        return fail(err, errno, "fork");
    if (pid == 0) {
        close(go_write);
        build_and_identify(bootstrap, policy, root, answer_write, go_read);
    }
    fd_close(&answer_write);
    int done = take_findings(policy, answer_read, err);
    if (done == 0) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
        *ret_namespace = open(path, O_RDONLY | O_CLOEXEC);
        if (*ret_namespace < 0)
            done = fail(err, errno, "keep the template of a root");
    }
    fd_close(&go_write); /* the child may end: the descriptor keeps the namespace */
    waitpid(pid, NULL, 0);
    return done;
}
