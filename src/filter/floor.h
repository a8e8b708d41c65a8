/* What no profile may allow, whoever writes it. */
#pragma once

struct error;
struct rule;

/* 0, or -EPERM saying why this rule, which allows, goes below the floor. */
int floor_check(const struct rule *rule, struct error *err);
