/* What the rows of the table in routes.c call. Each answers its request, now or when the keeper has answered. */
#pragma once

struct request;

void route_healthz(struct request *request); /* service.c */
void route_readyz(struct request *request);
void route_version(struct request *request);
void route_whoami(struct request *request);
void route_problem_read(struct request *request);
void route_metrics(struct request *request);      /* metrics.c */
void route_events(struct request *request);       /* events.c */
void route_command_list(struct request *request); /* commands.c */
void route_command_read(struct request *request);
void route_command_pause(struct request *request); /* command_pause.c */
void route_command_resume(struct request *request);
void route_command_validate(struct request *request); /* job_create.c */
void route_job_create(struct request *request);
void route_function(struct request *request); /* function.c */
void route_job_rerun(struct request *request);
void route_sequence_create(struct request *request);
void route_caller_list(struct request *request);   /* caller_list.c */
void route_schedule_list(struct request *request); /* schedule_list.c */
void route_step_list(struct request *request);     /* step_list.c */
void route_job_list(struct request *request);      /* job_list.c */
void route_queue(struct request *request);
void route_job_read(struct request *request);      /* wait.c */
void route_output_read(struct request *request);   /* output_read.c */
void route_artifact_list(struct request *request); /* artifacts.c */
void route_artifact_read(struct request *request);
void route_job_cancel(struct request *request); /* job_stop.c */
void route_job_stdin(struct request *request);
void route_job_signal(struct request *request);
void route_callback_list(struct request *request); /* callback_list.c */
void route_callback_redeliver(struct request *request);
void route_login(struct request *request); /* session.c */
void route_session_read(struct request *request);
void route_logout(struct request *request);
void route_hook(struct request *request);      /* hook.c */
void route_hook_list(struct request *request); /* hook_list.c */
void route_hook_deliveries(struct request *request);
void route_hook_redeliver(struct request *request);
void route_config_reload(struct request *request); /* reload.c */
void route_drain(struct request *request);         /* drain.c */
void route_drain_read(struct request *request);
