/* The jobs that were started through one dialect, newest first, as a list in its words. */
#pragma once

#include <jansson.h>

struct msg_job;
struct request;

#define COMPAT_LIST_MAX 1000 /* of the newest; older ones are not looked at */

struct job_list_form {
    json_t *(*item)(const struct msg_job *job);             /* NULL: is not listed */
    void (*answer)(struct request *request, json_t *items); /* items are borrowed; the request is gone then */
};

/* Those that the caller may read; the form stays. The request is gone, or will be. */
void job_list_send(struct request *request, const struct job_list_form *form);
