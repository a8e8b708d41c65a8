/* The rig, for what the rules of the queue do: jobs with keys, callers and priorities, and a launcher that takes orders. */
#pragma once

#include "rig.h"

static inline struct command *queue_command(struct rules *rules, const char *name)
{
    int index = policy_find_command(rules->policy, name);
    cr_assert_geq(index, 0);
    return &rules->policy->commands[index];
}

static inline struct queue_rules *queue_rules_of(struct rules *rules, const char *name)
{
    return &queue_command(rules, name)->queue;
}

/* The key is the value of echo's parameter `text`. */
static inline void queue_key_is_text(struct template *key)
{
    key->pieces = calloc(1, sizeof *key->pieces);
    key->piece_count = 1;
}

static inline struct quota *queue_quota(struct rules *rules, const char *name)
{
    for (uint32_t i = 0; i < rules->caller_count; i++)
        if (strcmp(rules->callers[i].name, name) == 0)
            return &rules->callers[i].quota;
    cr_assert_fail("no caller '%s'", name);
    return NULL;
}

/* One echo at a time for each text; otherwise as many slots as anybody needs here. */
static inline void queue_one_for_each_text(struct rules *rules)
{
    struct queue_rules *queue = queue_rules_of(rules, "echo");
    rules->settings.slot_count = 16;
    queue->limit = 1;
    queue_key_is_text(&queue->key);
}

static inline struct msg_submit queue_submit(const char *token, const char *text)
{
    struct msg_submit submit = rig_submit(token, "echo");
    submit.params = rig_params(text, NULL);
    return submit;
}

static inline struct job_id queue_put_as(const char *token, const char *text)
{
    struct msg_submit submit = queue_submit(token, text);
    return rig_accept(&submit);
}

static inline struct job_id queue_put(const char *text)
{
    return queue_put_as(OPS_TOKEN, text);
}

static inline struct job_id queue_put_priority(const char *text, uint8_t priority)
{
    struct msg_submit submit = queue_submit(OPS_TOKEN, text);
    submit.has_priority = true;
    submit.priority = priority;
    return rig_accept(&submit);
}

/* The next order that the launcher gets is for this job. */
static inline void queue_expect_start(const struct job_id *id)
{
    char wanted[JOB_ID_TEXT_BYTES], ordered[JOB_ID_TEXT_BYTES];
    cr_assert(rig_wait(&launcher, MSG_LAUNCH), "job %s was not started", job_id_text(id, wanted));
    cr_assert(job_id_equal(&got.body.launch.job_id, id), "%s was started instead of %s",
              job_id_text(&got.body.launch.job_id, ordered), job_id_text(id, wanted));
}

static inline void queue_expect_no_start(void)
{
    while (rig_next(&launcher, 20))
        cr_assert_neq(got.type, MSG_LAUNCH, "a job was started that may not be");
}

/* A job that was ordered comes to its end. */
static inline void queue_finish(const struct job_id *id)
{
    rig_exited(id, JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_assert(job_id_equal(&got.body.job_only.job_id, id));
}

static inline void queue_expect_reason(const struct job_id *id, enum job_wait wait, const char *part)
{
    struct msg_job report = rig_report(id);
    cr_expect_eq(report.wait, wait, "%s: %s", job_wait_text(report.wait), report.queued_reason);
    cr_expect(strstr(report.queued_reason, part) != NULL, "'%s' is not in '%s'", part, report.queued_reason);
}
