#include "instance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

#define FILE_MOST_BYTES (4 * 1024 * 1024)

const char *const role_names[ROLE_COUNT] = {
    [ROLE_BOOTSTRAP] = "sallyportd", [ROLE_FRONT] = "front",       [ROLE_KEEPER] = "keeper",
    [ROLE_LAUNCHER] = "launcher",    [ROLE_NOTIFIER] = "notifier", [ROLE_REAPER] = "reaper",
    [ROLE_SUPERVISOR] = "slot",      [ROLE_INIT] = "init",         [ROLE_JOB] = "job",
    [ROLE_UNKNOWN] = "unknown",
};

const char *const space_names[SPACE_COUNT] = {
    [SPACE_USER] = "user", [SPACE_MNT] = "mnt", [SPACE_PID] = "pid",       [SPACE_NET] = "net",
    [SPACE_IPC] = "ipc",   [SPACE_UTS] = "uts", [SPACE_CGROUP] = "cgroup",
};

/* --- files of /proc ------------------------------------------------------------------------------------------- */

/* A whole file below the directory, with a closing NUL; NULL with errno. */
static char *read_text(int directory, const char *name)
{
    auto_fd int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    struct error err;
    uint8_t *text;
    size_t size;
    if (fd < 0 || fd_read_file(fd, FILE_MOST_BYTES, &text, &size, &err) < 0) {
        errno = fd < 0 ? errno : err.code;
        return NULL;
    }
    return (char *)text;
}

/* The rest of the line that begins with this name and a colon, or NULL. */
static const char *find_line(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1;
    }
    return NULL;
}

/* The number at *at, after blanks, which is then past it; false when there is none, or a larger one than `most`. */
static bool take_number(const char **at, int base, uint64_t most, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(*at, &end, base);
    if (end == *at || errno != 0 || number > most)
        return false;
    *at = end;
    *ret_number = number;
    return true;
}

static bool parse_ids(const char *line, uint32_t ids[4])
{
    for (size_t i = 0; i < 4; i++) {
        uint64_t id;
        if (line == NULL || !take_number(&line, 10, UINT32_MAX, &id))
            return false;
        ids[i] = (uint32_t)id;
    }
    return true;
}

static uint32_t count_groups(const char *line)
{
    uint32_t count = 0;
    for (bool is_in_number = false; *line != '\0' && *line != '\n'; line++) {
        bool is_digit = *line >= '0' && *line <= '9';
        count += is_digit && !is_in_number;
        is_in_number = is_digit;
    }
    return count;
}

bool credentials_parse(const char *text, struct credentials *ret_credentials)
{
    static const char *const set_names[SET_COUNT] = {
        [SET_INHERITABLE] = "CapInh", [SET_PERMITTED] = "CapPrm", [SET_EFFECTIVE] = "CapEff",
        [SET_BOUNDING] = "CapBnd",    [SET_AMBIENT] = "CapAmb",
    };
    struct credentials found = { .group_count = 0 };
    const struct {
        const char *name;
        uint32_t *number;
    } numbers[] = { { "NoNewPrivs", &found.no_new_privs },
                    { "Seccomp", &found.seccomp_mode },
                    { "Seccomp_filters", &found.filter_count } };
    const char *groups = find_line(text, "Groups");
    if (groups == NULL || !parse_ids(find_line(text, "Uid"), found.uids) ||
        !parse_ids(find_line(text, "Gid"), found.gids))
        return false;
    found.group_count = count_groups(groups);
    for (size_t i = 0; i < SET_COUNT; i++) {
        const char *line = find_line(text, set_names[i]);
        if (line == NULL || !take_number(&line, 16, UINT64_MAX, &found.capabilities[i]))
            return false;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *line = find_line(text, numbers[i].name);
        uint64_t number;
        if (line == NULL || !take_number(&line, 10, UINT32_MAX, &number))
            return false;
        *numbers[i].number = (uint32_t)number;
    }
    *ret_credentials = found;
    return true;
}

/* The end of the field that begins here: a blank or the line's end. */
static const char *skip_field(const char *at)
{
    return at + strcspn(at, " \n");
}

