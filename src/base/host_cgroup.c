#include "sallyport/base/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#define PROC_TEXT_MAX (1024 * 1024)

static char *host_read(const char *path)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = NULL;
    size_t size;
    if (fd < 0 || fd_read_file(fd, PROC_TEXT_MAX, &data, &size, NULL) < 0)
        return NULL;
    return (char *)data;
}

static char *host_read_in(const char *directory, const char *name)
{
    char path[PATH_MAX_BYTES + NAME_MAX_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return host_read(path);
}

uint32_t host_controllers(const char *text)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } names[] = { { "memory", HOST_MEMORY }, { "pids", HOST_PIDS }, { "cpu", HOST_CPU }, { "io", HOST_IO } };

    uint32_t found = 0;
    while (*(text += strspn(text, " \n")) != '\0') {
        size_t length = strcspn(text, " \n");
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (strlen(names[i].name) == length && memcmp(names[i].name, text, length) == 0)
                found |= names[i].bit;
        text += length;
    }
    return found;
}

/* One line of mountinfo: "36 35 98:0 /root /mount/point options optional... - type source super". */
struct mount_line {
    char root[PATH_MAX_BYTES], point[PATH_MAX_BYTES], type[NAME_MAX_BYTES];
};

static bool mount_line_read(const char *line, struct mount_line *mount)
{
    const char *end = strchrnul(line, '\n');
    const char *dash = memmem(line, (size_t)(end - line), " - ", 3);
    return dash != NULL && sscanf(line, "%*s %*s %*s %1023s %1023s", mount->root, mount->point) == 2 &&
           sscanf(dash + 3, "%63s", mount->type) == 1;
}

static const char *line_next(const char *line)
{
    const char *end = strchrnul(line, '\n');
    return *end == '\n' ? end + 1 : end;
}

/* What follows the directory root in path, beginning with '/' or empty; NULL if path is not below it. */
static const char *path_below(const char *path, const char *root)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return strcmp(path + length, "/") == 0 ? "" : path + length;
}

void host_cgroup_locate(const char *mountinfo, const char *self_cgroup, struct host_cgroup *ret_cgroup)
{
    struct mount_line mount, best = { 0 };
    for (const char *line = mountinfo; *line != '\0'; line = line_next(line)) {
        if (!mount_line_read(line, &mount) || strcmp(mount.type, "cgroup2") != 0)
            continue;
        if (best.point[0] == '\0' || (strcmp(mount.root, "/") == 0 && strcmp(best.root, "/") != 0))
            best = mount;
    }
    text_copy(ret_cgroup->mount, sizeof ret_cgroup->mount, best.point);
    ret_cgroup->own[0] = '\0';
    if (best.point[0] == '\0')
        return;

    for (const char *line = self_cgroup; *line != '\0'; line = line_next(line)) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        char path[PATH_MAX_BYTES];
        if (!text_copy_bytes(path, sizeof path, line + 3, strcspn(line + 3, "\n")))
            return;
        const char *below = path_below(path, best.root);
        int length = below == NULL ? -1 : snprintf(ret_cgroup->own, sizeof ret_cgroup->own, "%s%s", best.point, below);
        if (length < 0 || (size_t)length >= sizeof ret_cgroup->own)
            ret_cgroup->own[0] = '\0';
    }
}

/* Systemd marks what it delegates: user.delegate since version 251, trusted.delegate before, which only root reads. */
static bool cgroup_is_delegated(const char *directory)
{
    char value = '\0';
    return (getxattr(directory, "user.delegate", &value, 1) == 1 && value == '1') ||
           (getxattr(directory, "trusted.delegate", &value, 1) == 1 && value == '1');
}

static bool cgroup_is_writable(const char *directory)
{
    char path[PATH_MAX_BYTES + NAME_MAX_BYTES];
    snprintf(path, sizeof path, "%s/cgroup.procs", directory);
    return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0 &&
           faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static bool cgroup_holds_only_us(const char *directory)
{
    auto_free char *pids = host_read_in(directory, "cgroup.procs");
    char ours[24];
    snprintf(ours, sizeof ours, "%d\n", (int)getpid());
    return pids != NULL && strcmp(pids, ours) == 0;
}

static void cgroup_place(struct host_cgroup *cgroup, enum host_cgroup_place place, const char *parent)
{
    cgroup->place = place;
    text_copy(cgroup->parent, sizeof cgroup->parent, parent);
    /* A controller reaches children if it is enabled already, or if we may enable it: the kernel lets nobody enable
     * controllers below a group that holds processes, and we can move only ourselves out of the way. */
    bool may_enable = place == HOST_CGROUP_OWN && cgroup->is_alone;
    auto_free char *text = host_read_in(parent, may_enable ? "cgroup.controllers" : "cgroup.subtree_control");
    cgroup->controllers = text == NULL ? 0 : host_controllers(text);
    if ((cgroup->controllers & (HOST_MEMORY | HOST_PIDS)) == (HOST_MEMORY | HOST_PIDS))
        return;
    if (place == HOST_CGROUP_OWN && !cgroup->is_alone)
        snprintf(cgroup->why, sizeof cgroup->why,
                 "other processes are in our group '%s', so controllers cannot be enabled below it", cgroup->own);
    else
        snprintf(cgroup->why, sizeof cgroup->why, "'%s/%s' does not list them", parent,
                 may_enable ? "cgroup.controllers" : "cgroup.subtree_control");
}

void host_cgroup_probe(bool is_root, struct host_cgroup *ret_cgroup)
{
    memset(ret_cgroup, 0, sizeof *ret_cgroup);
    auto_free char *mountinfo = host_read("/proc/self/mountinfo");
    auto_free char *self_cgroup = host_read("/proc/self/cgroup");
    if (mountinfo != NULL && self_cgroup != NULL)
        host_cgroup_locate(mountinfo, self_cgroup, ret_cgroup);
    if (ret_cgroup->mount[0] == '\0') {
        snprintf(ret_cgroup->why, sizeof ret_cgroup->why, "cgroup version 2 is not mounted");
        return;
    }

    const char *own = ret_cgroup->own;
    bool has_own = own[0] != '\0' && cgroup_is_writable(own);
    ret_cgroup->is_alone = has_own && cgroup_holds_only_us(own);
    if (is_root) {
        bool is_ours =
            has_own && ret_cgroup->is_alone && strcmp(own, ret_cgroup->mount) != 0 && cgroup_is_delegated(own);
        if (is_ours)
            cgroup_place(ret_cgroup, HOST_CGROUP_OWN, own);
        else if (cgroup_is_writable(ret_cgroup->mount))
            cgroup_place(ret_cgroup, HOST_CGROUP_FRESH, ret_cgroup->mount);
        else
            snprintf(ret_cgroup->why, sizeof ret_cgroup->why, "'%s' cannot be written", ret_cgroup->mount);
        return;
    }
    if (has_own)
        cgroup_place(ret_cgroup, HOST_CGROUP_OWN, own);
    else
        snprintf(ret_cgroup->why, sizeof ret_cgroup->why, "our group %s%s%s is not delegated to this user",
                 own[0] != '\0' ? "'" : "", own[0] != '\0' ? own : "(not visible here)", own[0] != '\0' ? "'" : "");
}
