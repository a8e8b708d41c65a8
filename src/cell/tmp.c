#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cell.h"

static int set_number(int context_fd, const char *key, unsigned long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", number);
    return fsconfig(context_fd, FSCONFIG_SET_STRING, key, text, 0);
}

/* The same as mount_tmpfs() in mounts.c, but for who holds it. */
int tmp_make(const struct plan *plan)
{
    bool is_bounded = has_layer(plan, CELL_LAYER_TMP);
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (is_bounded ? MOUNT_ATTR_NOEXEC : 0);
    int context_fd = fsopen("tmpfs", FSOPEN_CLOEXEC), mount_fd = -1;
    if (context_fd < 0)
        return -1;
    bool is_set = fsconfig(context_fd, FSCONFIG_SET_STRING, "mode", "1777", 0) == 0 &&
                  set_number(context_fd, "uid", plan->uid) == 0 && set_number(context_fd, "gid", plan->gid) == 0 &&
                  (!is_bounded || (set_number(context_fd, "size", plan->tmp_max_bytes) == 0 &&
                                   set_number(context_fd, "nr_inodes", plan->tmp_max_inodes) == 0));
    if (is_set && fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount_fd = fsmount(context_fd, FSMOUNT_CLOEXEC, attributes);
    close(context_fd);
    return mount_fd;
}
