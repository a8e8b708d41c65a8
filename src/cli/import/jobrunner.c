/* sallyport import jobrunner: JOBRUNNER_... of the environment. It ran any line of bash, which has to be asked for here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "importer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/image/reference.h"
#include "sallyport/limits.h"

#define NAME "jobrunner"

struct jobrunner_options {
    const char *port;
    struct words images;
    bool wants_shell;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "port", offsetof(struct jobrunner_options, port), "PORT",
      "in place of JOBRUNNER_PORT; 8080 unless given", NULL },
    { '\0', OPTION_FLAG, "shell", offsetof(struct jobrunner_options, wants_shell), NULL,
      "command lines of clients are run, whatever they are", NULL },
    { '\0', OPTION_TEXTS, "image", offsetof(struct jobrunner_options, images), "REF",
      "an image of its docker commands: NAME@sha256:DIGITS, with\n[REGISTRY/]REPOSITORY[:TAG]= before it if clients "
      "say that",
      NULL },
};

static void take_shell(struct import *import, json_t *called)
{
    struct draft *draft = &import->draft;
    draft_set(draft, "commands", "shell",
              json_pack("{s:[s, s, s], s:{s:{s:s, s:i, s:b}}}", "exec", "/bin/bash", "-c", "{command_line}", "params",
                        "command_line", "type", "string", "max_length", 8000, "required", 1));
    draft_note(
        draft, "commands", "shell",
        "DANGER: this runs whatever its callers send. The sandbox is all that is between them and the host: give "
        "run:shell to nobody who is not meant to have a shell here, and list the commands that clients really need "
        "in its place.");
    json_object_set_new(called, "bash", json_string("shell"));
}

/* Between "ALPINE:3=" and what follows; or a reference that clients say without its digest. */
static bool split_image(const char *said, char called[CALLED_MAX_BYTES], const char **ret_reference)
{
    const char *equals = strchr(said, '='), *at = strchr(said, '@');
    *ret_reference = equals != NULL ? equals + 1 : said;
    size_t size = equals != NULL ? (size_t)(equals - said) : at != NULL ? (size_t)(at - said) : strlen(said);
    return size > 0 && text_copy_bytes(called, CALLED_MAX_BYTES, said, size);
}

static int take_image(struct import *import, const char *said, json_t *called, struct error *err)
{
    struct draft *draft = &import->draft;
    struct image_reference reference;
    struct error fault = { 0 };
    char word[CALLED_MAX_BYTES], name[NAME_ROOM];
    const char *image;
    if (!split_image(said, word, &image))
        return fail_plain(err, EINVAL, "--image takes NAME@sha256:DIGITS, or WORD=NAME@sha256:DIGITS, not '%s'", said);
    const char *slash = strrchr(word, '/');
    name_make(draft, "commands", slash != NULL ? slash + 1 : word, NAME_ROOM - 1, name);
    draft_set(draft, "commands", name,
              json_pack("{s:s, s:[s, s], s:{s:o}}", "image", image, "exec", "/usr/bin/env", "{args...}", "params",
                        "args", param_any_list()));
    json_object_set_new(called, word, json_string(name));
    bool has_digest = image_reference_parse(image, &reference, &fault) == 0;
    draft_note(draft, "commands", name,
               "LOOK AT THIS: it runs any program of the image. Write the one that is meant in place of /usr/bin/env.");
    draft_note(
        draft, "commands", name,
        has_digest ? "Before the service starts: sallyport image pull %s"
        : text_is_harmless(image)
            ? "An image is named by its digest here. skopeo inspect --format '{{.Digest}}' docker://%s shows what "
              "it is today; then: sallyport image pull NAME@sha256:DIGITS, and import once more with that."
            : "An image is named by its digest here, and '%.100s' is no name of one: import once more with another.",
        image);
    return 0;
}

static void note_environment(struct import *import)
{
    struct draft *draft = &import->draft;
    const char *host = getenv("JOBRUNNER_HOSTNAME");
    if (host == NULL || host[0] == '\0' || strcmp(host, "localhost") != 0)
        draft_note(draft, "predecessors", NAME, "It listened on %s; this is 127.0.0.1 alone.",
                   host != NULL && host[0] != '\0' ? host : "all interfaces");
    if (getenv("JOBRUNNER_BASE") != NULL)
        draft_note(
            draft, "predecessors", NAME,
            "JOBRUNNER_BASE is left out: each job works in a /tmp of its own, which is gone with it. 'artifacts' of a "
            "command keep files.");
    if (getenv("JOBRUNNER_DOCKER") != NULL)
        draft_note(
            draft, "predecessors", NAME,
            "JOBRUNNER_DOCKER is left out: images are unpacked before (sallyport image pull), and no docker is asked.");
    if (getenv("JOBRUNNER_DOCKER_USER") != NULL || getenv("JOBRUNNER_DOCKER_PASS") != NULL)
        draft_note(draft, "predecessors", NAME,
                   "JOBRUNNER_DOCKER_USER and JOBRUNNER_DOCKER_PASS were never used, and are not.");
}

static int run(struct import *import, void *values, const struct words *words, struct error *err)
{
    const struct jobrunner_options *options = values;
    const char *said = options->port != NULL ? options->port : getenv("JOBRUNNER_PORT");
    unsigned port = 8080;
    (void)words;
    if (said != NULL && said[0] != '\0' && !port_read(said, &port))
        return fail_plain(err, EINVAL, "JOBRUNNER_PORT takes a number from 1 to 65535, not '%s'", said);
    if (!options->wants_shell && options->images.count == 0)
        return fail_plain(
            err, EINVAL,
            "jobrunner ran whatever it was sent; say what is to be served here: --shell for command lines "
            "(think twice), --image NAME@sha256:DIGITS for docker commands");
    json_t *called = json_object();
    int done = 0;
    if (options->wants_shell)
        take_shell(import, called);
    for (size_t i = 0; i < options->images.count && done == 0; i++)
        done = take_image(import, options->images.items[i], called, err);
    if (done < 0) {
        json_decref(called);
        return done;
    }
    say_head(import, "jobrunner's environment");
    predecessor_set(import, NAME, port, called);
    note_environment(import);
    return 0;
}

const struct importer import_jobrunner = {
    .name = NAME,
    .summary = "the environment of jobrunner",
    .usage = "[--shell] [--image REF]... [--port PORT]",
    .details = "JOBRUNNER_PORT and the others are read from the environment. What its clients may\n"
               "run has to be said: --shell takes any command line of theirs, --image one image.\n"
               "\n"
               "  JOBRUNNER_PORT=8080 sallyport import jobrunner --shell\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct jobrunner_options),
    .words_max = 0,
    .run = run,
};
