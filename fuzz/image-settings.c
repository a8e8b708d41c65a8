/* The settings of a stored image: whatever the unpacker left there. What is taken are texts without control characters. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/image/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_settings settings;
    struct error err = { 0 };
    char *text = calloc(1, size + 1);
    if (size > 0)
        memcpy(text, data, size);
    if (image_settings_parse(text, size, &settings, &err) == 0) {
        for (uint32_t i = 0; i < settings.exec_count; i++)
            check(image_settings_is_text(settings.exec[i]));
        for (uint32_t i = 0; i < settings.env_count; i++)
            check(image_settings_is_text(settings.env[i]) && strchr(settings.env[i], '=') != NULL);
        check(settings.workdir == NULL || image_settings_is_text(settings.workdir));
    } else
        check(err.text[0] != '\0');
    image_settings_free(&settings);
    return 0;
}
