/*
 * How long the first page of a listing takes in a large database, as a ratio to the same in a small one. Both are asked in
 * turn, and each page is read as the keeper reads it: the records, then what each job was given.
 *
 *   bench-store-list SMALL LARGE ROUNDS
 *
 * Twice: with what SQLite still knows of the page from before, and after it was made to forget all (the kernel was not).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

#define PAGE       50
#define ROUNDS_MAX 10000
#define AGE_S      3600 /* bench/store fills them so that the last job ended this long ago */

static struct error err;

static _Noreturn void die(void)
{
    fprintf(stderr, "bench-store-list: %s\n", err.text);
    exit(1);
}

#define LABEL(name, value)                                                                                             \
    {                                                                                                                  \
        { (const uint8_t *)(name), sizeof(name) - 1 },                                                                 \
        {                                                                                                              \
            (const uint8_t *)(value), sizeof(value) - 1                                                                \
        }                                                                                                              \
    }

static struct listing {
    const char *name;
    struct job_filter filter;
    double us[2][2][ROUNDS_MAX]; /* warm, cold; small, large */
} listings[] = {
    { .name = "all", .filter = { .command = "", .actor = "" } },
    { .name = "by command", .filter = { .command = "command-3", .actor = "" } },
    { .name = "by command, the ten oldest of all", .filter = { .command = "rare", .actor = "" } },
    { .name = "by command, none", .filter = { .command = "no-such", .actor = "" } },
    { .name = "by state, nearly all", .filter = { .command = "", .actor = "", .state = JOB_SUCCEEDED } },
    { .name = "by state, one in ten", .filter = { .command = "", .actor = "", .state = JOB_FAILED } },
    { .name = "by state, none", .filter = { .command = "", .actor = "", .state = JOB_RUNNING } },
    { .name = "by caller", .filter = { .command = "", .actor = "caller-3" } },
    { .name = "by caller and way", .filter = { .command = "", .actor = "caller-3", .via = 1 } },
    { .name = "by label, on all jobs", .filter = { .command = "", .actor = "", .label = LABEL("env", "prod") } },
    { .name = "by label, on sixty jobs", .filter = { .command = "", .actor = "", .label = LABEL("pr", "5") } },
    { .name = "since an hour before the last", .filter = { .command = "", .actor = "", .since_unix_ms = 1 } },
    { .name = "by command and caller", .filter = { .command = "command-3", .actor = "caller-3" } },
    { .name = "by command and label",
      .filter = { .command = "command-3", .actor = "", .label = LABEL("env", "prod") } },
};

#define LISTING_COUNT (sizeof listings / sizeof listings[0])

struct page {
    struct store *store;
    uint32_t count;
    uint64_t bytes;
};

static bool read_job(void *arg, const struct job_record *record)
{
    struct page *page = arg;
    struct span params, labels;
    if (page->count++ == PAGE)
        return false;
    if (store_job_input(page->store, &record->id, &params, &labels, &err) < 0)
        die();
    page->bytes += params.size + labels.size;
    return true;
}

static double list_us(struct store *store, const struct job_filter *filter)
{
    struct page page = { .store = store };
    uint64_t start_us = clock_monotonic_us();
    if (store_jobs_list(store, filter, read_job, &page, &err) < 0)
        die();
    return (double)(clock_monotonic_us() - start_us);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* Ratios are taken round by round: what disturbed a round disturbed both of its halves. */
static void report(struct listing *listing, int is_cold, uint32_t rounds)
{
    static double ratios[ROUNDS_MAX];
    double *small = listing->us[is_cold][0], *large = listing->us[is_cold][1];
    for (uint32_t i = 0; i < rounds; i++)
        ratios[i] = large[i] / small[i];
    qsort(ratios, rounds, sizeof *ratios, compare);
    qsort(small, rounds, sizeof *small, compare);
    qsort(large, rounds, sizeof *large, compare);
    printf("  %-34s %7.0f us   ratio %5.2f   (p10 %5.2f, p90 %5.2f)\n", listing->name, large[rounds / 2],
           ratios[rounds / 2], ratios[rounds / 10], ratios[rounds * 9 / 10]);
}

int main(int argc, char **argv)
{
    struct store *stores[2];
    uint64_t rounds;
    if (argc != 4 || !text_u64(argv[3], ROUNDS_MAX, &rounds) || rounds == 0) {
        fputs("bench-store-list SMALL LARGE ROUNDS\n", stderr);
        return 2;
    }
    for (int i = 0; i < 2; i++)
        if (store_open(argv[1 + i], false, &stores[i], &err) < 0)
            die();
    for (size_t i = 0; i < LISTING_COUNT; i++)
        if (listings[i].filter.since_unix_ms != 0)
            listings[i].filter.since_unix_ms = clock_unix_ms() - 2ull * AGE_S * 1000;
    for (uint32_t round = 0; round < rounds; round++)
        for (int is_cold = 0; is_cold < 2; is_cold++)
            for (size_t i = 0; i < LISTING_COUNT; i++)
                for (int large = 0; large < 2; large++) {
                    struct job_filter filter = listings[i].filter;
                    filter.limit = PAGE + 1;
                    if (is_cold)
                        sqlite3_db_release_memory(stores[large]->db);
                    else
                        list_us(stores[large], &filter);
                    listings[i].us[is_cold][large][round] = list_us(stores[large], &filter);
                }
    for (int is_cold = 0; is_cold < 2; is_cold++) {
        puts(is_cold ? "from the kernel's cache" : "from SQLite's cache");
        for (size_t i = 0; i < LISTING_COUNT; i++)
            report(&listings[i], is_cold, (uint32_t)rounds);
    }
    for (int i = 0; i < 2; i++)
        store_close(stores[i]);
    return 0;
}
