/*
 * What a delivery must prove (verify) and be (when). All rules are translated or the hook is held: one that was left out would let
 * more run than before. Only passwords and addresses are left out, and said: the proof, or a token, stands for them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sallyport/base/http_field.h"
#include "webhook.h"

#define RULES_DEEP 20

/* Headers of signatures that a preset of ours knows. */
static const struct {
    const char *header, *algorithm, *preset, *note;
} presets[] = {
    { "X-Hub-Signature-256", "sha256", "github", NULL },
    { "X-Hub-Signature", "sha256", "bitbucket", NULL },
    { "X-Hub-Signature", "sha1", "github",
      "Its signature was SHA-1, which is not taken. GitHub signs with SHA-256, too (X-Hub-Signature-256), with the "
      "same "
      "secret: that is looked at now. Another sender must learn it." },
    { "X-Gitea-Signature", "sha256", "gitea", NULL },
    { "X-Forgejo-Signature", "sha256", "gitea", "Forgejo sends X-Gitea-Signature, too: that is looked at now." },
};

static void set_verify(struct webhook *hook, json_t *verify)
{
    if (hook->verify == NULL) {
        hook->verify = verify;
        return;
    }
    if (!json_equal(hook->verify, verify))
        webhook_block(hook, "it takes two kinds of proofs, and a hook has one here: make two of it");
    json_decref(verify);
}

static bool has_secret(const struct webhook_secrets *secrets, const char *secret)
{
    for (unsigned i = 0; i < secrets->count; i++)
        if (strcmp(secrets->items[i], secret) == 0)
            return true;
    return false;
}

/*
 * One of these has to sign. What was said of others before had to hold as well, and a hook takes one proof: where they are not the
 * same, "both" would become "either".
 */
static void end_proof(struct webhook *hook)
{
    if (hook->secrets.count == 0)
        hook->secrets = hook->side;
    bool is_same = hook->secrets.count == hook->side.count;
    for (unsigned i = 0; i < hook->side.count; i++)
        is_same &= has_secret(&hook->secrets, hook->side.items[i]);
    if (!is_same)
        webhook_block(hook, "it takes two proofs at once, of different secrets, and a hook has one here");
    hook->side.count = 0;
}

static void add_secret(struct webhook *hook, const char *secret)
{
    if (has_secret(&hook->side, secret))
        return;
    if (hook->side.count == WEBHOOK_SECRETS_MAX)
        webhook_block(hook, "it takes more than two secrets, and a hook has at most two here");
    else
        hook->side.items[hook->side.count++] = secret;
    if (!hook->is_in_or)
        end_proof(hook);
}

static void take_generic(struct webhook *hook, const char *header, const char *algorithm)
{
    json_t *verify = json_pack("{s:s, s:s}", "preset", "generic", "header", header);
    if (strcmp(algorithm, "sha512") == 0)
        json_object_set_new(verify, "algorithm", json_string(algorithm));
    if (hook->verify == NULL)
        draft_note(
            &hook->import->draft, "hooks", hook->name,
            "%s is no header of a provider that is known here: if '%s=' stands before its digits, add prefix: '%s='. A "
            "body that comes again runs nothing again, unless the signature has a time ('template').",
            header, algorithm, algorithm);
    set_verify(hook, verify);
}

/* "payload-hmac-sha256" and its old name "payload-hash-sha256". NULL: it is no signature. */
static const char *algorithm_of(const char *type)
{
    static const char *const prefixes[] = { "payload-hmac-", "payload-hash-" };
    for (size_t i = 0; i < 2; i++)
        if (strncmp(type, prefixes[i], strlen(prefixes[i])) == 0)
            return type + strlen(prefixes[i]);
    return NULL;
}

static void take_signature(struct webhook *hook, const json_t *match, const char *algorithm)
{
    const json_t *parameter = json_object_get(match, "parameter");
    const char *header = webhook_text(parameter, "name");
    add_secret(hook, webhook_text(match, "secret"));
    if (strcmp(webhook_text(parameter, "source"), "header") != 0 || !http_field_name_is_good(header, strlen(header))) {
        webhook_block(hook, "its signature is in no header");
        return;
    }
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcasecmp(presets[i].header, header) != 0 || strcmp(presets[i].algorithm, algorithm) != 0)
            continue;
        if (presets[i].note != NULL)
            draft_note(&hook->import->draft, "hooks", hook->name, "%s", presets[i].note);
        set_verify(hook, json_pack("{s:s}", "preset", presets[i].preset));
        return;
    }
    if (strcmp(algorithm, "sha256") == 0 || strcmp(algorithm, "sha512") == 0)
        take_generic(hook, header, algorithm);
    else
        webhook_block(hook,
                      "its signature is %.20s, and only HMAC with SHA-256 or SHA-512 is taken: let the sender use that",
                      strcmp(algorithm, "sha1") == 0 ? "SHA-1" : "of an unknown kind");
}

/* --- values ----------------------------------------------------------------------------------------------------------- */

/* What is compared with it is no rule but a password, and is never written down. */
static bool is_secret(const json_t *parameter)
{
    return name_is_secret(webhook_text(parameter, "name"));
}

