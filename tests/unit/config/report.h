/*
 * What people read when a configuration is wrong: the whole report, for the mistakes that they make.
 */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"

struct mistake {
    const char *text, *report;
};

static inline void expect_report(const struct mistake *mistake)
{
    char said[8192] = "";
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    int done = config_parse("c.yaml", (const uint8_t *)mistake->text, strlen(mistake->text), report, &config, &err);
    fclose(report);
    cr_expect_eq(done, -EINVAL, "took: %s", mistake->text);
    cr_expect_str_eq(said, mistake->report, "for:\n%s\nsaid:\n%s\nnot:\n%s", mistake->text, said, mistake->report);
    config_free(config);
}

#define EXPECT_REPORTS(mistakes)                                                                                       \
    for (size_t i = 0; i < sizeof(mistakes) / sizeof((mistakes)[0]); i++)                                              \
    expect_report(&(mistakes)[i])
