/*
 * The walk of the collector. It believes nothing that it finds: each name is opened in the directory that was opened before
 * it, so that there is no path to be led astray, with a kernel that refuses to leave that directory, to follow a link and to
 * change the file system; and what was opened is judged, not its name. Nothing of the job is left to change anything
 * meanwhile, and nothing here would mind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"
#include "collect.h"
#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/glob.h"

#define LISTING_BYTES 8192
#define NAMES_MAX     (ARTIFACT_COUNT_MAX + ARTIFACT_REJECTED_MAX)

/* A path below the directory, as far as the walk has come. */
struct path {
    char text[GLOB_DEPTH_MAX * 256]; /* the kernel's names have 255 bytes, and no pattern goes deeper */
    size_t length;
};

static struct {
    const struct plan *plan;
    int pipe_fd;
    uint64_t bytes_left;
    uint32_t entries_left, file_count, rejected_count, unlisted_count;
    uint32_t name_count; /* told already: two patterns may match one file */
    char names[NAMES_MAX][ARTIFACT_NAME_MAX_BYTES];
    uint8_t buffer[64 * 1024];
    struct path path;
} walk;

/* --- the stream --- */

static void write_all(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t put = write(walk.pipe_fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            _exit(1);
        at += put;
        size -= (size_t)put;
    }
}

static void write_frame(enum artifact_frame type, const void *body)
{
    uint8_t frame[ARTIFACT_FRAME_MAX_BYTES];
    size_t size = artifact_frame_pack(type, body, frame);
    if (size == 0)
        _exit(1);
    write_all(frame, size);
}

static _Noreturn void end_walk(enum artifact_outcome outcome)
{
    if (outcome == ARTIFACT_COMPLETE && walk.unlisted_count > 0)
        outcome = ARTIFACT_UNLISTED;
    write_frame(ARTIFACT_FRAME_END,
                &(struct artifact_end){ .outcome = (uint8_t)outcome, .unlisted = walk.unlisted_count });
    _exit(0);
}

/* --- names --- */

/* Returns what pop() goes back to. */
static size_t push(const char *name)
{
    struct path *path = &walk.path;
    size_t length = path->length, size = strlen(name), slash = length > 0 ? 1 : 0;
    if (length + slash + size >= sizeof path->text)
        _exit(1);
    if (slash > 0)
        path->text[length] = '/';
    memcpy(path->text + length + slash, name, size + 1);
    path->length += slash + size;
    return length;
}

static void pop(size_t length)
{
    walk.path.length = length;
    walk.path.text[length] = '\0';
}

static struct span name_now(void)
{
    size_t most = ARTIFACT_NAME_MAX_BYTES - 1;
    return (struct span){ (const uint8_t *)walk.path.text,
                          (uint32_t)(walk.path.length < most ? walk.path.length : most) };
}

/* False for a name that was told. What is beyond the list is counted, and may be counted twice. */
static bool is_news(void)
{
    struct span name = name_now();
    for (uint32_t i = 0; i < walk.name_count; i++)
        if (strlen(walk.names[i]) == name.size && memcmp(walk.names[i], name.data, name.size) == 0)
            return false;
    if (walk.name_count < NAMES_MAX) {
        memcpy(walk.names[walk.name_count], name.data, name.size);
        walk.names[walk.name_count++][name.size] = '\0';
    }
    return true;
}

static void reject(enum artifact_why why)
{
    if (walk.rejected_count == ARTIFACT_REJECTED_MAX) {
        walk.unlisted_count++;
        return;
    }
    if (!is_news())
        return;
    walk.rejected_count++;
    write_frame(ARTIFACT_FRAME_REJECTED, &(struct artifact_rejected){ .name = name_now(), .why = (uint8_t)why });
}

/* --- files --- */