static void take_password(struct webhook *hook, const json_t *match)
{
    const json_t *parameter = json_object_get(match, "parameter");
    bool is_header = strcmp(webhook_text(parameter, "source"), "header") == 0;
    if (is_header && strcasecmp(webhook_text(parameter, "name"), "X-Gitlab-Token") == 0 &&
        strcmp(webhook_text(match, "type"), "value") == 0) {
        set_verify(hook, json_pack("{s:s}", "preset", "gitlab-token"));
        add_secret(hook, webhook_text(match, "value"));
        return;
    }
    hook->compared = webhook_text(parameter, "name");
    draft_note(&hook->import->draft, "hooks", hook->name,
               "What it compares with '%.60s' of the %.20s looks like a secret, and is not written here.",
               webhook_text(parameter, "name"), webhook_text(parameter, "source"));
}

/* webhook looks for its pattern anywhere in a value, and we compare all of it. */
static json_t *whole_pattern(const char *regex)
{
    size_t size = strlen(regex);
    bool is_simple = strchr(regex, '|') == NULL && strncmp(regex, "(?", 2) != 0;
    bool has_start = is_simple && regex[0] == '^';
    bool has_end = is_simple && size > 1 && regex[size - 1] == '$' && regex[size - 2] != '\\';
    const char *before = has_start ? "" : "[\\s\\S]*", *after = has_end ? "" : "[\\s\\S]*";
    if (is_simple)
        return json_sprintf("%s%.*s%s", before, (int)(size - has_start - has_end), regex + has_start, after);
    return json_sprintf("%s(?:%s)%s", before, regex, after);
}

/* Everything but this text, which stands for itself in the pattern. */
static json_t *other_text(const char *value)
{
    char *room = malloc(2 * strlen(value) + 1);
    size_t used = 0;
    if (room == NULL)
        return NULL;
    for (; *value != '\0'; value++) {
        if (strchr("\\^$.[]|()?*+{}-#/ ", *value) != NULL)
            room[used++] = '\\';
        room[used++] = *value;
    }
    json_t *pattern = json_sprintf("(?!%.*s\\z)[\\s\\S]*", (int)used, room);
    free(room);
    return pattern;
}

/* A rule of one value, which is another (`is_not`) or this. NULL: it is none, and the hook is held. */
static json_t *value_rule(struct webhook *hook, const json_t *match, bool is_not)
{
    const char *type = webhook_text(match, "type"), *why;
    bool is_regex = strcmp(type, "regex") == 0;
    json_t *rule = webhook_source(hook, json_object_get(match, "parameter"), &why);
    if (rule == NULL || (!is_regex && strcmp(type, "value") != 0) || (is_not && is_regex)) {
        webhook_block(hook, "a rule cannot be said with 'when': %s",
                      rule != NULL ? "its type is neither value nor regex, or it is 'not' of a regex" : why);
        json_decref(rule);
        return NULL;
    }
    if (is_regex && !json_is_string(json_object_get(match, "regex"))) /* without one it would match anything */
        webhook_block(hook, "a rule of the type regex has no regex");
    if (is_not)
        json_object_set_new(rule, "regex", other_text(webhook_text(match, "value")));
    else if (is_regex)
        json_object_set_new(rule, "regex", whole_pattern(webhook_text(match, "regex")));
    else
        json_object_set_new(rule, "equals", json_string(webhook_text(match, "value")));
    return rule;
}

static void take_match(struct webhook *hook, const json_t *match)
{
    const char *type = webhook_text(match, "type");
    bool is_value = strcmp(type, "value") == 0 || strcmp(type, "regex") == 0;
    const char *algorithm = algorithm_of(type);
    if (algorithm != NULL) {
        take_signature(hook, match, algorithm);
    } else if (strcmp(type, "ip-whitelist") == 0) {
        draft_note(&hook->import->draft, "hooks", hook->name,
                   "Its ip-whitelist '%.100s' is left out: a proof, or a token, says who sends. Let a firewall or the "
                   "proxy look at "
                   "addresses, too.",
                   webhook_text(match, "ip-range"));
    } else if (strcmp(type, "scalr-signature") == 0) {
        webhook_block(hook, "Scalr signs with SHA-1, which is not taken");
    } else if (is_value && is_secret(json_object_get(match, "parameter"))) {
        take_password(hook, match);
    } else {
        json_t *rule = value_rule(hook, match, false);
        if (rule != NULL)
            json_array_append_new(hook->when, rule);
    }
}

/* --- and, or, not ----------------------------------------------------------------------------------------------------- */

static void take(struct webhook *hook, const json_t *rule, unsigned depth);

/* What webhook looks at in a rule, which may have more: the first of these that is there, and not null. */
static const char *kind_of(const json_t *rule)
{
    static const char *const kinds[] = { "and", "or", "not", "match" };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const json_t *member = json_object_get(rule, kinds[i]);
        if (member != NULL && !json_is_null(member))
            return kinds[i];
    }
    return "";
}

