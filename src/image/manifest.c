#include "sallyport/image/manifest.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <jansson.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/image/settings.h"

static const char *const manifest_types[] = { "application/vnd.oci.image.manifest.v1+json",
                                              "application/vnd.docker.distribution.manifest.v2+json" };
static const char *const index_types[] = { "application/vnd.oci.image.index.v1+json",
                                           "application/vnd.docker.distribution.manifest.list.v2+json" };
static const char *const config_types[] = { "application/vnd.oci.image.config.v1+json",
                                            "application/vnd.docker.container.image.v1+json" };
static const char *const layer_types[] = { "application/vnd.oci.image.layer.v1.tar",
                                           "application/vnd.oci.image.layer.v1.tar+gzip",
                                           "application/vnd.oci.image.layer.v1.tar+zstd",
                                           "application/vnd.docker.image.rootfs.diff.tar.gzip" };
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; text != NULL && i < count; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool take_digest(const char *text, char ret_digest[IMAGE_DIGEST_DIGITS + 1])
{
    static const char prefix[] = "sha256:";
    if (text == NULL || strncmp(text, prefix, sizeof prefix - 1) != 0)
        return false;
    text += sizeof prefix - 1;
    return strlen(text) == IMAGE_DIGEST_DIGITS && strspn(text, "0123456789abcdef") == IMAGE_DIGEST_DIGITS &&
           text_copy(ret_digest, IMAGE_DIGEST_DIGITS + 1, text);
}

/* A descriptor: what is meant, by digest and size. `urls` would be a place elsewhere, which we do not go to. */
static int take_blob(const json_t *descriptor, const char *what, const char *const *types, size_t type_count,
                     uint64_t most, struct image_blob *ret_blob, struct error *err)
{
    const json_t *size = json_object_get(descriptor, "size");
    char shown[128];
    const char *type = text_of(descriptor, "mediaType");
    if (type == NULL || !take_digest(text_of(descriptor, "digest"), ret_blob->digest) || !json_is_integer(size) ||
        json_integer_value(size) < 0)
        return fail_plain(err, EBADMSG, "the manifest has no type, no sha256 digest or no size of %s", what);
    ret_blob->size = (uint64_t)json_integer_value(size);
    text_quote_json(type, strlen(type), shown, sizeof shown);
    if (!is_one_of(type, types, type_count))
        return fail_plain(err, EOPNOTSUPP, "%s is of the kind '%s', which is not supported", what, shown);
    if (json_object_get(descriptor, "urls") != NULL && json_array_size(json_object_get(descriptor, "urls")) > 0)
        return fail_plain(err, EOPNOTSUPP, "%s lies elsewhere ('urls'), which is not supported", what);
    if (ret_blob->size > most)
        return fail_plain(err, EFBIG, "%s has %llu bytes; at most %llu are taken", what,
                          (unsigned long long)ret_blob->size, (unsigned long long)most);
    return 0;
}

static int parse(const uint8_t *data, size_t size, const char *what, json_t **ret_json, struct error *err)
{
    json_error_t json_err;
    if (size > IMAGE_JSON_MAX_BYTES)
        return fail_plain(err, EFBIG, "%s has more than %d bytes", what, IMAGE_JSON_MAX_BYTES);
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &json_err);
    if (!json_is_object(json)) {
        json_decref(json);
        return fail_plain(err, EBADMSG, "%s is no JSON object", what);
    }
    *ret_json = json;
    return 0;
}

/* Several platforms: one of them must be meant, and its digest be written, so that what runs is what was written. */
static int fail_index(const json_t *index, const char *architecture, struct error *err)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(index, "manifests"), i, item)
    {
        char digest[IMAGE_DIGEST_DIGITS + 1];
        const json_t *platform = json_object_get(item, "platform");
        const char *os = text_of(platform, "os"), *cpu = text_of(platform, "architecture");
        if (os != NULL && cpu != NULL && strcmp(os, "linux") == 0 && strcmp(cpu, architecture) == 0 &&
            take_digest(text_of(item, "digest"), digest))
            return fail_plain(err, EMLINK,
                              "this digest is that of an index of several platforms; the image for linux/%s is "
                              "sha256:%s: write that one",
                              architecture, digest);
    }
    return fail_plain(err, EMLINK, "this digest is that of an index of several platforms, of which none is linux/%s",
                      architecture);
}

static int take_manifest(const json_t *json, const char *architecture, struct manifest *manifest, struct error *err)
{
    const char *type = text_of(json, "mediaType");
    const json_t *layers = json_object_get(json, "layers");
    if (is_one_of(type, index_types, COUNT(index_types)) || json_object_get(json, "manifests") != NULL)
        return fail_index(json, architecture, err);
    if (json_integer_value(json_object_get(json, "schemaVersion")) != 2 ||
        (type != NULL && !is_one_of(type, manifest_types, COUNT(manifest_types))) || !json_is_array(layers))
        return fail_plain(err, EBADMSG, "this is no manifest of an image (OCI, or Docker version 2 schema 2)");
    if (json_array_size(layers) == 0 || json_array_size(layers) > IMAGE_LAYER_COUNT_MAX)
        return fail_plain(err, EBADMSG, "the image has %zu layers; 1 to %d are taken", json_array_size(layers),
                          IMAGE_LAYER_COUNT_MAX);
    int done = take_blob(json_object_get(json, "config"), "the configuration", config_types, COUNT(config_types),
                         IMAGE_JSON_MAX_BYTES, &manifest->config, err);
    for (size_t i = 0; i < json_array_size(layers) && done == 0; i++) {
        char what[32];
        snprintf(what, sizeof what, "layer %zu", i + 1);
        done = take_blob(json_array_get(layers, i), what, layer_types, COUNT(layer_types), IMAGE_BYTES_MAX,
                         &manifest->layers[i], err);
    }
    manifest->layer_count = (uint32_t)json_array_size(layers);
    return done;
}

