/*
 * sallyport artifacts: the files that a job left behind, listed, one of them to stdout, or all of them into a directory.
 *
 * A server is not believed about names: what a directory gets is opened below it, name by name, through no link, and is never
 * something that was there before. Its bytes are those of the hash that the list tells, or the file does not stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "say.h"

#define URL_BYTES (128 + 3 * ARTIFACT_NAME_MAX_BYTES)

struct artifacts_options {
    const char *directory;
};

static const struct option_row artifacts_rows[] = {
    { 'd', OPTION_TEXT, "directory", offsetof(struct artifacts_options, directory), "DIR",
      "save all of them below DIR, which must be there", NULL },
};

static const struct column columns[] = {
    { .header = "name", .path = "name", .may_shrink = true },
    { .header = "size", .path = "bytes", .kind = COLUMN_BYTES },
    { .header = "sha256", .path = "sha256", .is_wide = true },
    { .header = "rejected", .path = "rejected" },
};

/* --- one file on its way --- */

struct download {
    int fd;
    struct hash *hash;
    uint64_t bytes;
    int code; /* errno of a write that failed */
};

static int on_bytes(void *arg, const char *data, size_t size)
{
    struct download *download = arg;
    struct error err = { 0 };
    if (fd_write_all(download->fd, data, size, &err) < 0) {
        download->code = err.code;
        return 1;
    }
    hash_update(download->hash, data, size);
    download->bytes += size;
    return 0;
}

/* The name's own slashes stay, and all else is escaped. */
static int file_path(const char *id, const char *name, char path[URL_BYTES], struct error *err)
{
    char component[ARTIFACT_NAME_MAX_BYTES];
    if (!artifact_name_is_good(name, strlen(name)))
        return fail_plain(err, EINVAL, "'%s' is no name that a file of a job can have", name);
    snprintf(path, URL_BYTES, "/v1/jobs/%s/artifacts", id);
    for (const char *at = name;; at++) {
        size_t size = strcspn(at, "/");
        text_copy_bytes(component, sizeof component, at, size);
        size_t used = strlen(path);
        snprintf(path + used, URL_BYTES - used, "/"); /* there is room for a name all of which is escaped */
        if (!client_escape(path, URL_BYTES, component))
            return fail_plain(err, EINVAL, "'%s' is too long", name);
        at += size;
        if (*at == '\0')
            return 0;
    }
}

/* sha256: room for hex; of what came. */
static int fetch(const struct cli *cli, const char *id, const char *name, int fd, char *ret_sha256, struct error *err)
{
    char path[URL_BYTES];
    uint8_t digest[HASH_BYTES];
    struct response response = { 0 };
    struct download download = { .fd = fd };
    int done = file_path(id, name, path, err);
    if (done < 0)
        return done;
    download.hash = hash_new();
    if (download.hash == NULL)
        return fail(err, ENOMEM, "fetch '%s'", name);
    const struct sink sink = { .on_bytes = on_bytes, .wake_fd = -1, .arg = &download };
    struct request request = { .method = "GET", .path = path, .accept = "application/octet-stream" };
    enum exchange how = client_stream(cli->client, &request, &sink, &response, err);
    if (how == EXCHANGE_STOPPED)
        done = fail(err, download.code, "write '%s'", name);
    else if (how != EXCHANGE_ANSWERED)
        done = -err->code;
    else if (response.status != 200)
        done = client_refusal(cli->client, &response, err);
    hash_result(download.hash, digest);
    text_hex(digest, sizeof digest, ret_sha256);
    hash_free(download.hash);
    response_done(&response);
    return done;
}

/* --- a directory --- */

