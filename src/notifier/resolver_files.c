#include "resolver_files.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sallyport/base/text.h"

#define LINE_BYTES 1024

/* Timeouts are short: an attempt has seconds, and a second server may have to be asked within them. */
#define NDOTS_DEFAULT     1
#define NDOTS_MOST        15
#define TIMEOUT_DEFAULT_S 2
#define TIMEOUT_MOST_S    5
#define ATTEMPTS_DEFAULT  3
#define ATTEMPTS_MOST     5

/* The next line without its comment; one that is too long is read as empty. False at the end. */
static bool next_line(struct span *text, char line[LINE_BYTES])
{
    if (text->size == 0)
        return false;
    const uint8_t *end = memchr(text->data, '\n', text->size);
    uint32_t length = end != NULL ? (uint32_t)(end - text->data) : text->size;
    text_copy_bytes(line, LINE_BYTES, text->data, length);
    line[strcspn(line, "#;")] = '\0';
    uint32_t taken = length + (end != NULL);
    text->data += taken;
    text->size -= taken;
    return true;
}

static const char *next_word(char **rest)
{
    return strtok_r(NULL, " \t\r", rest);
}

static void add_nameserver(struct resolv_conf *conf, const char *address)
{
    /* No zone: a link-local server needs an interface's number, which cannot be asked for here. */
    if (address == NULL || address[strspn(address, "0123456789abcdefABCDEF.:[]")] != '\0' ||
        conf->nameserver_count == NAMESERVERS_MAX)
        return;
    if (text_copy(conf->nameservers[conf->nameserver_count], sizeof conf->nameservers[0], address))
        conf->nameserver_count++;
}

static void set_search(struct resolv_conf *conf, char **rest)
{
    conf->search_count = 0; /* the last such line holds */
    for (const char *word; (word = next_word(rest)) != NULL && conf->search_count < SEARCH_MAX;)
        if (strcmp(word, ".") != 0 && text_copy(conf->search[conf->search_count], HOST_MAX_BYTES, word))
            conf->search_count++;
}

static void set_option(struct resolv_conf *conf, const char *word)
{
    const struct {
        const char *name;
        unsigned *value, least, most;
    } options[] = {
        { "ndots:", &conf->ndots, 0, NDOTS_MOST },
        { "timeout:", &conf->timeout_s, 1, TIMEOUT_MOST_S },
        { "attempts:", &conf->attempts, 1, ATTEMPTS_MOST },
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t length = strlen(options[i].name);
        uint64_t number;
        if (strncmp(word, options[i].name, length) != 0 || !text_u64(word + length, 1000, &number))
            continue;
        *options[i].value = number < options[i].least  ? options[i].least
                            : number > options[i].most ? options[i].most
                                                       : (unsigned)number;
    }
}

void resolv_conf_parse(struct span text, struct resolv_conf *ret_conf)
{
    char line[LINE_BYTES];
    *ret_conf =
        (struct resolv_conf){ .ndots = NDOTS_DEFAULT, .timeout_s = TIMEOUT_DEFAULT_S, .attempts = ATTEMPTS_DEFAULT };
    while (next_line(&text, line)) {
        char *rest;
        const char *word = strtok_r(line, " \t\r", &rest);
        if (word == NULL)
            continue;
        if (strcmp(word, "nameserver") == 0)
            add_nameserver(ret_conf, next_word(&rest));
        else if (strcmp(word, "search") == 0 || strcmp(word, "domain") == 0)
            set_search(ret_conf, &rest);
        else if (strcmp(word, "options") == 0)
            while ((word = next_word(&rest)) != NULL)
                set_option(ret_conf, word);
    }
    if (ret_conf->nameserver_count == 0)
        add_nameserver(ret_conf, "127.0.0.1");
}

unsigned hosts_find(struct span text, const char *name, struct ip *ips, unsigned room)
{
    char line[LINE_BYTES];
    unsigned count = 0;
    while (count < room && next_line(&text, line)) {
        char *rest;
        const char *word = strtok_r(line, " \t\r", &rest);
        if (word == NULL || !ip_parse(word, &ips[count]))
            continue;
        bool is_named = false;
        while ((word = next_word(&rest)) != NULL)
            is_named |= strcasecmp(word, name) == 0;
        count += is_named;
    }
    return count;
}
