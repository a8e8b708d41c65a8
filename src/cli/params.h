/*
 * Parameters from words of the command line, typed by the command's JSON Schema (`params_schema` of the API).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct error;

/*
 * Adds one word to params: "name=value" is read as the schema says (text, number, true or false; another one of a list),
 * "name:=json" is taken as JSON. -EINVAL names the parameter and what it takes; an unknown name, the nearest known one.
 */
int params_add(json_t *params, const json_t *schema, const char *word, struct error *err);

/* The value that text means for a property of the schema; NULL with err filled. The caller owns it. */
json_t *params_value(const json_t *property, const char *name, const char *text, struct error *err);

/* Whether it is sent as a part of the request, with --file. */
bool params_is_file(const json_t *property);

/* The parameter's property; *ret_property stays NULL when there is no schema. -EINVAL names the nearest that there is. */
int params_find(const json_t *schema, const char *name, const json_t **ret_property, struct error *err);

/* Reads a file of parameters, one JSON object ("-" for stdin), into params; what is there already is replaced. */
int params_read_file(json_t *params, const char *path, struct error *err);

struct words;

/*
 * What -f and -p say together: a file of parameters (or NULL), and words of which each replaces what the file gave and does not
 * add to its lists.
 */
int params_gather(json_t *params, const json_t *schema, const char *file, const struct words *words, struct error *err);

/* The schema's object of properties; NULL if it has none. */
json_t *params_properties(const json_t *schema);

/* "string", "integer", "number", "boolean", "array", or "" where the schema does not say. */
const char *params_type(const json_t *property);

bool params_is_secret(const json_t *property);
bool params_is_required(const json_t *schema, const char *name);
