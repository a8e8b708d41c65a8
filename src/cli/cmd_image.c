/* sallyport image: the store of images. An operator's own step: no request ever makes anybody fetch an image. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "image_store.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/image/reference.h"
#include "sallyport/policy/policy.h"
#include "say.h"

#define STORE_HELP "the store (" IMAGE_STORE_DEFAULT ");\nthe configuration's images.dir says the same"

struct image_options {
    const char *store, *layout, *config;
    bool is_plain;
};

#define STORE_ROW                                                                                                      \
    {                                                                                                                  \
        '\0', OPTION_TEXT, "store", offsetof(struct image_options, store), "DIR", STORE_HELP, NULL                     \
    }

static const struct option_row store_rows[] = { STORE_ROW };
static const struct option_row pull_rows[] = {
    STORE_ROW,
    { '\0', OPTION_TEXT, "layout", offsetof(struct image_options, layout), "DIR",
      "take it from this OCI layout, not from a registry", NULL },
    { '\0', OPTION_FLAG, "plain-http", offsetof(struct image_options, is_plain), NULL,
      "the registry may speak HTTP, or have any certificate;\nwhat comes is compared with the digest all the same",
      NULL },
};
static const struct option_row gc_rows[] = {
    STORE_ROW,
    { 'c', OPTION_TEXT, "config", offsetof(struct image_options, config), "FILE",
      "whose images stay (" CONFIG_DEFAULT ")", NULL },
};

static int open_store(const struct image_options *options, struct image_store *store)
{
    struct error err;
    if (image_store_open(options->store != NULL ? options->store : IMAGE_STORE_DEFAULT, store, &err) < 0) {
        say("%s", err.text);
        return -1;
    }
    return 0;
}

static int pull(struct cli *cli, void *values, const struct words *words)
{
    const struct image_options *options = values;
    struct image_reference image;
    struct image_store store;
    struct error err;
    if (image_reference_parse(words->items[0], &image, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    if (open_store(options, &store) < 0)
        return CODE_TROUBLE;
    int done = image_store_pull(&store, &image, options->layout, options->is_plain, &err);
    image_store_close(&store);
    if (done < 0 && done != -EEXIST) {
        say("%s: %s", words->items[0], err.text);
        return CODE_TROUBLE;
    }
    if (!cli->is_quiet)
        printf("%s@sha256:%s\n", image.repository, image.digest);
    return 0;
}

static int print_image(void *arg, const char *digest, const char *source)
{
    (void)arg;
    printf("%s@sha256:%s\n", source, digest);
    return 0;
}

static int list(struct cli *cli, void *values, const struct words *words)
{
    struct image_store store;
    struct error err;
    (void)cli;
    (void)words;
    if (open_store(values, &store) < 0)
        return CODE_TROUBLE;
    int done = image_store_list(&store, print_image, NULL, &err);
    image_store_close(&store);
    if (done < 0)
        say("%s", err.text);
    return done < 0 ? CODE_TROUBLE : 0;
}

struct verification {
    const struct image_store *store;
    bool is_quiet, has_failed;
};

static int verify_image(void *arg, const char *digest, const char *source)
{
    struct verification *verification = arg;
    struct error err;
    if (image_store_verify(verification->store, digest, &err) < 0) {
        say("%s@sha256:%s: %s", source, digest, err.text);
        verification->has_failed = true;
    } else if (!verification->is_quiet)
        printf("%s@sha256:%s: fine\n", source, digest);
    return 0;
}

static int verify(struct cli *cli, void *values, const struct words *words)
{
    struct image_store store;
    struct error err;
    (void)words;
    if (open_store(values, &store) < 0)
        return CODE_TROUBLE;
    struct verification verification = { &store, cli->is_quiet, false };
    int done = image_store_list(&store, verify_image, &verification, &err);
    image_store_close(&store);
    if (done < 0)
        say("%s", err.text);
    return done < 0 || verification.has_failed ? CODE_TROUBLE : 0;
}

struct collection {
    const struct image_store *store;
    const struct policy *policy;
    bool is_quiet, has_failed;
};

static bool is_named(const struct policy *policy, const char *digest)
{
    for (uint32_t i = 0; i < policy->root_count; i++)
        if (strcmp(policy->roots[i].image, digest) == 0)
            return true;
    return false;
}

static int collect_image(void *arg, const char *digest, const char *source)
{
    struct collection *collection = arg;
    struct error err;
    if (is_named(collection->policy, digest))
        return 0;
    int done = image_store_remove(collection->store, digest, &err);
    if (done == 0 && !collection->is_quiet)
        printf("%s@sha256:%s: removed\n", source, digest);
    else if (done == -EBUSY)
        say("%s@sha256:%s stays: a service that was started with it still has it", source, digest);
    else if (done < 0) {
        say("%s@sha256:%s: %s", source, digest, err.text);
        collection->has_failed = true;
    }
    return 0;
}

static int collect(struct cli *cli, void *values, const struct words *words)
{
    const struct image_options *options = values;
    const char *path = options->config != NULL ? options->config : CONFIG_DEFAULT;
    struct config *config = NULL;
    struct image_store store;
    struct error err = { .text = "not usable: the faults are named above" };
    (void)words;
    if (config_load(path, CONFIG_OWNER_ANY, stderr, &config, &err) < 0) {
        say("%s: %s", path, err.text);
        return CODE_BAD_CONFIG;
    }
    const struct image_options where = { .store = options->store != NULL ? options->store : config->images_dir };
    int done = open_store(&where, &store);
    struct collection collection = { &store, config->policy, cli->is_quiet, false };
    if (done == 0 && ((done = image_store_list(&store, collect_image, &collection, &err)) < 0 ||
                      (done = image_store_sweep(&store, &err)) < 0))
        say("%s", err.text);
    if (done == 0)
        image_store_close(&store);
    config_free(config);
    return done < 0 || collection.has_failed ? CODE_TROUBLE : 0;
}

#define IMAGE_COMMAND(the_name, the_rows)                                                                              \
    .name = the_name, .options = the_rows, .option_count = sizeof(the_rows) / sizeof(the_rows)[0],                     \
    .option_bytes = sizeof(struct image_options)

const struct subcommand cmd_image_pull = {
    IMAGE_COMMAND("image pull", pull_rows),
    .summary = "put an image into the store",
    .usage = "[OPTION]... NAME@sha256:DIGITS",
    .details = "Fetches it with skopeo, compares every digest, unpacks it and gives it its place in\n"
               "one step. Both parts are done by processes that have no rights. Needs the rights of\n"
               "the service's owner (root). An image that is there already is not fetched again.\n",
    .words_min = 1,
    .words_max = 1,
    .run = pull,
};

const struct subcommand cmd_image_ls = {
    IMAGE_COMMAND("image ls", store_rows),
    .summary = "list the images of the store",
    .usage = "[OPTION]...",
    .details = "One a line, as a command's 'image' names it.\n",
    .run = list,
};

const struct subcommand cmd_image_verify = {
    IMAGE_COMMAND("image verify", store_rows),
    .summary = "compare the files of images with what was pulled",
    .usage = "[OPTION]...",
    .details = "Reads all files of all images. The exit code is 125 if one has changed.\n",
    .run = verify,
};

const struct subcommand cmd_image_gc = {
    IMAGE_COMMAND("image gc", gc_rows),
    .summary = "remove images that no command names",
    .usage = "[OPTION]...",
    .details = "Removes what the configuration does not name, and what was never finished. What a\n"
               "running service was started or reloaded with stays until that service ends.\n",
    .run = collect,
};
