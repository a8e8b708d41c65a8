/* GET /metrics: the text. What can be tested without a client. */
#pragma once

struct evbuffer;
struct front;
struct keeper_metrics;

/* All families: the keeper's, and our own. */
void metrics_write(const struct front *front, const struct keeper_metrics *metrics, struct evbuffer *text);
