/*
 * What it costs to let the next job start while others wait: one starts, ends, and another comes, with its place in the queue
 * asked for. Without database and launcher: the queue alone, as a ratio to the same with a hundred that wait.
 *
 *   one key        all wait for the one that runs
 *   held keys      each has a key of its own, and their caller is at its limit; one other caller goes on
 *   ready keys     each has a key of its own, and slots are short
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define CYCLES 2000

enum scene { SCENE_ONE_KEY, SCENE_HELD_KEYS, SCENE_READY_KEYS, SCENE_COUNT };
static const char *const scene_names[] = { "one key", "held keys", "ready keys" };
static const unsigned sizes[] = { 100, 1000, QUEUE_MAX - 1 };
#define SIZE_COUNT (sizeof sizes / sizeof sizes[0])

static struct keeper keeper;
static struct policy policy;
static struct command command;
static struct caller callers[2];
static uint64_t sequence;

static void prepare(void)
{
    struct error err = { 0 };
    keeper.base = event_base_new();
    TAILQ_INIT(&keeper.watches.news);
    if (keeper.base == NULL || turn_init(&keeper, &err) < 0 || queue_init(&keeper, &err) < 0) {
        fprintf(stderr, "bench: %s\n", err.text);
        exit(1);
    }
    command = (struct command){ .account = ACCOUNT_NONE, .queue = { .limit = 1, .priority = PRIORITY_DEFAULT } };
    strcpy(command.name, "work");
    policy = (struct policy){ .commands = &command, .command_count = 1 };
    callers[0] = (struct caller){ .name = "held", .kind = IDENTITY_TOKEN, .quota = { .running = 1 } };
    callers[1] = (struct caller){ .name = "free", .kind = IDENTITY_TOKEN };
    keeper.rules = (struct rules){ .policy = &policy, .callers = callers, .caller_count = 2 };
    keeper.rules.settings.slot_count = 2;
}

static struct job *come(const char *caller, unsigned key)
{
    struct job_record record = { .id = job_id_new(),
                                 .state = JOB_QUEUED,
                                 .via = EVIDENCE_BEARER,
                                 .priority = PRIORITY_DEFAULT,
                                 .sequence = ++sequence,
                                 .created_unix_ms = clock_unix_ms() };
    strcpy(record.command, "work");
    text_copy(record.actor, sizeof record.actor, caller);
    snprintf(record.queue_key, sizeof record.queue_key, "%u", key);
    struct job *job = job_remember(&keeper, &record);
    if (job == NULL)
        exit(1);
    queue_add(&keeper, job);
    return job;
}

static void forget(struct keeper *of, struct job *job)
{
    job_forget(of, job);
}

static struct job *next_job(void)
{
    struct lane *lane = ranking_first(&keeper.queue.kinds->ready);
    return lane != NULL ? ranking_first(&lane->waiting) : NULL;
}

/* The median of cycles, in nanoseconds. */
static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static uint64_t measure(enum scene scene, unsigned waiting)
{
    static uint64_t took_us[CYCLES / 10];
    const char *caller = scene == SCENE_HELD_KEYS ? "held" : "free";
    keeper.queue.kinds->slots = scene == SCENE_ONE_KEY ? 4 : 2;
    if (scene == SCENE_HELD_KEYS)
        queue_start(&keeper, come("held", 0));
    for (unsigned i = 0; i < waiting; i++)
        come(caller, scene == SCENE_ONE_KEY ? 1 : i + 1);
    if (scene == SCENE_HELD_KEYS)
        come("free", UINT32_MAX);
    for (unsigned i = 0; i < CYCLES / 10; i++) {
        uint64_t before_us = clock_monotonic_us();
        for (unsigned k = 0; k < 10; k++) {
            struct job *job = next_job();
            queue_start(&keeper, job);
            job_forget(&keeper, job);
            unsigned key = scene == SCENE_ONE_KEY ? 1 : scene == SCENE_HELD_KEYS ? UINT32_MAX : waiting + 10 * i + k;
            if (queue_position(&keeper, come("free", key)) == 0)
                exit(1);
        }
        took_us[i] = clock_monotonic_us() - before_us;
    }
    jobs_each(&keeper, forget);
    qsort(took_us, CYCLES / 10, sizeof took_us[0], compare);
    return took_us[CYCLES / 20] * 100;
}

int main(void)
{
    prepare();
    come("free", 0);
    jobs_each(&keeper, forget);
    printf("%-12s %10s %12s %8s\n", "scene", "waiting", "ns a cycle", "ratio");
    for (enum scene scene = 0; scene < SCENE_COUNT; scene++) {
        uint64_t first_ns = 0;
        for (size_t i = 0; i < SIZE_COUNT; i++) {
            uint64_t ns = measure(scene, sizes[i]);
            first_ns = i == 0 ? ns : first_ns;
            printf("%-12s %10u %12llu %8.2f\n", scene_names[scene], sizes[i], (unsigned long long)ns,
                   (double)ns / (double)first_ns);
        }
    }
    return 0;
}
