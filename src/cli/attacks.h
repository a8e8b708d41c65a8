/*
 * sallyport selftest --attacks: the harmless attacks of the escape tests, each in a real cell of this host, and what became of
 * them. The cell is that of `sallyport try`: a private sallyportd, by the service's own steps.
 */
#pragma once

#include <jansson.h>

struct cli;
struct harmless_attack;

enum attack_outcome { ATTACK_NOT_TRIED, ATTACK_NOT_THERE, ATTACK_REFUSED, ATTACK_WORKED, ATTACK_OUTCOME_COUNT };

/*
 * What the job's object says of the attack; the reason, as a sentence, goes to why.
 *
 *   NOT_THERE   this kernel does not have what would be attacked
 *   NOT_TRIED   anything else that is neither success nor one of the answers by which this attack is refused
 */
enum attack_outcome attack_judge(const struct harmless_attack *attack, const json_t *job, char why[256]);

/*
 * Tries all of them, tells, and returns the exit code: 1 when one worked; else CODE_TROUBLE when one was not tried; else 0.
 * own_config: a configuration with the command `attack` in place of ours, or NULL.
 */
int attacks_run(struct cli *cli, const char *own_config);
