/*
 * A draft before the one who judges configurations. If the whole is taken, nothing else happens; if not, its entries are put
 * together one by one, and each that makes the others a configuration that is refused is held with the reason.
 */
#include "draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/config/config.h"

/* A directory of our own: drop-ins of another one would have their say, too. */
struct bench {
    char directory[64], path[96];
};

static int bench_open(struct bench *bench, struct error *err)
{
    snprintf(bench->directory, sizeof bench->directory, "/tmp/sallyport-import.XXXXXX");
    if (mkdtemp(bench->directory) == NULL)
        return fail(err, errno, "make a directory below /tmp");
    snprintf(bench->path, sizeof bench->path, "%s/draft.yaml", bench->directory);
    return 0;
}

static void bench_close(const struct bench *bench)
{
    unlink(bench->path);
    rmdir(bench->directory);
}

static int write_draft(const struct bench *bench, const struct draft *draft, struct error *err)
{
    FILE *to = fopen(bench->path, "we");
    if (to == NULL)
        return fail(err, errno, "write '%s'", bench->path);
    int done = draft_write(draft, to, err);
    if (fclose(to) != 0 && done == 0)
        done = fail(err, errno, "write '%s'", bench->path);
    return done;
}

/* The first fault of a report, without file, line and column. */
static void first_fault(const struct bench *bench, const char *report, char to[ERROR_TEXT_BYTES])
{
    snprintf(to, ERROR_TEXT_BYTES, "it is refused");
    for (const char *line = report; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        const char *text = memmem(line, size, ": ", 2);
        bool is_warning = memmem(line, size, ": warning: ", 11) != NULL;
        if (text != NULL && !is_warning && strncmp(line, bench->path, strlen(bench->path)) == 0) {
            snprintf(to, ERROR_TEXT_BYTES, "%.*s", (int)(line + size - text - 2), text + 2);
            return;
        }
        line += size + (line[size] == '\n');
    }
}

/* 1 if it is taken, 0 with a reason if it is not. */
static int is_taken(const struct bench *bench, const struct draft *draft, char ret_why[ERROR_TEXT_BYTES],
                    struct error *err)
{
    auto_free char *report = NULL;
    size_t size = 0;
    struct config *config = NULL;
    struct error fault = { 0 };
    if (write_draft(bench, draft, err) < 0)
        return -err->code;
    FILE *to = open_memstream(&report, &size);
    if (to == NULL)
        return fail(err, errno, "keep a report");
    int done = config_load(bench->path, CONFIG_OWNER_ANY, to, &config, &fault);
    config_free(config);
    if (fclose(to) != 0 || report == NULL)
        return fail(err, ENOMEM, "keep a report");
    if (done == 0)
        return 1;
    if (fault.code != EINVAL)
        return fail_plain(err, fault.code, "%s", fault.text);
    first_fault(bench, report, ret_why);
    return 0;
}

/* Clients' words whose commands are held: the predecessor stands without them. */
static void drop_words(struct draft *draft, const json_t *commands, const char *name, json_t *predecessor)
{
    json_t *words = json_object_get(predecessor, "commands"), *value;
    const char *word;
    void *next;
    json_object_foreach_safe(words, next, word, value)
    {
        if (json_object_get(commands, json_string_value(value)) != NULL)
            continue;
        draft_note(draft, "predecessors", name, "Not served before command '%s' stands (commands: {%s: %s}).",
                   json_string_value(value), word, json_string_value(value));
        json_object_del(words, word);
    }
}

static bool has_command(const struct draft *trial, const json_t *hook)
{
    const char *name = json_string_value(json_object_get(json_object_get(hook, "run"), "command"));
    return name != NULL && draft_get(trial, "commands", name) != NULL;
}

static int prove_section(struct draft *draft, struct draft *trial, const struct bench *bench, const char *section,
                         struct error *err)
{
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(json_object_get(draft->config, section), next, name, value)
    {
        char why[ERROR_TEXT_BYTES];
        if (strcmp(section, "predecessors") == 0)
            drop_words(draft, json_object_get(trial->config, "commands"), name, value);
        if (strcmp(section, "hooks") == 0 && !has_command(trial, value)) {
            draft_hold(draft, section, name, "Held back: its command is held back.");
            continue;
        }
        draft_set(trial, section, name, json_incref(value));
        int taken = is_taken(bench, trial, why, err);
        if (taken < 0)
            return taken;
        if (taken > 0)
            continue;
        json_object_del(json_object_get(trial->config, section), name);
        draft_hold(draft, section, name, "Not taken: %s", why);
    }
    return 0;
}

static int prove_one_by_one(struct draft *draft, const struct bench *bench, struct error *err)
{
    /* What is spoken of stands before what speaks of it. */
    static const char *const order[] = { "server", "commands", "predecessors", "hooks", "peers" };
    struct draft trial = { 0 };
    int done = draft_init(&trial, err);
    for (size_t i = 0; i < sizeof order / sizeof order[0] && done == 0; i++)
        done = prove_section(draft, &trial, bench, order[i], err);
    draft_done(&trial);
    return done;
}

int draft_prove(struct draft *draft, struct error *err)
{
    struct bench bench = { .directory = "" };
    char why[ERROR_TEXT_BYTES];
    int done = bench_open(&bench, err);
    if (done < 0)
        return done;
    done = is_taken(&bench, draft, why, err);
    if (done == 0)
        done = prove_one_by_one(draft, &bench, err);
    if (done == 0)
        done = is_taken(&bench, draft, why, err);
    if (done == 0)
        done = fail_plain(err, EINVAL, "what was made would be refused: %s", why);
    bench_close(&bench);
    return done < 0 ? done : 0;
}
