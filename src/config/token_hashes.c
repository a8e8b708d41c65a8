#include "token_hashes.h"

#include <string.h>

#include "line_files.h"
#include "reading.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"

/* NULL when it is one. */
static const char *read_hash(const char *text, uint8_t hash[HASH_BYTES])
{
    if (strncmp(text, "sp_", 3) == 0)
        return "this is the token itself, which must not be written down here; replace it: `sallyport token create` "
               "prints a token and the hash of it";
    if (strncmp(text, "sha256:", 7) != 0)
        return "must be \"sha256:\" and 64 hex digits, or file:PATH of a file with that text; `sallyport token create` "
               "prints it";
    if (!text_unhex(text + 7, HASH_BYTES, hash))
        return "must have exactly 64 lower-case hex digits behind 'sha256:'";
    return NULL;
}

/* index: in the list; or -1 where there is none. */
static void add_hash(struct reading *reading, struct config_identity *identity, const char *text, int index)
{
    const char *why = read_hash(text, identity->token_sha256[identity->secret_count]);
    if (why == NULL)
        identity->secret_count++;
    else
        fault_below(reading, "hash", index, "%s", why);
}

static void take_file(struct reading *reading, struct config_identity *identity, const char *path)
{
    static const struct line_file file = { "hash", "sha256: and 64 hex digits", false };
    char lines[TOKEN_SECRETS_MAX][LINE_TEXT_BYTES];
    unsigned count;
    if (!line_file_read_lines(reading, &file, path, lines, TOKEN_SECRETS_MAX, &count))
        return;
    text_copy(identity->hash_file, sizeof identity->hash_file, path);
    if (count == 0)
        warning_below(reading, "hash", -1, "%s is empty: the token was revoked and is refused", path);
    for (unsigned i = 0; i < count; i++)
        add_hash(reading, identity, lines[i], -1);
}

void token_hashes_take(struct reading *reading, struct config_identity *identity)
{
    const json_t *list = reading->identity.hashes;
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && i < TOKEN_SECRETS_MAX; i++) {
        const char *text = text_item(list, i);
        if (strncmp(text, "file:", 5) == 0 && count == 1)
            take_file(reading, identity, text + 5);
        else if (strncmp(text, "file:", 5) == 0)
            fault_below(reading, "hash", (int)i, "a file stands alone: it can hold both hashes, a line for each");
        else if (text[0] != '\0') /* else told already */
            add_hash(reading, identity, text, count == 1 ? -1 : (int)i);
    }
}

static bool has_hash(const struct config_identity *identity, const uint8_t hash[HASH_BYTES])
{
    for (uint32_t i = 0; i < identity->secret_count; i++)
        if (hash_equal(identity->token_sha256[i], hash))
            return true;
    return false;
}

void token_hashes_check(struct reading *reading, const struct config_identity *identity)
{
    if (identity->secret_count == TOKEN_SECRETS_MAX &&
        hash_equal(identity->token_sha256[0], identity->token_sha256[TOKEN_SECRETS_MAX - 1]))
        fault_below(reading, "hash", -1, "names the same secret twice");
    for (uint32_t i = 0; i + 1 < reading->config->identity_count; i++)
        for (uint32_t k = 0; k < identity->secret_count; k++)
            if (has_hash(&reading->config->identities[i], identity->token_sha256[k]))
                fault_below(reading, "hash", -1, "is that of token '%s' too; give each caller a token of its own",
                            reading->config->identities[i].setting.name);
}
