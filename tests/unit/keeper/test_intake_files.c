/* Uploads: what was handed over is looked at, stored, told, handed on, and goes with its job. */
#include "rig.h"

#include <dirent.h>
#include <sys/mman.h>

#include "sallyport/base/file_bundle.h"
#include "sallyport/policy/files.h"
#include "sallyport/proto/entries.h"

static void setup(void)
{
    rig_has_uploads = true;
    rig_setup();
}

TestSuite(intake_files, .init = setup, .fini = rig_teardown, .timeout = 60);

/* Files of one filler each, as a sealed bundle. */
static int sealed_files(uint32_t count, const char *const *names, const size_t *sizes, uint8_t filler)
{
    struct bundle bundle = { .count = count };
    size_t size = BUNDLE_HEAD_BYTES;
    int memfd = -1;
    for (uint32_t i = 0; i < count; i++) {
        strcpy(bundle.files[i].name, names[i]);
        bundle.files[i].bytes = sizes[i];
        size += sizes[i];
    }
    uint8_t *bytes = malloc(size), *at = bytes + BUNDLE_HEAD_BYTES;
    bundle_encode_head(&bundle, bytes);
    for (uint32_t i = 0; i < count; at += sizes[i++])
        memset(at, filler + (int)i, sizes[i]);
    cr_assert_eq(memfd_sealed("files", bytes, size, false, &memfd, &err), 0);
    free(bytes);
    return memfd;
}

static int sealed_source(size_t size, uint8_t filler)
{
    return sealed_files(1, (const char *const[]){ "source" }, &size, filler);
}

/* Says it and closes the descriptors. */
static uint32_t submit_with(struct msg_submit *submit, int stdin_fd, int files_fd)
{
    int fds[2];
    unsigned count = 0;
    submit->has_stdin = stdin_fd >= 0;
    submit->has_files = files_fd >= 0;
    if (stdin_fd >= 0)
        fds[count++] = stdin_fd;
    if (files_fd >= 0)
        fds[count++] = files_fd;
    cr_assert_eq(channel_send(&front, MSG_SUBMIT, next_request, submit, fds, count, &err), 0);
    while (count > 0)
        close(fds[--count]);
    return next_request++;
}

static struct msg_submit compile(void)
{
    struct msg_submit submit = rig_submit(OPS_TOKEN, "compile");
    submit.params = (struct span){ 0 };
    return submit;
}

