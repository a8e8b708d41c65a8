/*
 * Tokens, peers and users: who may call, and what they may do. Tokens and peers share one set of names, for these are the
 * actors; users have one of their own.
 */
#pragma once

struct reading;

/* Entries of the table: begin and end one. */
void *token_open(struct reading *reading, const char *name);
void token_close(struct reading *reading);
void *peer_open(struct reading *reading, const char *name);
void peer_close(struct reading *reading);
void *user_open(struct reading *reading, const char *name);
void user_close(struct reading *reading);

/* What only the whole configuration can tell: scopes that name no command. */
void identities_check(struct reading *reading);
