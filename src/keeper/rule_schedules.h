/*
 * The schedules of the rules: what runs by the clock. Records of zones and schedules come from the bootstrap and are judged
 * here once more: zones are sound, texts mean a time, parameters pass the command's own rules, or the settings are refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/settings.h"
#include "sallyport/schedule/timing.h"
#include "sallyport/schedule/zone.h"

struct error;
struct rules;

struct rule_schedule {
    char name[NAME_MAX_BYTES];
    uint32_t command; /* index into the policy */
    uint32_t zone;    /* index into the zones */
    uint8_t *params;  /* entries, owned */
    uint32_t params_bytes;
    char text[SCHEDULE_TEXT_BYTES]; /* the time as it was written */
    bool is_enabled;
    struct timing timing; /* its name and zone are ours, set by rule_schedules_finish() */
};

struct rule_schedules {
    struct zone *zones;
    uint32_t zone_count;
    struct rule_schedule *list;
    uint32_t count;
};

/*
 * Each takes one record into a draft that has its policy. -EBADMSG for what does not fit: a period without a zone, a schedule
 * of no command or no time, a name that comes twice, one too many.
 */
int rule_zone_add(struct rules *draft, const struct setting_zone *setting, struct error *err);
int rule_zone_period_add(struct rules *draft, const struct setting_zone_period *setting, struct error *err);
int rule_schedule_add(struct rules *draft, const struct setting_schedule *setting, struct error *err);

/* All records are there: joins schedules and zones. -EBADMSG for a zone that is missing or not sound. */
int rule_schedules_finish(struct rules *draft, struct error *err);

/* Takes half-built ones. */
void rule_schedules_free(struct rule_schedules *schedules);
