#include "hook_visits.h"

#include <string.h>

#include "sallyport/base/text.h"

struct hook_visit_place *hook_visits_enter(struct hook_visits *visits, const char *hook, unsigned most)
{
    struct hook_visit_place *free_one = NULL;
    unsigned count = 0;
    for (unsigned i = 0; i < HOOK_VISITS_MAX; i++) {
        struct hook_visit_place *place = &visits->places[i];
        if (!place->is_taken)
            free_one = place;
        else
            count += strcmp(place->hook, hook) == 0;
    }
    if (free_one == NULL || count >= most)
        return NULL;
    *free_one = (struct hook_visit_place){ .is_taken = true };
    text_copy(free_one->hook, sizeof free_one->hook, hook);
    return free_one;
}

void hook_visits_leave(struct hook_visit_place *place)
{
    place->is_left = true;
    place->is_taken = place->number != 0;
}

static void end_question(struct hook_visit_place *place)
{
    place->number = 0;
    place->is_taken = place->is_taken && !place->is_left;
}

void hook_visits_answered(struct hook_visits *visits, uint32_t number)
{
    for (unsigned i = 0; i < HOOK_VISITS_MAX; i++)
        if (visits->places[i].number == number && number != 0)
            end_question(&visits->places[i]);
}

void hook_visits_forget(struct hook_visits *visits)
{
    for (unsigned i = 0; i < HOOK_VISITS_MAX; i++)
        end_question(&visits->places[i]);
}
