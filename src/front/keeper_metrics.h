/* What the keeper has counted, as it handed it over: decoded, bounded, and still only its word. */
#pragma once

#include <stdint.h>

#include "sallyport/proto/metrics.h"

struct error;

struct keeper_metrics {
    struct metric_keeper keeper;
    struct metric_command *commands;
    struct metric_token *tokens;
    struct metric_callback *callbacks;
    struct metric_hook *hooks;
    uint32_t command_count, token_count, callback_count, hook_count;
};

/* Reads a sealed file of metric records; fd stays the caller's. -EBADMSG for one without, or with too much. */
int keeper_metrics_read(int fd, struct keeper_metrics *ret_metrics, struct error *err);
void keeper_metrics_done(struct keeper_metrics *metrics);
