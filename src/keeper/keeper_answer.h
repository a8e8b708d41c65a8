/* Every request of the front that the keeper honours, and when. */
#pragma once

#include "request.h"

struct job_record;

void front_take(struct keeper *keeper, struct message *message);

/* The same submit once more, now that its standard input is stored (intake.h). */
void front_take_again(struct keeper *keeper, const struct message *message, struct intake *intake);

/* Tells the front how we are. */
void front_tell_status(struct keeper *keeper);

/*
 * look.c. The record of a job that the caller may read; otherwise false, and the refusal is on its way: what may not be seen does
 * not exist.
 */
bool look_for_job(struct keeper *keeper, const struct request *request, const struct job_id *id,
                  struct job_record *ret_record);
void answer_whoami(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_commands(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_read_job(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_read_output(struct keeper *keeper, const struct request *request, const struct message *message);

/* Both files of an ended job's output. -ENOENT when it was removed, -EBADMSG when it is damaged. */
struct msg_output;
int look_open_output(struct keeper *keeper, const struct job_record *record, int fds[2], struct msg_output *ret_output,
                     struct error *err);

/* look_artifacts.c; and what it has in common with look.c. */
void answer_read_artifacts(struct keeper *keeper, const struct request *request, const struct message *message);
struct msg_artifacts;
int look_open_artifacts(const struct keeper *keeper, const struct job_record *record, int fds[2],
                        struct msg_artifacts *ret_artifacts,
                        struct error *err); /* of an ended job; as look_open_output() */
bool look_is_gone(const struct job_record *record);
void look_refuse_gone(struct keeper *keeper, const struct request *request, const struct job_record *record);
void look_refuse_damaged(struct keeper *keeper, const struct request *request, const struct job_record *record,
                         const struct error *err);

/* feed_open.c */
void answer_follow(struct keeper *keeper, const struct request *request, const struct message *message);

/* metrics.c */
void answer_read_metrics(struct keeper *keeper, const struct request *request, const struct message *message);

/* submit.c, stop.c, list.c, list_steps.c, list_schedules.c, list_callbacks.c, pause.c */
void answer_submit(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_cancel(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_signal(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_stdin(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_steps(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_callbacks(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_hooks(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_hook_deliveries(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_hook_redeliver(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_redeliver(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_callers(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_schedules(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_pause(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_jobs(struct keeper *keeper, const struct request *request, const struct message *message);

/* login.c, which needs no caller; session_told.c */
void answer_login(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_read_session(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_logout(struct keeper *keeper, const struct request *request, const struct message *message);

/* functions.c, list_functions.c */
void answer_change_functions(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_list_functions(struct keeper *keeper, const struct request *request, const struct message *message);

/* reload.c, drain.c */
void answer_reload(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_drain(struct keeper *keeper, const struct request *request, const struct message *message);
void answer_read_drain(struct keeper *keeper, const struct request *request, const struct message *message);
