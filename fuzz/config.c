/* Whatever stands in a configuration file: it is taken or refused with a reason, and never both or neither. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char said[64 * 1024];
    FILE *report = fmemopen(said, sizeof said, "w");
    if (report == NULL)
        return 0;
    struct config *config = NULL;
    struct error err = { 0 };
    int done = config_parse("fuzz.yaml", data, size, report, &config, &err);
    fclose(report);
    assert((done == 0) == (config != NULL));
    assert(done == 0 || err.code != 0);
    assert(done != -EINVAL || strchr(said, '\n') != NULL);
    config_free(config);
    return 0;
}
