/* One attempt at a callback: what is sent, what the answer means, and when the next follows. */
#pragma once

#include <stdint.h>

#include "target.h"
#include "sallyport/limits.h"
#include "sallyport/proto/deliveries.h"
#include "sallyport/proto/settings.h"

struct delivery;
struct error;
struct keeper;

/* Signs it anew and orders it. */
int attempt_send(struct keeper *keeper, const struct setting_callback *callback, const struct delivery *delivery,
                 struct error *err);

/* What an answer means; how long to wait behind the attempt of this number. */
enum attempt_result delivery_judge(const struct msg_delivered *answer);
uint64_t delivery_pause_ms(uint32_t attempts, const struct msg_delivered *answer, uint32_t random);

/* For people: what came of it. */
void attempt_text(const struct msg_delivered *answer, char text[REASON_MAX_BYTES]);

uint32_t attempt_random(void);

/* As it is, but for tests that cannot wait for a day. */
uint64_t attempt_hastened_ms(const struct keeper *keeper, uint64_t ms);