/* A member that is not known may be one that webhook knows: it does not look at the size of letters. */
static bool is_known(const json_t *rule)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)rule, key, member)
    {
        if (strcmp(key, "and") != 0 && strcmp(key, "or") != 0 && strcmp(key, "not") != 0 && strcmp(key, "match") != 0)
            return false;
    }
    return true;
}

/* The match that a rule is; NULL if it is anything else. */
static const json_t *match_of(const json_t *rule)
{
    const json_t *match = json_object_get(rule, "match");
    return strcmp(kind_of(rule), "match") == 0 && is_known(rule) && json_is_object(match) ? match : NULL;
}

/* All of these are signatures: one of two secrets will do. */
static bool are_signatures(const json_t *rules)
{
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (algorithm_of(webhook_text(match_of(json_array_get(rules, i)), "type")) == NULL)
            return false;
    return true;
}

/* All of these are values of the same place: {json: /ref, in: [a, b]}. False if not. */
static bool take_values(struct webhook *hook, const json_t *rules)
{
    json_t *values = json_array(), *place = NULL;
    const char *why;
    bool is_good = true;
    for (size_t i = 0; i < json_array_size(rules) && is_good; i++) {
        const json_t *match = match_of(json_array_get(rules, i));
        const json_t *parameter = json_object_get(match, "parameter");
        json_t *source = webhook_source(hook, parameter, &why);
        is_good = source != NULL && strcmp(webhook_text(match, "type"), "value") == 0 && !is_secret(parameter) &&
                  (place == NULL || json_equal(place, source));
        json_array_append_new(values, json_string(webhook_text(match, "value")));
        if (place == NULL)
            place = source;
        else
            json_decref(source);
    }
    if (is_good) {
        json_object_set(place, "in", values);
        json_array_append(hook->when, place);
    }
    json_decref(values);
    json_decref(place);
    return is_good;
}

static void take_or(struct webhook *hook, const json_t *rules, unsigned depth)
{
    if (json_array_size(rules) == 1) {
        take(hook, json_array_get(rules, 0), depth + 1);
    } else if (json_array_size(rules) > 1 && are_signatures(rules)) {
        hook->is_in_or = true;
        for (size_t i = 0; i < json_array_size(rules); i++)
            take(hook, json_array_get(rules, i), depth + 1);
        hook->is_in_or = false;
        end_proof(hook);
    } else if (json_array_size(rules) == 0 || !take_values(hook, rules)) {
        webhook_block(hook,
                      "it has an 'or' of different places or kinds, and all rules of 'when' must hold: make a hook of "
                      "each side");
    }
}

static void take_not(struct webhook *hook, const json_t *rule)
{
    const json_t *denied = match_of(rule);
    if (denied == NULL || json_object_size(rule) != 1) {
        webhook_block(hook, "a 'not' is of something else than one value");
        return;
    }
    if (is_secret(json_object_get(denied, "parameter"))) {
        webhook_block(hook, "a 'not' compares what looks like a secret, and that is not written here");
        return;
    }
    json_t *other = value_rule(hook, denied, true);
    if (other != NULL)
        json_array_append_new(hook->when, other);
    draft_note(&hook->import->draft, "hooks", hook->name,
               "A 'not' holds only where the value is there; webhook took a delivery without it, too.");
}

static void take(struct webhook *hook, const json_t *rule, unsigned depth)
{
    const char *kind = kind_of(rule);
    const json_t *member = json_object_get(rule, kind);
    bool is_list = strcmp(kind, "and") == 0 || strcmp(kind, "or") == 0;
    if (depth > RULES_DEEP) {
        webhook_block(hook, "its rules are more than %d levels deep", RULES_DEEP);
    } else if (kind[0] == '\0' || !is_known(rule)) {
        webhook_block(hook, "a rule is none of and, or, match, and 'not' of one value");
    } else if (is_list ? !json_is_array(member) : !json_is_object(member)) {
        webhook_block(hook, "the '%s' of a rule is no %s, and webhook does not start with that", kind,
                      is_list ? "list" : "object");
    } else if (strcmp(kind, "and") == 0) {
        for (size_t i = 0; i < json_array_size(member); i++)
            take(hook, json_array_get(member, i), depth + 1);
    } else if (strcmp(kind, "or") == 0) {
        take_or(hook, member, depth);
    } else if (strcmp(kind, "not") == 0) {
        take_not(hook, member);
    } else {
        take_match(hook, member);
    }
}

void webhook_take_rule(struct webhook *hook)
{
    const json_t *rule = json_object_get(hook->from, "trigger-rule");
    if (rule == NULL || json_is_null(rule))
        return;
    if (json_is_object(rule) && json_object_size(rule) == 0)
        webhook_block(hook, "its trigger-rule has no rule in it, and so webhook never ran it");
    else
        take(hook, rule, 0);
    if (hook->verify != NULL && hook->compared != NULL)
        webhook_block(hook,
                      "what it compares with '%.60s' looks like a secret, which is not written here, and without that "
                      "rule more would run. If the signature is proof enough, take the rule out of the file, and "
                      "import once more",
                      hook->compared);
}
