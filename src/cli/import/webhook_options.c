/* The command line of sallyport import webhook: what webhook itself takes, so that its own line can be copied. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "webhook.h"

#define HOOKS_MAX_BYTES (4u * 1024 * 1024)

struct webhook_options {
    struct words files;
    const char *port, *address, *prefix, *cert, *key;
    bool is_secure, is_template;
    struct { /* the last: what stands here is left out, with a note */
        const char *header, *http_methods, *logfile, *pidfile, *setuid, *setgid, *cipher_suites, *tls_min_version,
            *max_multipart_mem, *request_id_limit;
        bool is_verbose, is_debug, is_nopanic, is_hotreload, has_request_id, lists_ciphers, shows_version;
    } left_out;
};

#define LEFT_OUT(member) offsetof(struct webhook_options, left_out.member)

static const struct option_row rows[] = {
    { '\0', OPTION_TEXTS, "hooks", offsetof(struct webhook_options, files), "FILE", "a hooks.json; may be given again",
      NULL },
    { '\0', OPTION_TEXT, "port", offsetof(struct webhook_options, port), "PORT", "9000 unless given", NULL },
    { '\0', OPTION_TEXT, "ip", offsetof(struct webhook_options, address), "ADDRESS", "127.0.0.1 is what is taken over",
      NULL },
    { '\0', OPTION_TEXT, "urlprefix", offsetof(struct webhook_options, prefix), "PREFIX", "ours is /hooks", NULL },
    { '\0', OPTION_FLAG, "secure", offsetof(struct webhook_options, is_secure), NULL, "TLS, with -cert and -key",
      NULL },
    { '\0', OPTION_TEXT, "cert", offsetof(struct webhook_options, cert), "FILE", "becomes server.tls.cert", NULL },
    { '\0', OPTION_TEXT, "key", offsetof(struct webhook_options, key), "FILE", "becomes server.tls.key", NULL },
    { '\0', OPTION_FLAG, "template", offsetof(struct webhook_options, is_template), NULL, "refused", NULL },
    { '\0', OPTION_TEXT, "header", LEFT_OUT(header), "NAME=VALUE", "the headers of an answer are ours", NULL },
    { '\0', OPTION_TEXT, "http-methods", LEFT_OUT(http_methods), "METHODS",
      "a delivery is a POST here, also where it named none", NULL },
    { '\0', OPTION_FLAG, "hotreload", LEFT_OUT(is_hotreload), NULL, "SIGHUP, or systemctl reload, reads the files anew",
      NULL },
    { '\0', OPTION_FLAG, "verbose", LEFT_OUT(is_verbose), NULL, "sallyport logs to the journal", NULL },
    { '\0', OPTION_FLAG, "debug", LEFT_OUT(is_debug), NULL, "sallyport logs to the journal, and deliveries to nowhere",
      NULL },
    { '\0', OPTION_TEXT, "logfile", LEFT_OUT(logfile), "FILE", "sallyport logs to the journal", NULL },
    { '\0', OPTION_FLAG, "nopanic", LEFT_OUT(is_nopanic), NULL, "a file that is wrong is refused, always", NULL },
    { '\0', OPTION_TEXT, "pidfile", LEFT_OUT(pidfile), "FILE", "systemd knows the process", NULL },
    { '\0', OPTION_TEXT, "setuid", LEFT_OUT(setuid), "UID",
      "the service has accounts of its own, and a command its 'user'", NULL },
    { '\0', OPTION_TEXT, "setgid", LEFT_OUT(setgid), "GID",
      "the service has accounts of its own, and a command its 'user'", NULL },
    { '\0', OPTION_FLAG, "x-request-id", LEFT_OUT(has_request_id), NULL, "X-Request-Id of a request is kept, always",
      NULL },
    { '\0', OPTION_TEXT, "x-request-id-limit", LEFT_OUT(request_id_limit), "BYTES",
      "one that is too long is replaced by one of ours", NULL },
    { '\0', OPTION_TEXT, "max-multipart-mem", LEFT_OUT(max_multipart_mem), "BYTES", "multipart payloads are not taken",
      NULL },
    { '\0', OPTION_TEXT, "tls-min-version", LEFT_OUT(tls_min_version), "VERSION", "TLS 1.2 and 1.3 are spoken", NULL },
    { '\0', OPTION_TEXT, "cipher-suites", LEFT_OUT(cipher_suites), "LIST", "they are not to be chosen", NULL },
    { '\0', OPTION_FLAG, "list-cipher-suites", LEFT_OUT(lists_ciphers), NULL, "it would only have listed them", NULL },
    { '\0', OPTION_FLAG, "version", LEFT_OUT(shows_version), NULL, "it would only have printed it", NULL },
};

