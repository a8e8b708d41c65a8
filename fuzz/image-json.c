/*
 * A manifest (first byte even) or the configuration of an image (odd). What becomes of a configuration is taken by every reader
 * of settings, whatever stood in it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/image/manifest.h"
#include "sallyport/image/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_blob(const struct image_blob *blob, uint64_t most)
{
    check(strlen(blob->digest) == IMAGE_DIGEST_DIGITS && strchr(blob->digest, '/') == NULL && blob->size <= most);
}

static void try_manifest(const uint8_t *data, size_t size)
{
    static struct manifest manifest;
    struct error err = { 0 };
    if (manifest_parse(data, size, "amd64", &manifest, &err) < 0) {
        check(err.text[0] != '\0');
        return;
    }
    check(manifest.layer_count > 0 && manifest.layer_count <= IMAGE_LAYER_COUNT_MAX);
    check_blob(&manifest.config, IMAGE_JSON_MAX_BYTES);
    for (uint32_t i = 0; i < manifest.layer_count; i++)
        check_blob(&manifest.layers[i], IMAGE_BYTES_MAX);
}

static void try_config(const uint8_t *data, size_t size)
{
    static struct image_diffs diffs;
    struct image_settings settings;
    struct error err = { 0 };
    char *text = NULL;
    size_t text_size = 0;
    FILE *lines = open_memstream(&text, &text_size);
    check(lines != NULL);
    int done = image_config_parse(data, size, "amd64", lines, &diffs, &err);
    fclose(lines);
    if (done < 0) {
        free(text);
        return;
    }
    check(image_settings_parse(text, text_size, &settings, &err) == 0);
    image_settings_free(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        try_manifest(data + 1, size - 1);
    else
        try_config(data + 1, size - 1);
    return 0;
}
