#include "sallyport/image/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define FIRST_LINE "sallyport-image 1"

bool image_settings_is_text(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    return text[0] != '\0' && text_is_utf8(text, strlen(text));
}

static bool add(const char **list, uint32_t *count, uint32_t most, const char *text)
{
    if (*count == most)
        return false;
    list[(*count)++] = text;
    return true;
}

static bool take_line(struct image_settings *settings, char *line)
{
    char *text = strchr(line, ' ');
    if (text == NULL)
        return false;
    *text++ = '\0';
    if (!image_settings_is_text(text))
        return false;
    if (strcmp(line, "exec") == 0)
        return add(settings->exec, &settings->exec_count, ARGUMENT_COUNT_MAX, text);
    if (strcmp(line, "env") == 0)
        return strchr(text, '=') != NULL && add(settings->env, &settings->env_count, ENV_COUNT_MAX, text);
    const char **single = strcmp(line, "workdir") == 0 ? &settings->workdir
                          : strcmp(line, "user") == 0  ? &settings->user
                                                       : NULL;
    if (single == NULL || *single != NULL)
        return false;
    *single = text;
    return true;
}

int image_settings_parse(char *text, size_t size, struct image_settings *ret_settings, struct error *err)
{
    *ret_settings = (struct image_settings){ .text = text };
    if (strlen(text) != size || size == 0 || text[size - 1] != '\n')
        return fail_plain(err, EBADMSG, "the image's settings do not end with a line");
    unsigned number = 1;
    for (char *line = text, *next; *line != '\0'; line = next, number++) {
        next = strchr(line, '\n');
        *next++ = '\0';
        if (number == 1 ? strcmp(line, FIRST_LINE) != 0 : !take_line(ret_settings, line))
            return fail_plain(err, EBADMSG, "line %u of the image's settings means nothing", number);
    }
    return 0;
}

void image_settings_free(struct image_settings *settings)
{
    free(settings->text);
    *settings = (struct image_settings){ .text = NULL };
}