int manifest_parse(const uint8_t *data, size_t size, const char *architecture, struct manifest *ret_manifest,
                   struct error *err)
{
    json_t *json = NULL;
    int done = parse(data, size, "the manifest", &json, err);
    if (done == 0)
        done = take_manifest(json, architecture, ret_manifest, err);
    json_decref(json);
    return done;
}

static int take_diffs(const json_t *json, struct image_diffs *diffs, struct error *err)
{
    const json_t *rootfs = json_object_get(json, "rootfs"), *ids = json_object_get(rootfs, "diff_ids");
    const char *type = text_of(rootfs, "type");
    if (type == NULL || strcmp(type, "layers") != 0 || !json_is_array(ids) ||
        json_array_size(ids) > IMAGE_LAYER_COUNT_MAX)
        return fail_plain(err, EBADMSG, "the image's configuration names no layers");
    for (diffs->count = 0; diffs->count < json_array_size(ids); diffs->count++)
        if (!take_digest(json_string_value(json_array_get(ids, diffs->count)), diffs->digests[diffs->count]))
            return fail_plain(err, EBADMSG, "the image's configuration has no digest of layer %u", diffs->count + 1);
    return 0;
}

static bool is_null_or_texts(const json_t *list)
{
    if (list == NULL || json_is_null(list))
        return true;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return json_is_array(list);
}

/* A text that one line cannot hold makes the whole command unusable; an owner who wants it writes `exec` himself. */
static void write_exec(const json_t *entrypoint, const json_t *arguments, FILE *settings)
{
    const json_t *const lists[] = { entrypoint, arguments };
    size_t count = json_array_size(entrypoint) + json_array_size(arguments);
    bool is_usable = count <= ARGUMENT_COUNT_MAX;
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < json_array_size(lists[i]); j++)
            is_usable &= image_settings_is_text(json_string_value(json_array_get(lists[i], j)));
    for (size_t i = 0; i < 2 && is_usable; i++)
        for (size_t j = 0; j < json_array_size(lists[i]); j++)
            fprintf(settings, "exec %s\n", json_string_value(json_array_get(lists[i], j)));
}

static int write_settings(const json_t *config, FILE *settings, struct error *err)
{
    static const char *const lists[] = { "Entrypoint", "Cmd", "Env" };
    for (size_t i = 0; i < COUNT(lists); i++)
        if (!is_null_or_texts(json_object_get(config, lists[i])))
            return fail_plain(err, EBADMSG, "'%s' of the image's configuration is no list of texts", lists[i]);
    const json_t *env = json_object_get(config, "Env");
    const char *workdir = text_of(config, "WorkingDir"), *user = text_of(config, "User");
    write_exec(json_object_get(config, "Entrypoint"), json_object_get(config, "Cmd"), settings);
    if (json_array_size(env) > ENV_COUNT_MAX)
        return fail_plain(err, E2BIG, "the image sets %zu variables; at most %d are taken", json_array_size(env),
                          ENV_COUNT_MAX);
    for (size_t i = 0; i < json_array_size(env); i++) {
        const char *variable = json_string_value(json_array_get(env, i));
        if (image_settings_is_text(variable) && strchr(variable, '=') != NULL)
            fprintf(settings, "env %s\n", variable);
    }
    if (workdir != NULL && image_settings_is_text(workdir))
        fprintf(settings, "workdir %s\n", workdir);
    if (user != NULL && image_settings_is_text(user))
        fprintf(settings, "user %s\n", user);
    return 0;
}

int image_config_parse(const uint8_t *data, size_t size, const char *architecture, FILE *settings,
                       struct image_diffs *ret_diffs, struct error *err)
{
    json_t *json = NULL;
    int done = parse(data, size, "the image's configuration", &json, err);
    if (done < 0)
        return done;
    const char *os = text_of(json, "os"), *cpu = text_of(json, "architecture");
    if (os == NULL || cpu == NULL || strcmp(os, "linux") != 0 || strcmp(cpu, architecture) != 0)
        done = fail_plain(err, ENOEXEC, "the image is not for linux/%s", architecture);
    if (done == 0)
        done = take_diffs(json, ret_diffs, err);
    if (done == 0 && fputs("sallyport-image 1\n", settings) < 0)
        done = fail(err, EIO, "write the image's settings");
    if (done == 0)
        done = write_settings(json_object_get(json, "config"), settings, err);
    json_decref(json);
    return done;
}
