/*
 * Writes job records, and output if it is asked for, as a keeper would have left them: into the keeper's directory of a
 * state directory that is not in use. The jobs ended one after the other, a second apart, the last one `age` seconds ago.
 *
 *   bench-store-fill DIRECTORY JOBS OUTPUT_BYTES AGE_S
 *
 * There are 5 commands, 4 callers, and two labels on each job: env=prod, and pr=N with 60 jobs in a row for each N. One
 * job of ten failed; of the command "rare" there are ten, the oldest of all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/output_log.h"
#include "sallyport/proto/state_files.h"
#include "sallyport/store/store.h"

#define COMMIT_EVERY 1000
#define RARE_JOBS    10

struct fill {
    struct store *store;
    uint64_t first_unix_ms;
    uint32_t output_bytes;
    char *output;
};

static _Noreturn void die(const struct error *err)
{
    fprintf(stderr, "bench-store-fill: %s\n", err->text);
    exit(1);
}

static void check(int done, const struct error *err)
{
    if (done < 0)
        die(err);
}

/* Names begin with the time, as all do; the rest spreads the output over its directories. */
static struct job_id id_of(const struct fill *fill, uint64_t number)
{
    struct job_id id = job_id_new();
    uint64_t unix_ms = fill->first_unix_ms + number * 1000;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
    return id;
}

static struct job_record record_of(const struct fill *fill, uint64_t number)
{
    struct job_record record = { .id = id_of(fill, number),
                                 .state = number % 10 == 7 ? JOB_FAILED : JOB_SUCCEEDED,
                                 .reason = JOB_REASON_EXITED,
                                 .exit_code = number % 10 == 7 ? 1 : 0,
                                 .via = 1,
                                 .created_unix_ms = fill->first_unix_ms + number * 1000,
                                 .timeout_ms = 60000,
                                 .incarnation = 1,
                                 .version = 4,
                                 .wall_us = 5000,
                                 .memory_peak_bytes = 4000000 };
    record.started_unix_ms = record.created_unix_ms + 3;
    record.finished_unix_ms = record.created_unix_ms + 8;
    if (number < RARE_JOBS)
        text_copy(record.command, sizeof record.command, "rare");
    else
        snprintf(record.command, sizeof record.command, "command-%u", (unsigned)(number % 5));
    snprintf(record.actor, sizeof record.actor, "caller-%u", (unsigned)(number / 5 % 4));
    text_copy(record.address, sizeof record.address, "10.2.3.4:51234");
    text_copy(record.message, sizeof record.message, "exit 0 after 0.005 s");
    return record;
}

static void write_file(const char *name, const void *data, size_t size)
{
    struct error err = { 0 };
    auto_fd int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        fail(&err, errno, "make '%s'", name);
        die(&err);
    }
    check(fd_write_all(fd, data, size, &err), &err);
}

static void write_output(const struct fill *fill, struct job_record *record)
{
    struct state_files names;
    uint8_t index[OUTPUT_RECORD_BYTES];
    if (fill->output_bytes == 0)
        return;
    state_files_name(&record->id, &names);
    mkdir(names.output_directory, 0700);
    write_file(names.log, fill->output, fill->output_bytes);
    output_record_pack(&(struct output_record){ .unix_us = record->started_unix_ms * 1000, .stream = OUTPUT_STDOUT },
                       index);
    write_file(names.index, index, sizeof index);
    record->output_bytes = fill->output_bytes;
    record->output_stored_bytes = fill->output_bytes + sizeof index;
}

static void add_job(const struct fill *fill, uint64_t number)
{
    struct error err = { 0 };
    struct job_record record = record_of(fill, number);
    char pr[24];
    int pr_bytes = snprintf(pr, sizeof pr, "%llu", (unsigned long long)(number / 60));
    static const uint8_t params[] = "a few parameters, as long as those of most jobs are", labels[] = "env=prod pr=1";
    const struct job_label index[] = {
        { { (const uint8_t *)"env", 3 }, { (const uint8_t *)"prod", 4 } },
        { { (const uint8_t *)"pr", 2 }, { (const uint8_t *)pr, (uint32_t)pr_bytes } },
    };
    const struct job_input input = { { params, sizeof params }, { labels, sizeof labels }, index, 2 };
    check(store_job_add(fill->store, &record, &input, &err), &err);
    write_output(fill, &record);
    record.output_fate = OUTPUT_KEPT; /* noted by an update, as it is counted then */
    check(store_job_update(fill->store, &record, &err), &err);
}

int main(int argc, char **argv)
{
    struct error err = { 0 };
    uint64_t jobs, output_bytes, age_s;
    if (argc != 5 || !text_u64(argv[2], UINT32_MAX, &jobs) || !text_u64(argv[3], 1 << 20, &output_bytes) ||
        !text_u64(argv[4], UINT32_MAX, &age_s) || chdir(argv[1]) < 0) {
        fputs("bench-store-fill DIRECTORY JOBS OUTPUT_BYTES AGE_S\n", stderr);
        return 2;
    }
    umask(077);
    struct fill fill = { .first_unix_ms = clock_unix_ms() - (age_s + jobs) * 1000,
                         .output_bytes = (uint32_t)output_bytes,
                         .output = calloc(1, output_bytes + 1) };
    if (fill.output == NULL)
        return 1;
    mkdir("output", 0700);
    check(store_open(STATE_FILE_DATABASE, false, &fill.store, &err), &err);
    for (uint64_t number = 0; number < jobs; number++) {
        check(store_begin(fill.store, &err), &err);
        add_job(&fill, number);
        if (number % COMMIT_EVERY == COMMIT_EVERY - 1 || number == jobs - 1)
            check(store_commit(fill.store, &err), &err);
    }
    store_close(fill.store);
    free(fill.output);
    return 0;
}
