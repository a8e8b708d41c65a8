/*
 * The hashes of a token's secrets: written into the configuration, or in a file of their own that `sallyport token rotate`
 * and `revoke` change. Two at most, so that a secret can be replaced before the one before it is withdrawn.
 */
#pragma once

struct config_identity;
struct reading;

/* From the draft to the model. What stands there is never repeated in a fault: it may be the token itself. */
void token_hashes_take(struct reading *reading, struct config_identity *identity);

/* One hash is one caller: also that no other token has one of these. */
void token_hashes_check(struct reading *reading, const struct config_identity *identity);
