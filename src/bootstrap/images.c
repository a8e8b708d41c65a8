/*
 * Roots that are images. Nothing is fetched here: what `sallyport image pull` stored is opened by its digest, or is not
 * there, and then its commands say what to run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/config/image.h"
#include "sallyport/image/stored.h"

int images_held(const struct bootstrap *bootstrap, const char *digest)
{
    for (uint32_t i = 0; i < bootstrap->image_count; i++)
        if (strcmp(bootstrap->images[i].digest, digest) == 0)
            return bootstrap->images[i].fd;
    return -1;
}

/* Until we end: jobs of an older configuration may run in it, and nobody tells us when the last of them is over. */
static int hold(struct bootstrap *bootstrap, const char *store, const char *digest, struct error *err)
{
    auto_fd int fd = -1;
    if (images_held(bootstrap, digest) >= 0)
        return 0;
    int done = image_stored_hold(store, digest, &fd, err);
    if (done < 0)
        return done;
    struct held_image *larger = realloc(bootstrap->images, (bootstrap->image_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "hold an image");
    bootstrap->images = larger;
    struct held_image *image = &larger[bootstrap->image_count++];
    memcpy(image->digest, digest, sizeof image->digest);
    image->fd = fd_take(&fd);
    return 0;
}

static void set_unavailable(struct command *command, const struct root *root, const struct error *why)
{
    if (why->code == ENOENT)
        snprintf(command->unavailable, sizeof command->unavailable,
                 "its image is not in the store; run: sallyport image pull %.300s@sha256:%s", root->image_name,
                 root->image);
    else
        snprintf(command->unavailable, sizeof command->unavailable, "its image sha256:%s: %.400s", root->image,
                 why->text);
    log_warn("command=%s cannot run: %s", command->name, command->unavailable);
}

/* How a job of this instance sees an image: ids that only the host's root could map make it read-only (SECURITY.md). */
static enum root_image kind_of(const struct ids *ids)
{
    return ids->is_rootless && !ids->is_single ? ROOT_IMAGE_READ_ONLY : ROOT_IMAGE_WRITABLE;
}

/* -ENOMEM and its like alone are failures; what is wrong with the image is its commands' matter. */
static int prepare_root(struct bootstrap *bootstrap, const struct config *config, uint32_t index, struct error *err)
{
    struct policy *policy = config->policy;
    struct root *root = &policy->roots[index];
    struct image_settings settings = { .text = NULL };
    struct error why = { 0 };
    int found = hold(bootstrap, config->images_dir, root->image, &why), done = 0;
    if (found == 0)
        found = image_stored_settings(images_held(bootstrap, root->image), &settings, &why);
    root->image_kind = found == 0 ? kind_of(&bootstrap->ids) : ROOT_OF_HOST;
    for (uint32_t i = 0; i < policy->command_count && done == 0; i++) {
        struct command *command = &policy->commands[i];
        struct error of_command = why;
        if (command_is_sequence(command) || command->root != index)
            continue;
        int usable = found == 0 ? config_add_image(command, &settings, &of_command) : found;
        if (usable < 0)
            set_unavailable(command, root, &of_command);
        if (usable == -ENOMEM)
            done = fail(err, ENOMEM, "read an image's settings");
    }
    image_settings_free(&settings);
    return done;
}

int images_prepare(struct bootstrap *bootstrap, const struct config *config, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < config->policy->root_count && done == 0; i++)
        if (config->policy->roots[i].image[0] != '\0')
            done = prepare_root(bootstrap, config, i, err);
    return done;
}