static int open_below(int directory_fd, const char *name, uint64_t flags, uint64_t mode)
{
    struct open_how how = { .flags = flags | O_NOFOLLOW | O_CLOEXEC,
                            .mode = mode,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(SYS_openat2, directory_fd, name, &how, sizeof how);
}

/* The directory of the file, made where it is missing, and the file's name in it. */
static int open_parent(int directory_fd, const char *name, int *ret_fd, const char **ret_last, struct error *err)
{
    char parent[ARTIFACT_NAME_MAX_BYTES];
    auto_fd int fd = open_below(directory_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    for (const char *slash = strchr(name, '/'); fd >= 0 && slash != NULL; slash = strchr(name, '/')) {
        text_copy_bytes(parent, sizeof parent, name, (size_t)(slash - name));
        if (mkdirat(fd, parent, 0777) < 0 && errno != EEXIST)
            return fail(err, errno, "make directory '%s'", parent);
        int next = open_below(fd, parent, O_RDONLY | O_DIRECTORY, 0);
        if (next < 0)
            return fail(err, errno, "open directory '%s'", parent);
        fd_close(&fd);
        fd = next;
        name = slash + 1;
    }
    if (fd < 0)
        return fail(err, errno, "open the directory");
    *ret_fd = fd_take(&fd);
    *ret_last = name;
    return 0;
}

static int save(const struct cli *cli, const char *id, int directory_fd, const char *name, const char *sha256,
                struct error *err)
{
    char got[HASH_TEXT_BYTES];
    const char *last = name;
    auto_fd int parent_fd = -1;
    if (!artifact_name_is_good(name, strlen(name)))
        return fail_plain(err, EPROTO, "the server names a file that it cannot have; it is not saved");
    int done = open_parent(directory_fd, name, &parent_fd, &last, err);
    if (done < 0)
        return done;
    auto_fd int fd = open_below(parent_fd, last, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0 && errno == EEXIST)
        return fail_plain(err, EEXIST, "'%s' is there already and is not overwritten", name);
    if (fd < 0)
        return fail(err, errno, "make '%s'", name);
    done = fetch(cli, id, name, fd, got, err);
    if (done == 0 && strcmp(got, sha256) != 0)
        done = fail_plain(err, EBADMSG, "'%s' came with other bytes than those of its hash; try again", name);
    if (done < 0)
        unlinkat(parent_fd, last, 0);
    return done;
}

static int save_all(const struct cli *cli, const char *id, const json_t *items, const char *directory,
                    struct error *err)
{
    auto_fd int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        return fail(err, errno, "open directory '%s'", directory);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const char *name = json_string_value(json_object_get(item, "name")),
                   *sha256 = json_string_value(json_object_get(item, "sha256")),
                   *rejected = json_string_value(json_object_get(item, "rejected"));
        if (name != NULL && rejected != NULL) {
            say_dim("%s was not collected: %s", name, rejected);
            continue;
        }
        if (name == NULL || sha256 == NULL)
            return fail_plain(err, EPROTO, "the server lists something that is no file");
        int done = save(cli, id, directory_fd, name, sha256, err);
        if (done < 0)
            return done;
        printf("%s\n", name);
    }
    return 0;
}

/* --- the subcommand --- */

static int list(const struct cli *cli, const char *id, const char *directory, struct error *err)
{
    char path[128];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/jobs/%s/artifacts", id);
    struct request request = { .method = "GET", .path = path };
    int done = client_ask(cli->client, &request, &answer, err);
    if (done < 0)
        return done;
    const json_t *items = json_object_get(answer, "items");
    const char *state = json_string_value(json_object_get(answer, "state")),
               *detail = json_string_value(json_object_get(answer, "detail"));
    if (!json_is_array(items) || state == NULL)
        done = fail_plain(err, EPROTO, "%s answers with something that is no list; check --url or SALLYPORT_URL",
                          client_address(cli->client));
    else if (directory != NULL && (strcmp(state, "pending") == 0 || strcmp(state, "collecting") == 0))
        done = fail_plain(err, EAGAIN,
                          "the job's files are collected when it has ended; 'sallyport wait %s' waits for that", id);
    else if (directory != NULL)
        done = save_all(cli, id, items, directory, err);
    else
        render_list(cli, items, columns, sizeof columns / sizeof columns[0], "name");
    if (done == 0 && detail != NULL)
        say("not all of them: %s", detail);
    json_decref(answer);
    return done;
}

static int artifacts(struct cli *cli, void *values, const struct words *words)
{
    const struct artifacts_options *options = values;
    const char *id = words->items[0], *name = words->count > 1 ? words->items[1] : NULL;
    char sha256[HASH_TEXT_BYTES];
    struct error err = { 0 };
    int done = job_id_check(id, &err);
    if (done == 0 && name != NULL && options->directory != NULL)
        done = fail_plain(&err, EINVAL, "--directory saves all files of the job; leave the name out");
    else if (done == 0 && name != NULL)
        done = fetch(cli, id, name, STDOUT_FILENO, sha256, &err);
    else if (done == 0)
        done = list(cli, id, options->directory, &err);
    if (done < 0)
        say("%s", err.text);
    return done < 0 ? CODE_TROUBLE : 0;
}

const struct subcommand cmd_artifacts = {
    .name = "artifacts",
    .summary = "list or fetch the files that a job left behind",
    .usage = "ID [NAME | -d DIR] [OPTION]...",
    .details = "Without NAME they are listed: those that are kept, and those that were rejected,\n"
               "with the reason. With NAME that one goes to stdout. With -d all that are kept are\n"
               "saved below DIR, under their names; nothing is overwritten, and no link is followed.\n"
               "\n"
               "  sallyport artifacts 01jd8k3v9x5q2m7r4t6w8y0b1c\n"
               "  sallyport artifacts 01jd8k3v9x5q2m7r4t6w8y0b1c report/a.xml > a.xml\n"
               "  sallyport artifacts 01jd8k3v9x5q2m7r4t6w8y0b1c -d results\n",
    .options = artifacts_rows,
    .option_count = sizeof artifacts_rows / sizeof artifacts_rows[0],
    .option_bytes = sizeof(struct artifacts_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 2,
    .run = artifacts,
};
