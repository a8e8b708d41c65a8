/* A parameter's pattern must compile, its default and example must pass the parameter's own rules, as judged by those who judge real values. */
#pragma once

struct param;
struct param_rule;
struct reading;

/* Compiles the rule's pattern, if it has one. The walk stands at the parameter, or at `of`, whose rule it is. */
void pattern_check(struct reading *reading, const struct param *param, const struct param_rule *rule);

/* Tries default and example. The walk stands at the parameter, which has no fault so far. */
void samples_check(struct reading *reading, const struct param *param);
