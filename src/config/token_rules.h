/* What narrows a token down beside its rights: where it may call from, and what it may say. */
#pragma once

struct config_identity;
struct reading;

void token_rules_take(struct reading *reading, struct config_identity *identity);

/* What only the whole configuration can tell: parameters that no command has, or that cannot be pinned. */
void token_rules_check(struct reading *reading, const struct config_identity *identity);

void token_rules_done(struct config_identity *identity);
