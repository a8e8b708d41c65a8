/* The head of files that were handed over: what is taken encodes to the same bytes, and every file lies inside. */
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/file_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle bundle;
    uint8_t again[BUNDLE_HEAD_BYTES];
    size_t head_bytes = size < BUNDLE_HEAD_BYTES ? size : BUNDLE_HEAD_BYTES;
    if (bundle_decode_head(data, head_bytes, size, &bundle, NULL) < 0)
        return 0;
    uint64_t end = BUNDLE_HEAD_BYTES;
    for (uint32_t i = 0; i < bundle.count; i++) {
        const struct bundle_file *file = &bundle.files[i];
        if (!bundle_name_is_plain(file->name) || bundle_find(&bundle, file->name) != file || file->offset != end)
            abort();
        end += file->bytes;
    }
    bundle_encode_head(&bundle, again);
    if (end != size || BUNDLE_HEAD_BYTES + bundle_content_bytes(&bundle) != size ||
        memcmp(again, data, BUNDLE_HEAD_BYTES) != 0)
        abort();
    return 0;
}
