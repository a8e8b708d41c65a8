#include "paths.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "sallyport/limits.h"

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static const char *step_fault(const char *step, size_t length)
{
    if (length == 0)
        return "has an empty step: write one '/' between names, and none at the end";
    if ((length == 1 && step[0] == '.') || (length == 2 && step[0] == '.' && step[1] == '.'))
        return "has a step '.' or '..': write the path in its shortest form";
    return NULL;
}

const char *path_fault(const char *path)
{
    if (path[0] != '/')
        return "must be an absolute path: it starts with '/'";
    if (strlen(path) >= PATH_MAX_BYTES)
        return "is too long for a path: at most 1023 bytes";
    if (has_control(path))
        return "has a control character, which no path here may have";
    if (path[1] == '\0')
        return NULL;
    const char *step = path + 1, *why = NULL;
    while (why == NULL && step != NULL) {
        const char *end = strchr(step, '/');
        why = step_fault(step, end != NULL ? (size_t)(end - step) : strlen(step));
        step = end != NULL ? end + 1 : NULL;
    }
    return why;
}

static bool is_within(const char *path, const char *tree)
{
    size_t length = strlen(tree);
    return strncmp(path, tree, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Behind these sockets somebody does as root whatever is asked. */
#define AS_GOOD_AS_ROOT                                                                                                \
    "whoever speaks to the service behind it is as good as root, and every wall around the job is no use"

const char *bind_fault(const char *path)
{
    static const struct {
        const char *tree, *why;
        bool is_only_itself;
    } refused[] = {
        { "/proc", "jobs have a /proc of their own; the host's is never shown", false },
        { "/sys", "the host's /sys is never shown to jobs", false },
        { "/dev", "jobs have a small /dev of their own; the host's devices are never shown", false },
        { "/tmp", "jobs have a /tmp of their own, which would hide it; use a directory elsewhere", false },
        { "/run/secrets", "secrets are delivered in /run/secrets, which would hide it", false },
        { "/run", "all of /run would show every socket of the host; list what is needed by name", true },
        { "/run/docker.sock", AS_GOOD_AS_ROOT, false },
        { "/run/containerd", AS_GOOD_AS_ROOT, false },
        { "/run/podman", AS_GOOD_AS_ROOT, false },
        { "/run/crio", AS_GOOD_AS_ROOT, false },
        { "/run/libvirt", AS_GOOD_AS_ROOT, false },
        { "/run/systemd/private", AS_GOOD_AS_ROOT, false },
        { "/run/dbus", AS_GOOD_AS_ROOT, false },
        { "/run/user", AS_GOOD_AS_ROOT, false },
    };
    if (strcmp(path, "/") == 0)
        return "the whole host is never shown to jobs; list what is needed";
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bool is_hit = refused[i].is_only_itself ? strcmp(path, refused[i].tree) == 0 : is_within(path, refused[i].tree);
        if (is_hit)
            return refused[i].why;
    }
    return NULL;
}
