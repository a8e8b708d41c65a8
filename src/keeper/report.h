/* Records in the words of the protocol. */
#pragma once

#include "sallyport/proto/messages.h"
#include "sallyport/store/store.h"

struct error;
struct job;
struct keeper;

/* The report of a job; its spans belong to the store and last until its next call. */
int report_job(struct keeper *keeper, const struct job_record *record, struct msg_job *ret_report, struct error *err);

/* Where the log stands: of the open one, or as recorded. */
void report_grown(const struct job *job, struct msg_grown *ret_grown);
