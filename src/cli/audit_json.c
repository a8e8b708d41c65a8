#include "audit_json.h"

#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"
#include "sallyport/store/store.h"

static const struct {
    const char *what;
    const char *verdict;
} verdicts[] = {
    { "submit", "accepted" }, { "cancel", "accepted" }, { "signal", "accepted" }, { "reload", "accepted" },
    { "drain", "accepted" },  { "pause", "accepted" },  { "resume", "accepted" }, { "refused", "refused" },
    { "login", "accepted" },  { "logout", "accepted" },
};

static json_t *verdict_of(const char *what)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (strcmp(verdicts[i].what, what) == 0)
            return json_string(verdicts[i].verdict);
    return json_null();
}

/* A trail that somebody wrote into may hold anything. */
static json_t *text_of(const char *text)
{
    return text_is_utf8(text, strlen(text)) ? json_string(text) : json_string("(not text)");
}

static json_t *job_of(const struct span *job_id)
{
    char text[JOB_ID_TEXT_BYTES];
    struct job_id id;
    if (job_id->size != JOB_ID_BYTES)
        return json_null();
    memcpy(id.bytes, job_id->data, JOB_ID_BYTES);
    return json_string(job_id_text(&id, text));
}

json_t *audit_json(const struct audit_row *row)
{
    char time[CLOCK_TEXT_BYTES], previous[HASH_TEXT_BYTES], head[HASH_TEXT_BYTES];
    text_hex(row->previous, HASH_BYTES, previous);
    text_hex(row->head, HASH_BYTES, head);
    return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:s}",                      //
                     "entry", (json_int_t)row->sequence, "time", clock_text(row->unix_ms, time), "what",  //
                     text_of(row->what), "verdict", verdict_of(row->what), "actor", text_of(row->actor),  //
                     "job", job_of(&row->job_id), "command", text_of(row->command), "address",            //
                     text_of(row->address), "why", text_of(row->detail), "count", (json_int_t)row->count, //
                     "previous", previous, "head", head);
}
