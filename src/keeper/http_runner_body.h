/*
 * What a callback of http-runner's clients is sent: the job as GET shows it, of the same code, with its output. An outbox holds
 * no output of any length: what goes beyond CALLBACK_BODY_MAX_BYTES is left out, and `truncated` says so.
 */
#pragma once

struct job_record;
struct keeper;
struct msg_job;

/* NULL when memory is short; the caller frees. */
char *http_runner_body(struct keeper *keeper, const struct job_record *record, const struct msg_job *report);
