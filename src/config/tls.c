#include "tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "line_files.h"
#include "reading.h"
#include "sallyport/base/certificate.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define EXPIRY_NEAR_S (14 * 24 * 3600)

bool tls_is_written(const struct reading *reading)
{
    return json_object_get(json_object_get(reading->tree->root, "server"), "tls") != NULL;
}

void tls_free(struct config_tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->key != NULL)
        explicit_bzero(tls->key, tls->setting.key.size);
    free(tls->certificate);
    free(tls->key);
    free(tls->client_ca);
    free(tls);
}

static bool copy_span(const struct span *from, uint8_t **ret_data, struct span *ret_span)
{
    *ret_data = malloc(from->size + 1);
    if (*ret_data == NULL)
        return false;
    if (from->size > 0)
        memcpy(*ret_data, from->data, from->size);
    *ret_span = (struct span){ *ret_data, from->size };
    return true;
}

int config_copy_tls(const struct config *from, struct config *to, struct error *err)
{
    const struct setting_tls *setting = &from->tls->setting;
    struct config_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        return fail(err, ENOMEM, "keep the certificate");
    *tls = (struct config_tls){ .setting.hsts_s = setting->hsts_s, .until_unix_s = from->tls->until_unix_s };
    if (!copy_span(&setting->certificate, &tls->certificate, &tls->setting.certificate) ||
        !copy_span(&setting->key, &tls->key, &tls->setting.key) ||
        !copy_span(&setting->client_ca, &tls->client_ca, &tls->setting.client_ca)) {
        tls_free(tls);
        return fail(err, ENOMEM, "keep the certificate");
    }
    to->tls = tls;
    return 0;
}

static bool read_pem(struct reading *reading, const char *key, bool is_secret, const char *path, uint8_t **ret_data,
                     struct span *ret_span)
{
    size_t size = 0;
    if (!whole_file_read(reading, key, is_secret, path, TLS_FILE_MAX_BYTES, ret_data, &size))
        return false;
    *ret_span = (struct span){ *ret_data, (uint32_t)size };
    return true;
}

/* The owner's clock may be the one that is wrong, and a service that starts can be mended from afar: so no fault. */
static void check_times(struct reading *reading, const char *path, const struct certificates *certificates,
                        struct config_tls *tls)
{
    int64_t from_s = 0, now_s = (int64_t)(clock_unix_ms() / 1000);
    char when[CLOCK_TEXT_BYTES];
    certificates_times(certificates, &from_s, &tls->until_unix_s);
    uint64_t until_ms = tls->until_unix_s > 0 ? (uint64_t)tls->until_unix_s * 1000 : 0;
    if (tls->until_unix_s <= now_s)
        warning_below(reading, "cert", -1, "%s expired on %.10s, and clients refuse it; get a new one, then reload",
                      path, clock_text(until_ms, when));
    else if (tls->until_unix_s <= now_s + EXPIRY_NEAR_S)
        warning_below(reading, "cert", -1, "%s expires on %.10s; get a new one in time, then reload", path,
                      clock_text(until_ms, when));
    else if (from_s > now_s)
        warning_below(reading, "cert", -1, "%s holds from %.10s on, and clients refuse it until then", path,
                      clock_text((uint64_t)from_s * 1000, when));
}

static bool check_key(struct reading *reading, const char *path, const struct config_tls *tls,
                      const struct certificates *certificates)
{
    struct error err = { 0 };
    struct evp_pkey_st *key = NULL;
    int done = private_key_read(tls->setting.key.data, tls->setting.key.size, &key, &err);
    if (done == 0)
        done = certificates_check_key(certificates, key, &err);
    private_key_free(key);
    if (done < 0)
        fault_below(reading, "key", -1, "%s %s", path, err.text);
    return done == 0;
}

/* The certificate and its key; each is read even if the other has a fault, so that all faults are told at once. */
static bool take_pair(struct reading *reading, const char *key_path, struct config_tls *tls)
{
    const char *path = reading->server.tls_certificate;
    struct certificates certificates = { .count = 0 };
    struct error err = { 0 };
    bool has_certificate = read_pem(reading, "cert", false, path, &tls->certificate, &tls->setting.certificate);
    bool has_key = read_pem(reading, "key", true, key_path, &tls->key, &tls->setting.key);
    if (has_certificate &&
        certificates_read(tls->certificate, tls->setting.certificate.size, &certificates, &err) < 0) {
        fault_below(reading, "cert", -1, "%s %s", path, err.text);
        has_certificate = false;
    }
    if (has_certificate)
        check_times(reading, path, &certificates, tls);
    bool fits = has_certificate && has_key && check_key(reading, key_path, tls, &certificates);
    certificates_done(&certificates);
    return fits;
}

static bool take_authorities(struct reading *reading, struct config_tls *tls)
{
    const char *path = reading->server.tls_client_ca;
    struct certificates authorities = { .count = 0 };
    struct error err = { 0 };
    if (path == NULL)
        return true;
    if (!read_pem(reading, "client_ca", false, path, &tls->client_ca, &tls->setting.client_ca))
        return false;
    int done = certificates_read(tls->client_ca, tls->setting.client_ca.size, &authorities, &err);
    certificates_done(&authorities);
    if (done < 0)
        fault_below(reading, "client_ca", -1, "%s %s", path, err.text);
    return done == 0;
}

/* Never repeats what stands there: it may be the key itself. */
static const char *key_path_of(struct reading *reading)
{
    const char *text = reading->server.tls_key;
    if (text == NULL)
        return NULL;
    if (strncmp(text, "file:", 5) == 0)
        return text + 5;
    fault_below(reading, "key", -1, "must be file:PATH of a file with the key, which must not be written down here");
    return NULL;
}

static void take(struct reading *reading)
{
    const struct server_draft *draft = &reading->server;
    const char *key_path = key_path_of(reading);
    if (draft->tls_certificate == NULL || key_path == NULL)
        return;
    struct config_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    tls->setting.hsts_s = draft->tls_hsts_ms / 1000;
    bool is_served = take_pair(reading, key_path, tls);
    if (take_authorities(reading, tls) && is_served)
        reading->config->tls = tls;
    else
        tls_free(tls);
}

void tls_take(struct reading *reading)
{
    size_t length = enter_key(reading, "server");
    enter_key(reading, "tls");
    take(reading);
    leave(reading, length);
}
