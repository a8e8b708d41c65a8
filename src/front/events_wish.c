#include "events_wish.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"

#define WORD_BYTES 32

/* Takes the next word of "a,b,c" off. False at the end, and for what is too long: then *at stays where it is. */
static bool word_next(const char **at, char word[WORD_BYTES])
{
    if (*at == NULL)
        return false;
    size_t size = strcspn(*at, ",");
    if (!text_copy_bytes(word, WORD_BYTES, *at, size))
        return false;
    *at = (*at)[size] == ',' ? *at + size + 1 : NULL;
    return true;
}

static const char *read_kinds(const char *text, struct events_wish *wish)
{
    static const struct {
        const char *word;
        enum feed_kind kind;
    } kinds[] = { { "job", FEED_JOBS }, { "queue", FEED_QUEUE }, { "config", FEED_CONFIG } };
    static const char wrong[] = "'kinds' must be one or more of job, queue, config, with commas.";
    char word[WORD_BYTES];
    if (text == NULL) {
        wish->kinds = FEED_ALL;
        return NULL;
    }
    while (word_next(&text, word)) {
        size_t i = 0;
        while (i < sizeof kinds / sizeof kinds[0] && strcmp(kinds[i].word, word) != 0)
            i++;
        if (i == sizeof kinds / sizeof kinds[0])
            return wrong;
        wish->kinds |= (uint8_t)kinds[i].kind;
    }
    return text == NULL ? NULL : wrong;
}

static const char *read_jobs(const char *text, struct events_wish *wish)
{
    static const char wrong[] = "'jobs' must be up to 32 ids of jobs, with commas.";
    char word[WORD_BYTES];
    while (word_next(&text, word)) {
        if (wish->job_count == FEED_JOBS_MAX || !job_id_parse(word, &wish->jobs[wish->job_count]))
            return wrong;
        wish->job_count++;
    }
    return text == NULL ? NULL : wrong;
}

const char *event_id_text(uint64_t life, uint64_t sequence, char text[EVENT_ID_BYTES])
{
    snprintf(text, EVENT_ID_BYTES, "%" PRIu64 "-%" PRIu64, life, sequence);
    return text;
}

bool event_id_parse(const char *text, uint64_t *ret_life, uint64_t *ret_sequence)
{
    char life[EVENT_ID_BYTES];
    const char *dash = strchr(text, '-');
    return dash != NULL && text_copy_bytes(life, sizeof life, text, (size_t)(dash - text)) &&
           text_u64(life, UINT64_MAX, ret_life) && text_u64(dash + 1, UINT64_MAX, ret_sequence);
}

const char *events_wish_read(const struct query *query, const char *last_event_id, struct events_wish *ret_wish)
{
    *ret_wish = (struct events_wish){ 0 };
    const char *why = read_kinds(query_get(query, "kinds"), ret_wish);
    if (why == NULL)
        why = read_jobs(query_get(query, "jobs"), ret_wish);
    if (why != NULL || last_event_id == NULL || last_event_id[0] == '\0')
        return why;
    ret_wish->has_cursor = true;
    if (!event_id_parse(last_event_id, &ret_wish->life, &ret_wish->sequence))
        return "Last-Event-ID is none that was given out.";
    return NULL;
}