static unsigned stored(const char *kind)
{
    char path[96];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/%s", rig_directory, kind);
    DIR *directory = opendir(path);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void expect_refusal_at(uint32_t request, uint32_t status, const char *code, const char *pointer)
{
    struct entry fault;
    rig_expect_refusal(request, status, code);
    struct reader in = { got.body.refused.errors.data, got.body.refused.errors.size };
    cr_assert_eq(entries_next(&in, &fault), 1);
    cr_expect(span_is(fault.name, pointer), "%.*s", (int)fault.name.size, (const char *)fault.name.data);
    cr_expect_eq(keeper->jobs.count, 0);
    cr_expect_eq(stored("files"), 0);
}

Test(intake_files, reach_the_launcher_with_their_parameters)
{
    static const char *const names[] = { "source", "rules" };
    static const size_t sizes[] = { 5 * 1024 * 1024 + 17, 0 };
    struct bundle bundle;
    struct msg_submit submit = compile();
    int input = -1;
    rig_hello(7, 0);
    cr_assert_eq(memfd_sealed("in", "typed", 5, false, &input, &err), 0);
    rig_expect(submit_with(&submit, input, sealed_files(2, names, sizes, 'a')), MSG_SUBMITTED);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_assert(got.body.launch.has_stdin && got.body.launch.has_files);
    cr_assert_eq(got.fd_count, 2);
    uint64_t size;
    cr_expect_eq(memfd_check_sealed(got.fds[0], UINT64_MAX, &size, &err), 0);
    cr_expect_eq(size, 5);
    cr_assert_eq(bundle_read_sealed(got.fds[1], UPLOADS_MAX_BYTES, &bundle, &err), 0, "%s", err.text);
    cr_expect_eq(files_compare(got.body.launch.params, &bundle, &err), 0, "%s", err.text);
    uint8_t last = 0;
    cr_expect_eq(pread(got.fds[1], &last, 1, (off_t)(BUNDLE_HEAD_BYTES + sizes[0] - 1)), 1);
    cr_expect_eq(last, 'a');
}

Test(intake_files, are_told_with_the_digest_of_each)
{
    static const char *const names[] = { "rules", "source" };
    static const size_t sizes[] = { 0, 3 };
    uint8_t empty[HASH_BYTES], three[HASH_BYTES];
    struct entry entry;
    struct msg_submit submit = compile();
    rig_expect(submit_with(&submit, -1, sealed_files(2, names, sizes, 'b' - 1)), MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    hash_sha256("", 0, empty);
    hash_sha256("bbb", 3, three);
    struct msg_job report = rig_report(&id);
    struct reader in = { report.params.data, report.params.size };
    const uint8_t *const digests[] = { empty, three };
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(entries_next(&in, &entry), 1);
        cr_expect_eq(entry.kind, ENTRY_FILE);
        cr_expect(span_is(entry.name, names[i]));
        cr_expect(span_is(entry.value, i == 0 ? "0" : "3"));
        cr_assert_eq(entry.extra.size, HASH_BYTES);
        cr_expect_eq(memcmp(entry.extra.data, digests[i], HASH_BYTES), 0, "file %d", i);
    }
}

Test(intake_files, too_large_or_not_wanted_are_refused_and_leave_nothing)
{
    static const char *const wrong[] = { "source", "sauce" }, *const text[] = { "source", "text" };
    static const char *const both[] = { "source", "rules" };
    static const size_t sizes[] = { 1, 1 }, large[] = { 1, 1001 }, all[] = { 6 * 1024 * 1024, 1 };
    struct msg_submit submit = compile();
    expect_refusal_at(submit_with(&submit, -1, sealed_files(2, wrong, sizes, 'a')), 422, "params-invalid",
                      "/params/sauce");
    expect_refusal_at(submit_with(&submit, -1, sealed_files(2, text, sizes, 'a')), 422, "params-invalid",
                      "/params/text");
    expect_refusal_at(submit_with(&submit, -1, sealed_files(2, both, large, 'a')), 413, "body-too-large",
                      "/params/rules");
    rig_expect_refusal(submit_with(&submit, -1, sealed_files(2, both, all, 'a')), 413, "body-too-large");
    expect_refusal_at(submit_with(&submit, -1, -1), 422, "params-invalid", "/params/source");
    struct msg_submit echo = rig_submit(OPS_TOKEN, "echo");
    expect_refusal_at(submit_with(&echo, -1, sealed_source(1, 'a')), 422, "params-invalid", "/params/source");
}

/* What no honest front says ends its connection. */
static void expect_distrust(struct msg_submit *submit, int files_fd)
{
    submit_with(submit, -1, files_fd);
    rig_run(50);
    cr_expect_not(keeper->front.is_connected);
    cr_expect_eq(stored("files"), 0);
    rig_pair(PROCESS_FRONT, &front);
}

Test(intake_files, that_are_no_sealed_bundle_are_a_breach)
{
    struct msg_submit submit = compile();
    int memfd = -1;
    expect_distrust(&submit, memfd_create("files", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    cr_assert_eq(memfd_sealed("files", "too short", 9, false, &memfd, &err), 0);
    expect_distrust(&submit, memfd);
    uint8_t room[100];
    struct writer out = { room, sizeof room };
    entries_add_text(&out, ENTRY_FILE, "source", "1", "");
    submit.params = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    expect_distrust(&submit, -1);
    expect_distrust(&submit, sealed_source(1, 'a'));
}

Test(intake_files, decide_whether_a_request_is_the_same_again)
{
    struct msg_submit submit = compile();
    text_copy(submit.idempotency_key, sizeof submit.idempotency_key, "again");
    rig_expect(submit_with(&submit, -1, sealed_source(1000, 'a')), MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    rig_expect(submit_with(&submit, -1, sealed_source(1000, 'a')), MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_replayed);
    cr_expect(job_id_equal(&got.body.submitted.job_id, &id));
    rig_expect_refusal(submit_with(&submit, -1, sealed_source(1000, 'b')), 422, "idempotency-mismatch");
    rig_expect_refusal(submit_with(&submit, -1, sealed_source(1001, 'a')), 422, "idempotency-mismatch");
    cr_expect_eq(stored("files"), 1, "what was refused or replayed left no file");
}

Test(intake_files, decide_that_also_where_the_record_keeps_no_value)
{
    for (uint32_t i = 0; i < keeper->rules.policy->command_count; i++)
        keeper->rules.policy->commands[i].keeps_metadata_only = true;
    struct msg_submit submit = compile();
    text_copy(submit.idempotency_key, sizeof submit.idempotency_key, "again");
    rig_expect(submit_with(&submit, -1, sealed_source(1000, 'a')), MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    cr_expect_eq(rig_report(&id).params.size, 0);
    rig_expect_refusal(submit_with(&submit, -1, sealed_source(1000, 'b')), 422, "idempotency-mismatch");
}

Test(intake_files, outlive_the_keeper_and_go_with_their_job)
{
    struct msg_submit submit = compile();
    rig_expect(submit_with(&submit, -1, sealed_source(1000, 'a')), MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    rig_restart();
    cr_expect_eq(stored("files"), 1);
    rig_hello(7, 0);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_expect(got.body.launch.has_files);
    struct msg_exited exited = { .job_id = id, .reason = JOB_REASON_LAUNCH_FAILED };
    rig_say(&launcher, MSG_EXITED, &exited);
    rig_run(100);
    cr_expect_eq(keeper->jobs.count, 0);
    cr_expect_eq(stored("files"), 0);
}

Test(intake_files, that_no_job_owns_are_swept_at_the_start)
{
    char path[160], text[JOB_ID_TEXT_BYTES];
    struct job_id id = job_id_new();
    snprintf(path, sizeof path, "%s/files/%s", rig_directory, job_id_text(&id, text));
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    rig_restart();
    cr_expect_eq(stored("files"), 0);
}

Test(intake_files, are_not_kept_for_another_run)
{
    struct msg_submit submit = compile();
    rig_expect(submit_with(&submit, -1, sealed_source(10, 'a')), MSG_SUBMITTED);
    struct msg_submit again = { .evidence = rig_token(OPS_TOKEN), .rerun_of = got.body.submitted.job_id };
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &again), 409, "input-not-kept");
}

Test(intake_files, are_checked_by_a_dry_run_and_not_stored)
{
    struct msg_submit submit = compile();
    submit.is_trial = true;
    rig_expect(submit_with(&submit, -1, sealed_source(10, 'a')), MSG_VERDICT);
    cr_expect_str_eq(got.body.verdict.code, "");
    static const char *const both[] = { "source", "rules" };
    static const size_t large[] = { 1, 1001 };
    rig_expect(submit_with(&submit, -1, sealed_files(2, both, large, 'a')), MSG_VERDICT);
    cr_expect_str_eq(got.body.verdict.code, "body-too-large");
    cr_expect_eq(stored("files"), 0);
    cr_expect_eq(keeper->jobs.count, 0);
}
