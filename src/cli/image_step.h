/*
 * One step of pulling an image, in a process of its own that has given up everything else before it touches a stranger's
 * byte: own pid, mount, IPC and host-name namespaces, an id that owns nothing, no capability, Landlock, limits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Who does it. `is_root`: we can become somebody else; otherwise a user namespace of our own id is made. */
struct image_worker {
    uint32_t uid, gid;
    bool is_root;
};

/* The account sallyport-image, or an id beside those of the slots; ourselves for an ordinary user. */
struct image_worker image_worker_choose(void);

/*
 * Runs skopeo, which takes the image from a registry to `fetched` in work_fd. It sees the host's tree read-only, through
 * Landlock only programs, libraries and /etc, and may connect.
 */
int image_step_fetch(const struct image_worker *worker, int work_fd, const char *image, bool is_plain,
                     struct error *err);

/*
 * Unpacks into `rootfs` in work_fd and writes `settings` there. Its root is work_fd, it has no network, and a filter.
 *   layout_fd   an OCI layout, or -1 for what was fetched
 */
int image_step_unpack(const struct image_worker *worker, int work_fd, int layout_fd, const char *digest,
                      struct error *err);
