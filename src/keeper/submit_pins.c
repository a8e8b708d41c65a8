/*
 * What a token may say, beside what the command takes: `params` of its rules. Looked up by the name in which the job would be
 * made, so that it holds for all that is done in a token's name, also a step or what follows a job.
 */
#include <errno.h>

#include "authorize.h"
#include "keeper.h"
#include "steps.h"
#include "submit.h"
#include "sallyport/policy/pins.h"

#define ERRORS_MAX_BYTES 4096

static bool refuse(struct keeper *keeper, const struct submit *submit, struct span errors)
{
    request_refuse(keeper, submit->request,
                   &(struct refusal){
                       .status = 403, .code = "param-not-allowed", .errors = errors, .command = submit->command->name },
                   "some values are not among those that this caller may say");
    return false;
}

static bool is_fine(struct keeper *keeper, const struct submit *submit, int refused, struct span errors,
                    const struct error *err)
{
    if (refused >= 0)
        return refused == 0 || refuse(keeper, submit, errors);
    request_distrust(keeper, submit->request, err->text);
    return false;
}

static const struct caller *listed_caller(const struct keeper *keeper, const struct submit *submit)
{
    const struct caller *who = submit->request->who;
    return rules_find_caller(&keeper->rules, who->name, caller_via(who));
}

bool submit_check_pins(struct keeper *keeper, const struct submit *submit)
{
    const struct caller *who = listed_caller(keeper, submit);
    uint8_t room[ERRORS_MAX_BYTES];
    struct writer errors = { room, sizeof room };
    struct error err = { 0 };
    if (who == NULL || who->pin_count == 0 || submit->is_ad_hoc)
        return true;
    int refused = pins_check(submit->command, submit->given, who->pins, who->pin_count, &errors, &err);
    return is_fine(keeper, submit, refused, (struct span){ room, (uint32_t)(sizeof room - errors.left) }, &err);
}

bool submit_check_step_pins(struct keeper *keeper, const struct submit *submit)
{
    const struct caller *who = listed_caller(keeper, submit);
    uint8_t room[ERRORS_MAX_BYTES];
    struct writer errors = { room, sizeof room };
    struct error err = { 0 };
    if (who == NULL || who->pin_count == 0 || !command_is_sequence(submit->command))
        return true;
    int refused = steps_check_pins(keeper, submit, who, &errors, &err);
    return is_fine(keeper, submit, refused, (struct span){ room, (uint32_t)(sizeof room - errors.left) }, &err);
}
