#include "resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/dns.h>
#include <event2/event.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define SECOND_ANSWER_WAIT_MS 500 /* once one family has addresses, for the other */

struct lookup {
    struct evdns_base *dns; /* NULL once nobody waits any more */
    struct event *enough;
    lookup_done *done;
    void *arg;
    unsigned asked; /* questions whose answer is still to come; each comes, also when dns is freed */
    struct ip v6[ADDRESSES_MAX / 2], v4[ADDRESSES_MAX / 2];
    unsigned v6_count, v4_count;
    const char *why;
};

static void on_v6(int result, char type, int count, int ttl, void *addresses, void *arg); /* both are asked at once; */
static void on_v4(int result, char type, int count, int ttl, void *addresses, void *arg);
static void on_enough(evutil_socket_t fd, short what, void *arg); /* who has one waits a little for the other */

/* evdns says it when a server does not answer. */
static void on_log(int is_warning, const char *text)
{
    if (is_warning)
        log_warn("resolver: %s", text);
}

int resolver_open(struct resolver *resolver, struct event_base *base, struct span resolv_conf, struct span hosts,
                  struct error *err)
{
    *resolver = (struct resolver){ .base = base };
    uint8_t *copy = malloc(hosts.size + 1u);
    if (copy == NULL)
        return fail(err, ENOMEM, "read /etc/hosts");
    if (hosts.size > 0)
        memcpy(copy, hosts.data, hosts.size);
    resolver->hosts = (struct span){ copy, hosts.size };
    resolv_conf_parse(resolv_conf, &resolver->conf);
    evdns_set_log_fn(on_log);
    return 0;
}

void resolver_close(struct resolver *resolver)
{
    free((uint8_t *)(uintptr_t)resolver->hosts.data);
    *resolver = (struct resolver){ 0 };
}

/* RFC 6761 section 6.3: never asked of anybody else. */
static bool is_localhost(const char *host)
{
    static const char local[] = "localhost";
    size_t length = strlen(host), local_length = sizeof local - 1;
    if (length < local_length || strcmp(host + length - local_length, local) != 0)
        return false;
    return length == local_length || host[length - local_length - 1] == '.';
}

unsigned resolver_knows(const struct resolver *resolver, const char *host, struct ip ips[ADDRESSES_MAX])
{
    if (ip_parse(host, &ips[0]))
        return 1;
    unsigned count = hosts_find(resolver->hosts, host, ips, ADDRESSES_MAX);
    if (count == 0 && is_localhost(host))
        count = ip_parse("::1", &ips[0]) + (unsigned)ip_parse("127.0.0.1", &ips[1]);
    return count;
}

/* Whoever asked was told, or does not want to know; goes away with the last answer. */
static void lookup_end(struct lookup *lookup)
{
    if (lookup->dns != NULL)
        evdns_base_free(lookup->dns, 1);
    lookup->dns = NULL;
    if (lookup->enough != NULL)
        event_free(lookup->enough);
    lookup->enough = NULL;
    if (lookup->asked == 0)
        free(lookup);
}

static void lookup_tell(struct lookup *lookup)
{
    struct ip ips[ADDRESSES_MAX];
    unsigned count = lookup->v6_count + lookup->v4_count;
    if (lookup->v6_count > 0)
        memcpy(ips, lookup->v6, lookup->v6_count * sizeof ips[0]);
    if (lookup->v4_count > 0)
        memcpy(ips + lookup->v6_count, lookup->v4, lookup->v4_count * sizeof ips[0]);
    const char *why = lookup->why;
    lookup_done *done = lookup->done;
    void *arg = lookup->arg;
    lookup_end(lookup);
    done(arg, ips, count, why);
}

static void answered(struct lookup *lookup, int result)
{
    lookup->asked--;
    if (lookup->dns == NULL) {
        lookup_end(lookup);
        return;
    }
    if (result != DNS_ERR_NONE && (lookup->why == NULL || result != DNS_ERR_NODATA))
        lookup->why = evdns_err_to_string(result);
    if (lookup->asked == 0) {
        lookup_tell(lookup);
    } else if (lookup->v4_count + lookup->v6_count > 0) {
        struct timeval wait = { 0, SECOND_ANSWER_WAIT_MS * 1000 };
        event_add(lookup->enough, &wait);
    }
}

static void on_v6(int result, char type, int count, int ttl, void *addresses, void *arg)
{
    struct lookup *lookup = arg;
    (void)ttl;
    if (result == DNS_ERR_NONE && type == DNS_IPv6_AAAA)
        for (int i = 0; i < count && lookup->v6_count < ADDRESSES_MAX / 2; i++)
            memcpy(lookup->v6[lookup->v6_count++].bytes, (const uint8_t *)addresses + 16 * (size_t)i, 16);
    answered(lookup, result);
}

static void on_v4(int result, char type, int count, int ttl, void *addresses, void *arg)
{
    struct lookup *lookup = arg;
    (void)ttl;
    if (result == DNS_ERR_NONE && type == DNS_IPv4_A)
        for (int i = 0; i < count && lookup->v4_count < ADDRESSES_MAX / 2; i++)
            lookup->v4[lookup->v4_count++] = ip_of_v4((const uint8_t *)addresses + 4 * (size_t)i);
    answered(lookup, result);
}

static void on_enough(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    lookup_tell(arg);
}

static bool set_number(struct evdns_base *dns, const char *option, unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    return evdns_base_set_option(dns, option, text) == 0;
}

static struct evdns_base *dns_new(const struct resolver *resolver)
{
    const struct resolv_conf *conf = &resolver->conf;
    struct evdns_base *dns = evdns_base_new(resolver->base, 0);
    if (dns == NULL)
        return NULL;
    bool is_good = set_number(dns, "timeout:", conf->timeout_s) && set_number(dns, "attempts:", conf->attempts) &&
                   /* A server that failed would be tried with a question of evdns's own, about a name of its own. */
                   set_number(dns, "initial-probe-timeout:", 3600);
    unsigned added = 0;
    for (unsigned i = 0; i < conf->nameserver_count; i++)
        added += evdns_base_nameserver_ip_add(dns, conf->nameservers[i]) == 0;
    for (unsigned i = conf->search_count; i > 0; i--) /* evdns puts each before the others */
        evdns_base_search_add(dns, conf->search[i - 1]);
    evdns_base_search_ndots_set(dns, (int)conf->ndots);
    if (is_good && added > 0)
        return dns;
    evdns_base_free(dns, 0);
    return NULL;
}

struct lookup *lookup_start(const struct resolver *resolver, const char *host, lookup_done *done, void *arg,
                            struct error *err)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup != NULL) {
        *lookup = (struct lookup){ .dns = dns_new(resolver), .done = done, .arg = arg };
        lookup->enough = evtimer_new(resolver->base, on_enough, lookup);
    }
    if (lookup == NULL || lookup->dns == NULL || lookup->enough == NULL) {
        if (lookup != NULL)
            lookup_end(lookup);
        fail_plain(err, EIO, "no name server can be asked");
        return NULL;
    }
    lookup->asked += evdns_base_resolve_ipv6(lookup->dns, host, 0, on_v6, lookup) != NULL;
    lookup->asked += evdns_base_resolve_ipv4(lookup->dns, host, 0, on_v4, lookup) != NULL;
    if (lookup->asked > 0)
        return lookup;
    lookup_end(lookup);
    fail_plain(err, EINVAL, "the name cannot be asked for");
    return NULL;
}

void lookup_cancel(struct lookup *lookup)
{
    if (lookup != NULL)
        lookup_end(lookup);
}
