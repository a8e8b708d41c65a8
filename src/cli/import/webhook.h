/*
 * One hook of a hooks.json on its way to a hook and a command of ours. Parts of the importer `webhook`: the file and its hooks
 * (webhook.c), what a command is given (webhook_args.c), and what a delivery must prove and be (webhook_rules.c).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "importer.h"

#define WEBHOOK_SECRETS_MAX 2

/* Views of what was read. */
struct webhook_secrets {
    const char *items[WEBHOOK_SECRETS_MAX];
    unsigned count;
};

struct webhook {
    struct import *import;
    const json_t *from;   /* the hook as it was written */
    char name[NAME_ROOM]; /* of our hook and our command */
    json_t *command;      /* exec, env, params, ... */
    json_t *params;       /* of the command; a part of it */
    json_t *maps;         /* run.params: where a delivery has them */
    json_t *when;
    json_t *verify;                       /* NULL: no proof so far */
    struct webhook_secrets secrets, side; /* any of them will do; of the `or` that is being read */
    bool is_in_or;
    const char *compared;  /* where a value is compared that is a secret, and proves nothing here; NULL: nowhere */
    char why[512];         /* what stands in the way of the hook: the first thing; "": nothing */
    char why_command[512]; /* the same of its command */
};

/* Reads the text of a hooks.json. Works on memory alone but for looking whether paths are there. */
int webhook_translate(struct import *import, const char *text, size_t size, struct error *err);

/* The hook cannot stand because of this. The first reason stays. */
void webhook_block(struct webhook *hook, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Its command cannot stand, and so the hook cannot either. */
void webhook_block_command(struct webhook *hook, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A member that is a text, or "". */
const char *webhook_text(const json_t *object, const char *key);

/* Where a delivery has what {source, name} means: {json: POINTER}, {header: NAME}, ... NULL, and a reason. */
json_t *webhook_source(const struct webhook *hook, const json_t *parameter, const char **ret_why);

void webhook_take_arguments(struct webhook *hook);
void webhook_take_rule(struct webhook *hook);
