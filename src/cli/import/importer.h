/*
 * What the importers share. Each reads what one program was told and makes entries of a draft; cmd_import.c has their table.
 * Nothing of the service is asked, and nothing is run.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../options.h"
#include "draft.h"

#define SECRETS_DIR_SHOWN "/etc/sallyport/hooks" /* where one would put them */

struct error;

struct import {
    struct draft draft;
    const char *secrets; /* --secrets DIR, or NULL */
    bool needs_no_token; /* --no-token: callers of this host's loopback are one caller */
};

struct importer {
    const char *name;    /* what is imported */
    const char *summary; /* one line */
    const char *usage;   /* what follows the name */
    const char *details; /* lines of at most 80 characters */
    const struct option_row *rows;
    size_t row_count;
    size_t option_bytes;
    bool stops_at_word; /* its own options end at the first word that is none, as its own program has it */
    size_t words_max;
    /* Fills import->draft. 0, or -errno with a sentence that says what to do. */
    int (*run)(struct import *import, void *options, const struct words *words, struct error *err);
};

extern const struct importer import_webhook, import_shell2http, import_gort, import_jobrunner, import_http_runner,
    import_go_tasky, import_go_serverless;

#define NAME_ROOM 64 /* of names of ours, with the closing NUL */

/* Makes a name of ours ([a-z][a-z0-9-]*, at most `most` characters) of foreign text, that the section has not yet. */
void name_make(const struct draft *draft, const char *section, const char *from, size_t most, char ret_name[NAME_ROOM]);

/* The same of a parameter: [A-Za-z_][A-Za-z0-9_-]*. Not made unique. */
void name_param(const char *from, char ret_name[NAME_ROOM]);

/* What a shell and env(1) call a variable. */
bool name_is_variable(const char *text);

/*
 * Whether what bears this name is a password: "api_key", "X-Auth-Token", "config.secret". Words of its last step count, each as a
 * whole: "comment.author_association", "project.key" and "monkey" are none.
 */
bool name_is_secret(const char *name);

/* Nothing that a shell reads as anything but itself: texts that are foreign stand in lines to be copied only if they are. */
bool text_is_harmless(const char *text);

/*
 * Where a program is: a path as it stands, a plain name in the standard directories. If it is nowhere, ret_path is a guess.
 */
void program_find(const char *name, char ret_path[1024]);

/* Whether a program can be given a program to run: a shell, an interpreter, env, find and the like. */
bool program_runs_others(const char *path);

/* Braces of a fixed text are doubled, so that nothing in it stands for a parameter. The caller's; NULL without memory. */
json_t *text_fixed(const char *text);

/* Jobs see a path beside what all see (/usr, ...): adds it to sandbox.read of the command, if it is there. */
void command_show(json_t *command, const char *path);

/* The same of the program that it runs, and says if there is none. */
void command_run(struct draft *draft, const char *name, json_t *command, const char *path);

/* A parameter for any text: what the original took. */
json_t *param_any_text(void);
json_t *param_any_list(void);

/* "9000" to a port; false for what is none. */
bool port_read(const char *text, unsigned *ret_port);

/*
 * The entry of a predecessor on its own listener of loopback, with the words of its clients (word -> command; taken over), and
 * who may call: a peer without a token, or the line that makes a token.
 */
void predecessor_set(struct import *import, const char *name, unsigned port, json_t *words);

/* What is true of all that is imported; once, at the head. */
void say_head(struct import *import, const char *what);

/* Reads a file of at most `most` bytes, "-" for standard input. With a NUL behind it. */
int import_read_file(const char *path, size_t most, char **ret_text, size_t *ret_size, struct error *err);