/* "36 35 98:0 /root /mount/point rw,noatime ...": the fifth and sixth field. Source: proc_pid_mountinfo(5). */
bool mounts_parse(const char *text, struct process *process)
{
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *path = line;
        for (unsigned i = 0; i < 4; i++) {
            path = skip_field(path);
            if (*path != ' ')
                return false;
            path++;
        }
        const char *end = skip_field(path), *options = end + 1;
        if (*end != ' ' || (strncmp(options, "ro", 2) != 0 && strncmp(options, "rw", 2) != 0))
            return false;
        if (options[1] == 'o')
            continue;
        if (process->writable_count < WRITABLE_MAX)
            process->writable[process->writable_count] = strndup(path, (size_t)(end - path));
        process->writable_count++;
    }
    return true;
}

/* --- one process ---------------------------------------------------------------------------------------------- */

static bool read_spaces(int directory, struct process *process)
{
    for (size_t i = 0; i < SPACE_COUNT; i++) {
        char path[32];
        struct stat st;
        snprintf(path, sizeof path, "ns/%s", space_names[i]);
        if (fstatat(directory, path, &st, 0) < 0)
            return false;
        process->spaces[i] = st.st_ino;
    }
    return true;
}

/* False when it has ended. What belongs to another user and is not shown to us stays unknown. */
static bool read_process(pid_t pid, struct process *process)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    auto_fd int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free char *status = directory < 0 ? NULL : read_text(directory, "status");
    if (status == NULL || !credentials_parse(status, &process->credentials))
        return false;
    process->has_spaces = read_spaces(directory, process);
    auto_free char *mounts = read_text(directory, "mountinfo");
    process->has_mounts = mounts != NULL && mounts_parse(mounts, process);
    return faccessat(directory, "status", F_OK, 0) == 0;
}

static enum role child_role(enum role parent, const char *name)
{
    static const struct {
        const char *name;
        enum role role;
    } children[] = {
        { "front", ROLE_FRONT },       { "keeper", ROLE_KEEPER },      { "launcher", ROLE_LAUNCHER },
        { "notifier", ROLE_NOTIFIER }, { "cell-reaper", ROLE_REAPER }, { "cell-slot", ROLE_SUPERVISOR },
    };
    if (parent == ROLE_SUPERVISOR)
        return ROLE_INIT;
    if (parent == ROLE_INIT || parent == ROLE_JOB)
        return ROLE_JOB;
    for (size_t i = 0; parent == ROLE_BOOTSTRAP && i < sizeof children / sizeof children[0]; i++)
        if (strcmp(children[i].name, name) == 0)
            return children[i].role;
    return ROLE_UNKNOWN;
}

/* --- all of them ---------------------------------------------------------------------------------------------- */

struct entry {
    pid_t pid, parent;
    char name[16];
};

/* "12 (name) S 1 ...". The name is the process's own choice, brackets and all. Source: proc_pid_stat(5). */
static bool parse_entry(char *text, struct entry *entry)
{
    char *name = strchr(text, '('), *end = strrchr(text, ')');
    const char *number = text, *parent_text;
    uint64_t pid, parent;
    if (name == NULL || end == NULL || end < name || strlen(end) < 5)
        return false;
    char state = end[2];
    parent_text = end + 4;
    *end = '\0';
    if (!take_number(&number, 10, INT32_MAX, &pid) || !take_number(&parent_text, 10, INT32_MAX, &parent))
        return false;
    entry->pid = (pid_t)pid;
    entry->parent = (pid_t)parent;
    return state != 'Z' && state != 'X' && text_copy(entry->name, sizeof entry->name, name + 1);
}

static bool read_entry(int proc, const char *number, struct entry *entry)
{
    char path[280];
    snprintf(path, sizeof path, "%s/stat", number);
    auto_free char *text = read_text(proc, path);
    return text != NULL && parse_entry(text, entry);
}

