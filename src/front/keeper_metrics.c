#include "keeper_metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

/* Those with a row, those listed without one, and the row of all that found none. */
#define COMMAND_RECORDS_MAX (METRICS_COMMANDS_MAX + COMMAND_COUNT_MAX + 1)

/* A fresh element behind `count` others, or NULL. The array has room for the next power of two. */
static void *grow(void *array_pointer, uint32_t count, uint32_t most, size_t element_bytes)
{
    void **array = array_pointer;
    if (count >= most)
        return NULL;
    if ((count & (count - 1)) == 0) {
        void *larger = realloc(*array, (count == 0 ? 1 : 2 * (size_t)count) * element_bytes);
        if (larger == NULL)
            return NULL;
        *array = larger;
    }
    return (char *)*array + count * element_bytes;
}

static int take(struct keeper_metrics *metrics, uint32_t type, const union any_metric *metric, struct error *err)
{
    struct metric_command *command;
    struct metric_token *token;
    struct metric_callback *callback;
    struct metric_hook *hook;
    switch (type) {
    case METRIC_KEEPER:
        metrics->keeper = metric->keeper;
        return 0;
    case METRIC_COMMAND:
        command = grow(&metrics->commands, metrics->command_count, COMMAND_RECORDS_MAX, sizeof *command);
        if (command == NULL)
            break;
        *command = metric->command;
        metrics->command_count++;
        return 0;
    case METRIC_CALLBACK:
        callback = grow(&metrics->callbacks, metrics->callback_count, CALLBACK_COUNT_MAX, sizeof *callback);
        if (callback == NULL)
            break;
        *callback = metric->callback;
        metrics->callback_count++;
        return 0;
    case METRIC_HOOK:
        hook = grow(&metrics->hooks, metrics->hook_count, 2 * HOOK_COUNT_MAX + 1, sizeof *hook);
        if (hook == NULL)
            break;
        *hook = metric->hook;
        metrics->hook_count++;
        return 0;
    default:
        token = grow(&metrics->tokens, metrics->token_count, TOKEN_COUNT_MAX, sizeof *token);
        if (token == NULL)
            break;
        *token = metric->token;
        metrics->token_count++;
        return 0;
    }
    return fail_plain(err, EBADMSG, "more %s records than there can be", metric_defs[type].name);
}

static int take_all(struct keeper_metrics *metrics, struct reader *in, struct error *err)
{
    union any_metric metric;
    uint32_t type;
    bool has_keeper = false;
    int done;
    while ((done = record_file_next(in, metric_defs, METRIC_COUNT, &type, &metric, sizeof metric, err)) > 0) {
        has_keeper |= type == METRIC_KEEPER;
        done = take(metrics, type, &metric, err);
        if (done < 0)
            return done;
    }
    return done == 0 && !has_keeper ? fail_plain(err, EBADMSG, "a file without the keeper's own record") : done;
}

int keeper_metrics_read(int fd, struct keeper_metrics *ret_metrics, struct error *err)
{
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    struct keeper_metrics metrics = { 0 };
    int done = memfd_read_sealed(fd, METRICS_FILE_MAX_BYTES, &data, &size, err);
    struct reader in = { data, size };
    if (done == 0)
        done = take_all(&metrics, &in, err);
    if (done < 0) {
        keeper_metrics_done(&metrics);
        return fail_in(err, "read metrics");
    }
    *ret_metrics = metrics;
    return 0;
}

void keeper_metrics_done(struct keeper_metrics *metrics)
{
    free(metrics->commands);
    free(metrics->tokens);
    free(metrics->callbacks);
    free(metrics->hooks);
    *metrics = (struct keeper_metrics){ 0 };
}
