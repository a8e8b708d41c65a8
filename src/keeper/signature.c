#include "signature.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"

int signature_make(const struct span keys[CALLBACK_SECRETS_MAX], const char *id, uint64_t timestamp_s, struct span body,
                   char ret_signature[SIGNATURE_BYTES], struct error *err)
{
    char head[128];
    uint8_t digest[HASH_BYTES];
    int size = snprintf(head, sizeof head, "%s.%" PRIu64 ".", id, timestamp_s);
    if (size < 0 || (size_t)size >= sizeof head)
        return fail_plain(err, EINVAL, "a webhook's id is too long");
    const struct hash_piece pieces[] = { { head, (size_t)size }, { body.data, body.size } };
    char *at = ret_signature;
    for (unsigned i = 0; i < CALLBACK_SECRETS_MAX; i++) {
        if (keys[i].size == 0)
            continue;
        if (hash_hmac_sha256(keys[i].data, keys[i].size, pieces, 2, digest) < 0)
            return fail(err, ENOMEM, "sign a callback");
        at = stpcpy(at, at == ret_signature ? "v1," : " v1,");
        text_base64(digest, sizeof digest, at);
        at += strlen(at);
    }
    return 0;
}