/* What is left out is told, with the help of its row as the reason. */
static void note_left_out(struct import *import, const struct webhook_options *options)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *at = (const char *)options + rows[i].offset;
        bool is_given = rows[i].kind == OPTION_FLAG ? *(const bool *)at : *(const char *const *)at != NULL;
        if (rows[i].offset >= offsetof(struct webhook_options, left_out) && is_given)
            draft_note(&import->draft, "hooks", "", "-%s is left out: %s.", rows[i].name, rows[i].help);
    }
}

static int take_server(struct import *import, const struct webhook_options *options, struct error *err)
{
    struct draft *draft = &import->draft;
    unsigned port = 9000;
    char listen[32];
    if (options->port != NULL && !port_read(options->port, &port))
        return fail_plain(err, EINVAL, "-port takes a number from 1 to 65535, not '%s'", options->port);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    draft_set(draft, "server", "listen", json_string(listen));
    if (options->address == NULL || strcmp(options->address, "127.0.0.1") != 0)
        draft_note(
            draft, "server", "listen",
            "webhook listened on %s. Providers come from elsewhere: let a proxy of this host with TLS ask "
            "127.0.0.1:%u ('hosts' has the names it is asked under), or write the address here with 'tls' beside it.",
            options->address != NULL ? options->address : "all interfaces", port);
    if (options->prefix != NULL && strcmp(options->prefix, "hooks") != 0)
        draft_note(draft, "server", "listen", "Paths began with /%s/, and begin with /hooks/ now: tell the providers.",
                   options->prefix);
    if (options->is_secure) {
        char key[1100];
        snprintf(key, sizeof key, "file:%s", options->key != NULL ? options->key : "key.pem");
        draft_set(draft, "server", "tls",
                  json_pack("{s:s, s:s}", "cert", options->cert != NULL ? options->cert : "cert.pem", "key", key));
    }
    return 0;
}

static int import_file(struct import *import, const char *path, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    int done = import_read_file(path, HOOKS_MAX_BYTES, &text, &size, err);
    if (done == 0 && webhook_translate(import, text, size, err) < 0)
        done = fail_in(err, "'%s'", path);
    if (text != NULL)
        explicit_bzero(text, size);
    free(text);
    return done;
}

static int run(struct import *import, void *values, const struct words *words, struct error *err)
{
    struct webhook_options *options = values;
    int done = 0;
    if (options->is_template)
        return fail_plain(err, EINVAL,
                          "-template: what a template would become is not known here; write the values in their "
                          "places, and import that");
    for (size_t i = 0; i < words->count && done == 0; i++)
        done = words_add(&options->files, words->items[i], err);
    if (done == 0 && options->files.count == 0)
        done = fail_plain(err, EINVAL, "which hooks? sallyport import webhook /etc/webhook/hooks.json");
    say_head(import, "webhook's hooks");
    if (done == 0)
        done = take_server(import, options, err);
    note_left_out(import, options);
    for (size_t i = 0; i < options->files.count && done == 0; i++)
        done = import_file(import, options->files.items[i], err);
    return done;
}

const struct importer import_webhook = {
    .name = "webhook",
    .summary = "hooks.json of adnanh/webhook",
    .usage = "[OPTION]... FILE...",
    .details = "Each hook becomes a hook and a command of the same name. A signature becomes\n"
               "'verify', rules of values become 'when', and arguments and variables become\n"
               "parameters, which a delivery fills. What proves nothing is no hook here: its command\n"
               "gets a route, for callers with a token.\n"
               "\n"
               "Held back, as a comment with the reason: rules that cannot be said with 'when' (an\n"
               "'or' of different places), signatures with SHA-1 alone, whole payloads as arguments,\n"
               "files made of payloads. A template is refused, and so is YAML. Options of webhook's\n"
               "that mean nothing here are taken, with a note.\n"
               "\n"
               "  sallyport import --secrets /etc/sallyport/hooks -o new.yaml webhook hooks.json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct webhook_options),
    .words_max = 100,
    .run = run,
};
