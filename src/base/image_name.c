#include "sallyport/base/image_name.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"

#define LOWER         "abcdefghijklmnopqrstuvwxyz0123456789"
#define ANY           LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TAG_MAX       128
#define DIGEST_DIGITS 64
#define DIGEST        "sha256:"

static bool has_only(const char *text, size_t size, const char *letters)
{
    for (size_t i = 0; i < size; i++)
        if (strchr(letters, text[i]) == NULL)
            return false;
    return true;
}

/* Letters and digits, between which stand a dot, one or two underscores, or dashes. */
static bool is_component(const char *text, size_t size)
{
    for (size_t at = 0;;) {
        size_t word = 0, gap = 0;
        while (at + word < size && strchr(LOWER, text[at + word]) != NULL)
            word++;
        at += word;
        if (word == 0 || at == size)
            return word > 0;
        while (at + gap < size && text[at + gap] == text[at])
            gap++;
        bool is_fine = text[at] == '-' || (text[at] == '.' && gap == 1) || (text[at] == '_' && gap <= 2);
        if (!is_fine)
            return false;
        at += gap;
    }
}

static bool is_path(const char *text, size_t size)
{
    for (;;) {
        const char *slash = memchr(text, '/', size);
        size_t length = slash != NULL ? (size_t)(slash - text) : size;
        if (!is_component(text, length))
            return false;
        if (slash == NULL)
            return true;
        text += length + 1;
        size -= length + 1;
    }
}

/* A name or an address, and a port; what follows is the path. */
static bool is_registry(const char *text, size_t size)
{
    const char *colon = memchr(text, ':', size);
    size_t host = colon != NULL ? (size_t)(colon - text) : size, port = colon != NULL ? size - host - 1 : 0;
    if (host == 0 || !has_only(text, host, ANY ".-") || strchr(".-", text[0]) != NULL ||
        strchr(".-", text[host - 1]) != NULL)
        return false;
    return colon == NULL || (port > 0 && port <= 5 && has_only(colon + 1, port, "0123456789"));
}

/* Docker's rule: the first step is a registry if it could not be a step of a path, or is this host. */
static bool names_registry(const char *text, size_t size)
{
    bool is_local = size == strlen("localhost") && memcmp(text, "localhost", size) == 0;
    return is_local || memchr(text, '.', size) != NULL || memchr(text, ':', size) != NULL ||
           !has_only(text, size, LOWER "_-");
}

static bool is_tag(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= TAG_MAX && strchr(".-", text[0]) == NULL && has_only(text, size, ANY "_.-");
}

static bool is_digest(const char *text)
{
    size_t before = strlen(DIGEST);
    return strncmp(text, DIGEST, before) == 0 && strlen(text + before) == DIGEST_DIGITS &&
           has_only(text + before, DIGEST_DIGITS, "0123456789abcdef");
}

bool image_name_spell(const char *text, char ret_name[CALLED_MAX_BYTES])
{
    char name[CALLED_MAX_BYTES];
    if (!text_copy(name, sizeof name, text))
        return false;
    char *digest = strchr(name, '@'), *slash, *tag;
    if (digest != NULL)
        *digest++ = '\0';
    slash = strrchr(name, '/');
    tag = strchr(slash != NULL ? slash : name, ':'); /* a colon before the last slash is that of a port */
    if (tag != NULL)
        *tag++ = '\0';
    const char *registry = "docker.io", *path = name, *library = "";
    slash = strchr(name, '/');
    if (slash != NULL && names_registry(name, (size_t)(slash - name))) {
        *slash = '\0';
        registry = strcmp(name, "index.docker.io") == 0 ? "docker.io" : name;
        path = slash + 1;
    }
    if (!is_registry(registry, strlen(registry)) || !is_path(path, strlen(path)) || (tag != NULL && !is_tag(tag)) ||
        (digest != NULL && !is_digest(digest)))
        return false;
    if (strcmp(registry, "docker.io") == 0 && strchr(path, '/') == NULL)
        library = "library/";
    bool has_tag = digest == NULL; /* beside a digest a tag says nothing */
    int size = snprintf(ret_name, CALLED_MAX_BYTES, "%s/%s%s%s%s", registry, library, path, has_tag ? ":" : "@",
                        !has_tag      ? digest
                        : tag != NULL ? tag
                                      : "latest");
    return size > 0 && size < CALLED_MAX_BYTES;
}
