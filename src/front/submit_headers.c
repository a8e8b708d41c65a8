#include "submit_headers.h"

#include "sallyport/job/job.h"
#include "sallyport/proto/messages.h"

#include "fields.h"
#include "problem.h"
#include "request.h"

bool submit_take_key(struct request *request, struct msg_submit *submit)
{
    const char *key = request_header(request, "Idempotency-Key");
    if (key == NULL || idempotency_key_parse(key, submit->idempotency_key, sizeof submit->idempotency_key))
        return true;
    struct problem problem;
    problem_init(&problem, "bad-request", "Idempotency-Key must have 1 to %d printable characters without blanks.",
                 IDEMPOTENCY_KEY_MAX_BYTES);
    request_refuse(request, &problem);
    return false;
}

void submit_tell_job(struct request *request, const struct msg_submitted *submitted)
{
    char id[JOB_ID_TEXT_BYTES];
    request->hears_all = true;
    request->path.job_id = submitted->job_id;
    request_add_header(request, "Sallyport-Job", job_id_text(&submitted->job_id, id));
    if (submitted->was_replayed)
        request_add_header(request, "Idempotency-Replayed", "true");
    if (submitted->was_coalesced)
        request_add_header(request, "Sallyport-Coalesced", "true");
    if (submitted->was_deduplicated)
        request_add_header(request, "Sallyport-Deduplicated", "true");
}
