#include "sallyport/image/reference.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define ALGORITHM "@sha256:"

/* What a repository is made of, the port of its host included. It becomes a part of an argument of skopeo. */
static bool is_repository(const char *text, size_t length)
{
    if (length == 0 || length >= IMAGE_REFERENCE_BYTES || text[0] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_/:", text[i]) == NULL)
            return false;
    return true;
}

static bool has_tag(const char *text, size_t length)
{
    const char *slash = memrchr(text, '/', length);
    const char *name = slash != NULL ? slash + 1 : text;
    return memchr(name, ':', length - (size_t)(name - text)) != NULL;
}

/* The line is made to be copied, so nothing stands in it that a shell would read as more than a name. */
static int fail_digest(const char *text, struct error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/:@";
    if (text[0] == '-' || text[0] == '\0' || text[strspn(text, letters)] != '\0')
        return fail_plain(err, EINVAL,
                          "'%.200s' names no digest: write NAME@sha256:DIGITS, because a tag may mean another image "
                          "tomorrow",
                          text);
    return fail_plain(err, EINVAL,
                      "'%.200s' names no digest: write NAME@sha256:DIGITS, because a tag may mean another image "
                      "tomorrow; skopeo inspect --format '{{.Digest}}' docker://%.200s shows what it is today",
                      text, text);
}

int image_reference_parse(const char *text, struct image_reference *ret_reference, struct error *err)
{
    const char *at = strstr(text, ALGORITHM);
    if (at == NULL)
        return fail_digest(text, err);
    size_t length = (size_t)(at - text);
    const char *digest = at + strlen(ALGORITHM);
    uint8_t bytes[IMAGE_DIGEST_DIGITS / 2];
    if (!is_repository(text, length))
        return fail_plain(err, EINVAL,
                          "'%.200s' is no name of an image: small letters, digits and '.-_/:' before the @", text);
    if (has_tag(text, length))
        return fail_plain(err, EINVAL, "'%.200s' has a tag and a digest; the digest alone counts, so leave the tag out",
                          text);
    if (strlen(digest) != IMAGE_DIGEST_DIGITS || strspn(digest, "0123456789abcdef") != IMAGE_DIGEST_DIGITS ||
        !text_unhex(digest, sizeof bytes, bytes))
        return fail_plain(err, EINVAL, "'%.200s': a digest has 64 small hexadecimal digits", text);
    text_copy_bytes(ret_reference->repository, sizeof ret_reference->repository, text, length);
    text_copy(ret_reference->digest, sizeof ret_reference->digest, digest);
    return 0;
}