static int list_processes(struct entry **ret_entries, size_t *ret_count, struct error *err)
{
    DIR *directory = opendir("/proc");
    size_t count = 0, room = 0;
    struct entry *entries = NULL;
    if (directory == NULL)
        return fail(err, errno, "open /proc");
    for (const struct dirent *item; (item = readdir(directory)) != NULL;) {
        if (item->d_name[0] < '0' || item->d_name[0] > '9')
            continue;
        if (count == room) {
            struct entry *larger = realloc(entries, (room += 1024) * sizeof *entries);
            if (larger == NULL) {
                free(entries);
                closedir(directory);
                return fail(err, ENOMEM, "list processes");
            }
            entries = larger;
        }
        if (read_entry(dirfd(directory), item->d_name, &entries[count]))
            count++;
    }
    closedir(directory);
    *ret_entries = entries;
    *ret_count = count;
    return 0;
}

static void process_done(struct process *process)
{
    for (uint32_t i = 0; i < process->writable_count && i < WRITABLE_MAX; i++)
        free(process->writable[i]);
}

static void add(struct instance *instance, pid_t pid, pid_t parent, enum role role)
{
    struct process process = { .pid = pid, .parent = parent, .role = role };
    if (instance->count == INSTANCE_PROCESSES || !read_process(pid, &process)) {
        process_done(&process);
        return;
    }
    const struct process *bootstrap = instance->count == 0 ? &process : &instance->processes[0];
    for (size_t i = 0; i < SPACE_COUNT; i++)
        if (process.spaces[i] != bootstrap->spaces[i])
            process.own_spaces |= SPACE_BIT(i);
    instance->processes[instance->count++] = process;
}

int instance_read(pid_t bootstrap, struct instance *ret_instance, struct error *err)
{
    struct entry *entries = NULL;
    size_t entry_count = 0;
    struct instance instance = { .processes = calloc(INSTANCE_PROCESSES, sizeof *instance.processes) };
    if (instance.processes == NULL)
        return fail(err, ENOMEM, "list processes");
    if (list_processes(&entries, &entry_count, err) < 0) {
        instance_done(&instance);
        return -err->code;
    }
    add(&instance, bootstrap, 0, ROLE_BOOTSTRAP);
    for (uint32_t i = 0; i < instance.count; i++)
        for (size_t j = 0; j < entry_count; j++)
            if (entries[j].parent == instance.processes[i].pid)
                add(&instance, entries[j].pid, entries[j].parent,
                    child_role(instance.processes[i].role, entries[j].name));
    free(entries);
    if (instance.count == 0) {
        instance_done(&instance);
        return fail_plain(err, ESRCH, "process %d has ended, or is not shown to this user", (int)bootstrap);
    }
    *ret_instance = instance;
    return 0;
}

void instance_done(struct instance *instance)
{
    for (uint32_t i = 0; i < instance->count; i++)
        process_done(&instance->processes[i]);
    free(instance->processes);
    *instance = (struct instance){ .count = 0 };
}

/* The pid that /proc/locks names for a lock of flock(2) on this file; 0 for none. Source: proc_locks(5). */
static pid_t find_locker(const char *locks, const struct stat *file)
{
    static const char kind[] = ": FLOCK  ADVISORY  WRITE ";
    char place[64];
    snprintf(place, sizeof place, " %02x:%02x:%llu ", major(file->st_dev), minor(file->st_dev),
             (unsigned long long)file->st_ino);
    for (const char *line = strstr(locks, kind); line != NULL; line = strstr(line, kind)) {
        uint64_t pid;
        line += sizeof kind - 1;
        if (take_number(&line, 10, INT32_MAX, &pid) && strncmp(line, place, strlen(place)) == 0)
            return (pid_t)pid;
    }
    return 0;
}

int instance_find(const char *state, pid_t *ret_pid, struct error *err)
{
    char path[PATH_MAX_BYTES + 8];
    struct stat st;
    snprintf(path, sizeof path, "%s/lock", state);
    if (stat(path, &st) < 0)
        return fail(err, errno, "look for a sallyportd at '%s'", path);
    auto_free char *locks = read_text(AT_FDCWD, "/proc/locks");
    if (locks == NULL)
        return fail(err, errno, "read /proc/locks");
    *ret_pid = find_locker(locks, &st);
    return *ret_pid > 0 ? 0 : fail_plain(err, ESRCH, "no sallyportd runs on '%s'; name its process with --pid", state);
}
