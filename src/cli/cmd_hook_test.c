/*
 * sallyport hook test: a delivery as its provider would send it, signed with the secret of the configuration, which only its
 * owner can read. It goes to the running service like any other, and starts what it says.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "options.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/job_id.h"
#include "sallyport/base/text.h"
#include "sallyport/config/config.h"
#include "sallyport/hook/verify.h"
#include "say.h"

#define FIELDS_MAX 6

struct test_options {
    const char *config, *event, *body, *type;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "config", offsetof(struct test_options, config), "FILE",
      "the configuration; " CONFIG_DEFAULT " when absent", NULL },
    { '\0', OPTION_TEXT, "event", offsetof(struct test_options, event), "EVENT",
      "what the provider calls the event; ping when absent", NULL },
    { '\0', OPTION_TEXT, "body", offsetof(struct test_options, body), "FILE", "the body; {} when absent", NULL },
    { '\0', OPTION_TEXT, "type", offsetof(struct test_options, type), "TYPE",
      "its media type; application/json when absent", NULL },
};

/* A delivery, and its headers as lines. */
struct sample {
    const struct hook_scheme *scheme;
    uint8_t *body;
    size_t size;
    char lines[FIELDS_MAX][HOOK_FIELD_BYTES + HOOK_SIGNATURE_BYTES];
    const char *fields[FIELDS_MAX + 1];
    unsigned count;
};

static void add_field(struct sample *sample, const char *name, const char *value)
{
    if (name[0] == '\0' || value[0] == '\0')
        return;
    char *line = sample->lines[sample->count];
    snprintf(line, sizeof sample->lines[0], "%s: %s", name, value);
    sample->fields[sample->count++] = line;
}

static const struct config_hook *find_hook(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->hook_count; i++)
        if (strcmp(config->hooks[i].setting.name, name) == 0)
            return &config->hooks[i];
    return NULL;
}

static int read_body(const struct test_options *options, struct sample *sample, struct error *err)
{
    if (options->body == NULL) {
        sample->body = (uint8_t *)strdup("{}");
        sample->size = 2;
        return sample->body != NULL ? 0 : fail(err, ENOMEM, "make a body");
    }
    auto_fd int fd = open(options->body, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open '%s'", options->body);
    return fd_read_file(fd, HOOK_BODY_MAX_BYTES, &sample->body, &sample->size, err);
}

static int sign(const struct config_hook *hook, const struct test_options *options, struct sample *sample,
                struct error *err)
{
    const struct hook_secret secret = { (const uint8_t *)hook->secrets[0], strlen(hook->secrets[0]) };
    char timestamp[HOOK_TIME_BYTES], id[JOB_ID_TEXT_BYTES], delivery[HOOK_DELIVERY_BYTES],
        signature[HOOK_SIGNATURE_BYTES];
    struct job_id fresh = job_id_new();
    sample->scheme = &hook->setting.scheme;
    snprintf(timestamp, sizeof timestamp, "%" PRIu64, clock_unix_ms() / 1000);
    snprintf(delivery, sizeof delivery, "test-%s", job_id_text(&fresh, id));
    if (!hook_sign(sample->scheme, &secret, timestamp, delivery, sample->body, sample->size, signature))
        return fail_plain(err, ENOMEM, "the sample could not be signed");
    add_field(sample, sample->scheme->signature, signature);
    add_field(sample, sample->scheme->timestamp, timestamp);
    add_field(sample, sample->scheme->delivery, delivery);
    add_field(sample, sample->scheme->event, options->event != NULL ? options->event : "ping");
    explicit_bzero(signature, sizeof signature);
    return 0;
}

static int send_sample(struct cli *cli, const char *name, const struct test_options *options,
                       const struct sample *sample)
{
    char path[NAME_MAX_BYTES + 16];
    struct response response;
    struct error err;
    struct request request = { .method = "POST",
                               .path = path,
                               .bytes = sample->body,
                               .byte_count = sample->size,
                               .bytes_type = options->type != NULL ? options->type : "application/json",
                               .fields = sample->fields };
    snprintf(path, sizeof path, "/hooks/%s", name);
    int done = client_call(cli->client, &request, &response, &err);
    bool is_taken = done == 0 && response.status >= 200 && response.status < 300;
    const char *ignored = json_string_value(json_object_get(response.json, "ignored"));
    if (is_taken && response.job_id[0] != '\0')
        printf("answered %ld: it started job %s\n", response.status, response.job_id);
    else if (is_taken)
        printf("answered %ld: it is genuine, and ignored for: %s\n", response.status, ignored != NULL ? ignored : "?");
    else if (done == 0)
        client_refusal(cli->client, &response, &err);
    if (!is_taken)
        say("%s", err.text);
    response_done(&response);
    return is_taken ? 0 : CODE_TROUBLE;
}

/* That proof is the secret itself: it goes to no host that only calls itself the service. */
static bool may_prove(const struct cli *cli, const struct config_hook *hook)
{
    if (hook->setting.scheme.proof != HOOK_PROOF_TOKEN || client_is_local(cli->client))
        return true;
    say("preset %s sends the secret itself; test it on the service's own host, over its socket or a loopback address, "
        "and not at %s",
        hook->setting.scheme.preset, client_address(cli->client));
    return false;
}

static int test_hook(struct cli *cli, const struct config_hook *hook, const struct test_options *options)
{
    static struct sample sample;
    struct error err = { 0 };
    int code = CODE_TROUBLE;
    if (!may_prove(cli, hook))
        return CODE_TROUBLE;
    if (read_body(options, &sample, &err) < 0 || sign(hook, options, &sample, &err) < 0) {
        say("%s", err.text);
    } else {
        printf("hook %s: preset %s, runs %s\n", hook->setting.name, sample.scheme->preset, hook->setting.command);
        printf("signed %zu bytes with the newest secret, in %s\n", sample.size, sample.scheme->signature);
        printf("delivered to %s\n", client_address(cli->client));
        code = send_sample(cli, hook->setting.name, options, &sample);
    }
    free(sample.body);
    explicit_bzero(sample.lines, sizeof sample.lines);
    return code;
}

static int hook_test(struct cli *cli, void *values, const struct words *words)
{
    const struct test_options *options = values;
    const char *path = options->config != NULL ? options->config : CONFIG_DEFAULT;
    struct config *config = NULL;
    struct error err = { 0 };
    int code = CODE_BAD_CONFIG;
    if (config_load(path, CONFIG_OWNER_SELF, stderr, &config, &err) < 0) {
        say("%s: %s", path, err.text);
        return code;
    }
    const struct config_hook *hook = find_hook(config, words->items[0]);
    if (hook == NULL)
        say("%s has no hook '%s'", path, words->items[0]);
    else
        code = test_hook(cli, hook, options);
    config_free(config);
    return code;
}

const struct subcommand cmd_hook_test = {
    .name = "hook test",
    .summary = "sign a sample and deliver it to a webhook of the running service",
    .usage = "NAME [OPTION]...",
    .details = "Reads the secret from the configuration, so it is for root (or a rootless service's\n"
               "user). What the sample says is done: with --event ping, where the provider has such\n"
               "a thing, nothing.\n\n"
               "  sallyport hook test push --event push --body push.json\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct test_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = hook_test,
};
