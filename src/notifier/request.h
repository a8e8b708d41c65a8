/* The request of an attempt as libcurl is asked for it, and what its result means. */
#pragma once

#include <stdbool.h>

#include <curl/curl.h>

#include "sallyport/base/network.h"
#include "sallyport/base/url.h"
#include "sallyport/proto/messages.h"

struct attempt;
struct error;

/* Whether libcurl's parser finds the same scheme, host and port in this text as ours did: else one of the two was fooled. */
bool request_url_agrees(const struct url *url, const char *text);

/*
 * Makes attempt->easy, which connects to these addresses and to no others. -EINVAL when libcurl reads the URL differently
 * from us, -ENOMEM.
 */
int request_make(struct attempt *attempt, const struct ip *ips, unsigned count, struct error *err);
void request_done(struct attempt *attempt);

enum outcome request_outcome(const struct attempt *attempt, CURLcode code);
