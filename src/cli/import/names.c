/* Names of ours, made of foreign text, and where programs are. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "importer.h"
#include "sallyport/base/text.h"

void name_make(const struct draft *draft, const char *section, const char *from, size_t most, char ret_name[NAME_ROOM])
{
    char base[NAME_ROOM];
    size_t used = 0;
    for (; *from != '\0' && used + 4 < most; from++) { /* room for "-99" */
        char letter = (char)tolower((unsigned char)*from);
        bool is_letter = letter >= 'a' && letter <= 'z';
        bool is_digit = letter >= '0' && letter <= '9';
        if (used == 0 && is_digit)
            base[used++] = 'x';
        if (is_letter || is_digit)
            base[used++] = letter;
        else if (used > 0 && base[used - 1] != '-')
            base[used++] = '-';
    }
    while (used > 0 && base[used - 1] == '-')
        used--;
    base[used] = '\0';
    if (used == 0)
        snprintf(base, sizeof base, "unnamed");
    snprintf(ret_name, NAME_ROOM, "%s", base);
    for (unsigned more = 2; draft_has(draft, section, ret_name); more++)
        snprintf(ret_name, NAME_ROOM, "%.58s-%u", base, more);
}

void name_param(const char *from, char ret_name[NAME_ROOM])
{
    size_t used = 0;
    for (; *from != '\0' && used + 4 < NAME_ROOM; from++) {
        bool is_good = isalnum((unsigned char)*from) || *from == '_' || *from == '-';
        if (used == 0 && !isalpha((unsigned char)*from) && *from != '_')
            ret_name[used++] = '_';
        if (is_good || (used > 0 && ret_name[used - 1] != '_'))
            ret_name[used++] = is_good ? *from : '_';
    }
    ret_name[used] = '\0';
    if (used == 0)
        snprintf(ret_name, NAME_ROOM, "value");
}

bool name_is_variable(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return text[0] != '\0' && !isdigit((unsigned char)text[0]) && text[strspn(text, letters)] == '\0' &&
           strlen(text) < NAME_ROOM;
}

/* --- names of passwords ----------------------------------------------------------------------------------------------- */

#define WORD_BYTES 16 /* longer ones are known to be none */

/* Behind the last dot, but for places in a list: "secret" of "config.secret.0". */
static const char *last_step(const char *name, size_t *ret_size)
{
    size_t end = strlen(name);
    for (;;) {
        size_t from = end;
        while (from > 0 && name[from - 1] != '.')
            from--;
        *ret_size = end - from;
        if (from == 0 || strspn(name + from, "0123456789") < *ret_size)
            return name + from;
        end = from - 1;
    }
}

/* The next word, in small letters: of "X-AuthToken", "API_KEY2" x, auth, token, api, key. False at the end. */
static bool next_word(const char **at, const char *end, char word[WORD_BYTES])
{
    const char *from = *at;
    size_t used = 0;
    while (from < end && !isalpha((unsigned char)*from))
        from++;
    for (*at = from; *at < end && isalpha((unsigned char)**at); (*at)++) {
        bool is_upper = isupper((unsigned char)**at) != 0;
        bool is_hump = *at > from && is_upper &&
                       (islower((unsigned char)(*at)[-1]) || (*at + 1 < end && islower((unsigned char)(*at)[1])));
        if (is_hump)
            break;
        if (used < WORD_BYTES - 1)
            word[used++] = (char)tolower((unsigned char)**at);
    }
    word[used] = '\0';
    return used > 0;
}

bool name_is_secret(const char *name)
{
    static const char *const words[] = { "token",     "secret",        "password",  "passwd", "pass",   "passphrase",
                                         "signature", "auth",          "pw",        "pwd",    "apikey", "accesskey",
                                         "secretkey", "authorization", "credential" };
    char last[WORD_BYTES] = "", word[WORD_BYTES] = "";
    size_t size;
    const char *at = last_step(name, &size), *end = at + size;
    for (; next_word(&at, end, word); snprintf(last, sizeof last, "%s", word)) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            size_t length = strlen(words[i]);
            if (strncmp(word, words[i], length) == 0 && (word[length] == '\0' || strcmp(word + length, "s") == 0))
                return true;
        }
        if (strcmp(word, "key") == 0 && (strcmp(last, "api") == 0 || strcmp(last, "access") == 0))
            return true;
    }
    return false;
}

/* --- programs --------------------------------------------------------------------------------------------------------- */

void program_find(const char *name, char ret_path[1024])
{
    static const char *const places[] = {
        "/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/bin", "/sbin"
    };
    if (name[0] == '/' && text_copy(ret_path, 1024, name))
        return;
    for (size_t i = 0; strchr(name, '/') == NULL && i < sizeof places / sizeof places[0]; i++)
        if ((size_t)snprintf(ret_path, 1024, "%s/%s", places[i], name) < 1024 && access(ret_path, X_OK) == 0)
            return;
    snprintf(ret_path, 1024, "/usr/bin/%s", strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name);
}

bool program_runs_others(const char *path)
{
    static const char *const globs[] = { "*sh",    "env",  "find",   "xargs",  "python*", "perl*", "ruby*",   "node*",
                                         "php*",   "lua*", "*awk",   "sudo",   "su",      "ssh",   "scp",     "rsync",
                                         "tar",    "git",  "make",   "nohup",  "nice",    "time",  "timeout", "busybox",
                                         "docker", "curl", "wget",   "vi*",    "less",    "man",   "sed",     "xterm",
                                         "socat",  "nc",   "strace", "setsid", "stdbuf",  "watch", "parallel" };
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    for (size_t i = 0; i < sizeof globs / sizeof globs[0]; i++)
        if (text_glob(globs[i], name))
            return true;
    return false;
}

bool port_read(const char *text, unsigned *ret_port)
{
    uint64_t port;
    if (!text_u64(text, 65535, &port) || port == 0)
        return false;
    *ret_port = (unsigned)port;
    return true;
}
