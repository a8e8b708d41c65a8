#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/image/manifest.h"
#include "sallyport/image/settings.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG_AT(digest, size)                                                                                        \
    "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" digest "\",\"size\":" size  \
    "}"
#define LAYER_OF(type, digest, size, more)                                                                             \
    "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":" size more "}"
#define TAR_GZIP         "application/vnd.oci.image.layer.v1.tar+gzip"
#define MANIFEST(layers) "{\"schemaVersion\":2," CONFIG_AT(A, "7") ",\"layers\":[" layers "]}"

static int parse(const char *text, struct manifest *manifest, struct error *err)
{
    return manifest_parse((const uint8_t *)text, strlen(text), "amd64", manifest, err);
}

Test(image_manifest, names_a_configuration_and_layers)
{
    struct manifest manifest;
    struct error err;
    cr_assert_eq(parse(MANIFEST(LAYER_OF(TAR_GZIP, B, "9", "")), &manifest, &err), 0, "%s", err.text);
    cr_expect_str_eq(manifest.config.digest, A + 7);
    cr_expect_eq(manifest.config.size, 7);
    cr_expect_eq(manifest.layer_count, 1);
    cr_expect_str_eq(manifest.layers[0].digest, B + 7);
    cr_expect_eq(manifest.layers[0].size, 9);
}

Test(image_manifest, that_is_anything_else_is_refused_with_the_reason)
{
    static const struct {
        const char *text;
        int code;
        const char *said;
    } cases[] = {
        { "", EBADMSG, "no JSON object" },
        { "[]", EBADMSG, "no JSON object" },
        { "{\"a\":1,\"a\":2}", EBADMSG, "no JSON object" },
        { MANIFEST("") "x", EBADMSG, "no JSON object" },
        { "{}", EBADMSG, "no manifest" },
        { "{\"schemaVersion\":1," CONFIG_AT(A, "7") ",\"layers\":[]}", EBADMSG, "no manifest" },
        { "{\"schemaVersion\":2,\"mediaType\":\"text/plain\"," CONFIG_AT(A, "7") ",\"layers\":[]}", EBADMSG,
          "no manifest" },
        { MANIFEST(""), EBADMSG, "0 layers" },
        { "{\"schemaVersion\":2,\"layers\":[" LAYER_OF(TAR_GZIP, B, "9", "") "]}", EBADMSG, "of the configuration" },
        { MANIFEST("3"), EBADMSG, "of layer 1" },
        { MANIFEST(LAYER_OF(TAR_GZIP, "sha512:ab", "9", "")), EBADMSG, "of layer 1" },
        { MANIFEST(
              LAYER_OF(TAR_GZIP, "sha256:../../../../../../../../../../../../../../../../../../../../../x", "9", "")),
          EBADMSG, "of layer 1" },
        { MANIFEST(LAYER_OF(TAR_GZIP, B, "-1", "")), EBADMSG, "of layer 1" },
        { MANIFEST(LAYER_OF(TAR_GZIP, B, "1.5", "")), EBADMSG, "of layer 1" },
        { MANIFEST(LAYER_OF(TAR_GZIP, B, "9000000000000000000", "")), EFBIG, "at most" },
        { MANIFEST(LAYER_OF("application/x-tar", B, "9", "")), EOPNOTSUPP, "not supported" },
        { MANIFEST(LAYER_OF(TAR_GZIP, B, "9", ",\"urls\":[\"http://x/\"]")), EOPNOTSUPP, "lies elsewhere" },
        { "{\"schemaVersion\":2,\"manifests\":[]}", EMLINK, "none is linux/amd64" },
        { "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" B
          "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
          EMLINK, B },
        { "{\"manifests\":[1,{\"digest\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}", EMLINK,
          "none is" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct manifest manifest;
        struct error err = { 0 };
        cr_expect_eq(parse(cases[i].text, &manifest, &err), -cases[i].code, "%s: %s", cases[i].text, err.text);
        cr_expect_not_null(strstr(err.text, cases[i].said), "%s: %s", cases[i].text, err.text);
    }
}

static int parse_config(const char *text, char **ret_settings, struct image_diffs *diffs, struct error *err)
{
    size_t size = 0;
    FILE *settings = open_memstream(ret_settings, &size);
    int done = image_config_parse((const uint8_t *)text, strlen(text), "amd64", settings, diffs, err);
    fclose(settings);
    return done;
}

#define SAYS(config)                                                                                                   \
    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" A "\"]}" config "}"

Test(image_config, becomes_settings_that_every_reader_takes)
{
    char *text = NULL;
    static struct image_diffs diffs;
    struct image_settings settings;
    struct error err;
    cr_assert_eq(
        parse_config(
            SAYS(",\"config\":{\"Entrypoint\":[\"/bin/a\"],\"Cmd\":[\"b c\"],\"Env\":[\"X=1\",\"bad\",\"Y=\\n\"],"
                 "\"WorkingDir\":\"/w\",\"User\":\"root\"}"),
            &text, &diffs, &err),
        0, "%s", err.text);
    cr_expect_str_eq(text, "sallyport-image 1\nexec /bin/a\nexec b c\nenv X=1\nworkdir /w\nuser root\n");
    cr_expect_eq(diffs.count, 1);
    cr_expect_str_eq(diffs.digests[0], A + 7);
    cr_expect_eq(image_settings_parse(text, strlen(text), &settings, &err), 0);
    image_settings_free(&settings);
}

Test(image_config, cannot_smuggle_a_line_into_the_settings)
{
    char *text = NULL;
    static struct image_diffs diffs;
    struct error err;
    cr_assert_eq(
        parse_config(
            SAYS(",\"config\":{\"Entrypoint\":[\"/bin/a\",\"b\\nenv LD_PRELOAD=x\"],\"WorkingDir\":\"/\\nuser 0\"}"),
            &text, &diffs, &err),
        0);
    cr_expect_str_eq(text, "sallyport-image 1\n"); /* an entrypoint with an argument left out would be another one */
    free(text);
}

Test(image_config, that_is_for_something_else_is_refused)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        { "7", EBADMSG },
        { "{}", ENOEXEC },
        { "{\"os\":\"windows\",\"architecture\":\"amd64\"}", ENOEXEC },
        { "{\"os\":\"linux\",\"architecture\":\"s390x\"}", ENOEXEC },
        { "{\"os\":\"linux\",\"architecture\":\"amd64\"}", EBADMSG },
        { "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[7]}}", EBADMSG },
        { SAYS(",\"config\":{\"Env\":\"X=1\"}"), EBADMSG },
        { SAYS(",\"config\":{\"Cmd\":[1]}"), EBADMSG },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        static struct image_diffs diffs;
        struct error err = { 0 };
        cr_expect_eq(parse_config(cases[i].text, &text, &diffs, &err), -cases[i].code, "%s: %s", cases[i].text,
                     err.text);
        free(text);
    }
}