static int open_beneath(int directory_fd, const char *name, uint64_t flags)
{
    struct open_how how = {
        .flags = flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    if (!has_layer(walk.plan, CELL_LAYER_COLLECT)) {
        how.flags &= ~(uint64_t)O_NOFOLLOW;
        how.resolve = 0;
    }
    return (int)syscall(SYS_openat2, directory_fd, name, &how, sizeof how);
}

static int look_at(int fd, const char *name, struct stat *ret_st)
{
    return (int)syscall(SYS_newfstatat, fd, name, ret_st, name[0] == '\0' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW);
}

/* What could not be opened; only to give it a name. Of a directory on the way, what is none is no match. */
static void reject_unopened(int directory_fd, const char *name, bool is_last)
{
    struct stat st;
    if (look_at(directory_fd, name, &st) < 0)
        return; /* not there */
    if (S_ISLNK(st.st_mode))
        reject(ARTIFACT_WHY_LINK);
    else if (S_ISREG(st.st_mode) ? is_last : S_ISDIR(st.st_mode))
        reject(ARTIFACT_WHY_UNREADABLE);
    else if (is_last)
        reject(ARTIFACT_WHY_KIND);
}

static enum artifact_why judge(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return ARTIFACT_WHY_KIND;
    if (st->st_nlink != 1 && has_layer(walk.plan, CELL_LAYER_COLLECT))
        return ARTIFACT_WHY_HARD_LINK;
    if (!artifact_name_is_good(walk.path.text, walk.path.length))
        return ARTIFACT_WHY_NAME;
    if (walk.file_count == ARTIFACT_COUNT_MAX)
        return ARTIFACT_WHY_COUNT;
    if (st->st_size < 0 || (uint64_t)st->st_size > walk.bytes_left)
        return ARTIFACT_WHY_SIZE;
    return ARTIFACT_WHY_NONE;
}

/* As many bytes as were announced, or no end of the stream. */
static void send_bytes(int fd, uint64_t left)
{
    while (left > 0) {
        size_t most = left < sizeof walk.buffer ? (size_t)left : sizeof walk.buffer;
        ssize_t got = read(fd, walk.buffer, most);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            _exit(1);
        write_all(walk.buffer, (size_t)got);
        left -= (uint64_t)got;
    }
}

static void take_file(int directory_fd, const char *name)
{
    struct stat st;
    int fd = open_beneath(directory_fd, name, 0);
    if (fd < 0) {
        reject_unopened(directory_fd, name, true);
        return;
    }
    if (look_at(fd, "", &st) < 0)
        _exit(1);
    enum artifact_why why = judge(&st);
    if (why != ARTIFACT_WHY_NONE) {
        reject(why);
    } else if (is_news()) {
        walk.file_count++;
        walk.bytes_left -= (uint64_t)st.st_size;
        write_frame(ARTIFACT_FRAME_FILE, &(struct artifact_file){ name_now(), (uint64_t)st.st_size });
        send_bytes(fd, (uint64_t)st.st_size);
    }
    close(fd);
}

/* --- directories --- */

static void go_on(int directory_fd, const char *pattern);

/* One name that fits the first component of the pattern; `rest` is what follows, or NULL. No deeper than patterns are. */
static void go_into(int directory_fd, const char *name, const char *rest)
{
    size_t length = push(name);
    if (rest == NULL) {
        take_file(directory_fd, name);
    } else {
        int fd = open_beneath(directory_fd, name, O_DIRECTORY);
        if (fd < 0) {
            reject_unopened(directory_fd, name, false);
        } else {
            go_on(fd, rest);
            close(fd);
        }
    }
    pop(length);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void list(int directory_fd, const char *component, size_t size, const char *rest)
{
    _Alignas(struct dirent64) uint8_t listing[LISTING_BYTES];
    lseek(directory_fd, 0, SEEK_SET); /* an earlier pattern may have read it */
    for (;;) {
        ssize_t got = syscall(SYS_getdents64, directory_fd, listing, sizeof listing);
        if (got < 0)
            reject(ARTIFACT_WHY_UNREADABLE);
        if (got <= 0)
            return;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(listing + at);
            at += entry->d_reclen;
            if (is_dots(entry->d_name))
                continue;
            if (walk.entries_left-- == 0)
                end_walk(ARTIFACT_ENTRIES);
            if (glob_matches(component, size, entry->d_name))
                go_into(directory_fd, entry->d_name, rest);
        }
    }
}

static void go_on(int directory_fd, const char *pattern)
{
    size_t size = strcspn(pattern, "/");
    const char *rest = pattern[size] == '/' ? pattern + size + 1 : NULL;
    if (!glob_is_plain(pattern, size)) {
        list(directory_fd, pattern, size, rest);
        return;
    }
    char name[GLOB_MAX_BYTES];
    memcpy(name, pattern, size);
    name[size] = '\0';
    go_into(directory_fd, name, rest);
}

_Noreturn void collect_walk(const struct plan *plan, int directory_fd, int pipe_fd)
{
    walk.plan = plan;
    walk.pipe_fd = pipe_fd;
    walk.bytes_left = plan->artifacts_max_bytes;
    walk.entries_left = COLLECT_ENTRIES_MAX;
    int root_fd = open_beneath(directory_fd, ".", O_DIRECTORY);
    if (root_fd < 0)
        end_walk(ARTIFACT_NO_ACCESS);
    struct span patterns = plan->artifacts;
    for (const char *pattern; (pattern = span_next_text(&patterns)) != NULL;)
        if (glob_fault(pattern) == NULL) /* it was, where the configuration was read; looked at again, not believed */
            go_on(root_fd, pattern);
    end_walk(ARTIFACT_COMPLETE);
}
