#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/frame.h"

static int ends[2];
static uint8_t buffer[MESSAGE_MAX_BYTES], frame[MESSAGE_MAX_BYTES];

static void open_pair(void)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_pair(void)
{
    close(ends[0]);
    close(ends[1]);
}

TestSuite(frame, .init = open_pair, .fini = close_pair);

static size_t make_stop(void)
{
    struct msg_stop stop = { .reason = JOB_REASON_CANCELLED, .grace_ms = 5 };
    size_t size;
    cr_assert_eq(frame_encode(MSG_STOP, 42, &stop, frame, &size, NULL), 0);
    return size;
}

Test(frame, comes_through_with_its_number_and_descriptors)
{
    struct message message;
    struct msg_launched launched = { .started_unix_ms = 77 };
    size_t size;
    auto_fd int one = open("/dev/null", O_RDONLY | O_CLOEXEC), two = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(frame_encode(MSG_LAUNCHED, 9, &launched, frame, &size, NULL), 0);
    cr_assert_eq(frame_send(ends[0], frame, size, (const int[]){ one, two }, 2), 0);
    cr_assert_eq(frame_receive(ends[1], buffer, &message, NULL), 1);
    cr_expect_eq(message.type, MSG_LAUNCHED);
    cr_expect_eq(message.request_id, 9);
    cr_expect_eq(message.body.launched.started_unix_ms, 77);
    cr_expect_eq(message.fd_count, 2);
    cr_expect((fcntl(message.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    message_done(&message);
    cr_expect_eq(frame_receive(ends[1], buffer, &message, NULL), 0, "nothing more is there");
}

Test(frame, with_descriptors_where_none_belong_is_refused_and_they_are_closed)
{
    struct message message;
    size_t size = make_stop();
    auto_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int next_free = dup(fd);
    close(next_free);
    cr_assert_eq(frame_send(ends[0], frame, size, &fd, 1), 0);
    cr_expect_eq(frame_receive(ends[1], buffer, &message, NULL), -EBADMSG);
    int after = dup(fd);
    cr_expect_eq(after, next_free, "a descriptor was left open");
    close(after);
}

Test(frame, without_the_descriptors_that_it_needs_is_refused)
{
    struct message message;
    struct msg_launched launched = { 0 };
    size_t size;
    cr_assert_eq(frame_encode(MSG_LAUNCHED, 9, &launched, frame, &size, NULL), 0);
    cr_assert_eq(frame_send(ends[0], frame, size, NULL, 0), 0);
    cr_expect_eq(frame_receive(ends[1], buffer, &message, NULL), -EBADMSG);
}

Test(frame, that_lies_about_itself_is_refused)
{
    static const struct {
        size_t offset;
        uint8_t value;
        const char *what;
    } rows[] = {
        { 0, 0xee, "magic" },
        { 4, 0, "type 0" },
        { 4, 255, "a type that is not there" },
        { 5, 1, "a type above 255" },
        { 8, 0, "a short length" },
        { 11, 1, "a length that wraps" },
        { 32, 200, "a reason out of bounds" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct message message;
        size_t size = make_stop();
        frame[rows[i].offset] = rows[i].value;
        cr_assert_eq(frame_send(ends[0], frame, size, NULL, 0), 0);
        cr_expect_eq(frame_receive(ends[1], buffer, &message, NULL), -EBADMSG, "%s", rows[i].what);
    }
}

Test(frame, larger_than_any_message_is_refused_whole)
{
    static uint8_t large[MESSAGE_MAX_BYTES + 4096];
    struct message message;
    size_t size = make_stop();
    memcpy(large, frame, size);
    cr_assert_eq(send(ends[0], large, sizeof large, 0), (ssize_t)sizeof large);
    cr_expect_eq(frame_receive(ends[1], buffer, &message, NULL), -EBADMSG);
}

Test(frame, of_a_peer_that_is_gone_is_an_end_and_no_message)
{
    struct message message;
    shutdown(ends[0], SHUT_RDWR);
    cr_expect_eq(frame_receive(ends[1], buffer, &message, NULL), -ECONNRESET);
}

Test(frame, without_a_byte_is_refused_and_no_end)
{
    struct message message;
    cr_assert_eq(send(ends[0], "", 0, 0), 0);
    cr_expect_eq(frame_receive(ends[1], buffer, &message, NULL), -EBADMSG);
}

Test(frame, has_a_def_and_a_name_for_every_type)
{
    for (enum msg_type type = MSG_NONE + 1; type < MSG_COUNT; type++) {
        cr_expect_not_null(message_defs[type].name, "type %d", type);
        cr_expect_gt(message_defs[type].field_count, 0, "%s", message_defs[type].name);
        cr_expect_leq(message_defs[type].struct_bytes, sizeof(union any_message), "%s", message_defs[type].name);
        cr_expect_leq(message_fds[type].least, message_fds[type].most);
        cr_expect_leq(message_fds[type].most, MESSAGE_FDS_MAX);
    }
}

Test(entries, come_out_as_they_went_in_and_cut_ones_are_refused)
{
    uint8_t room[128];
    struct writer out = { room, sizeof room };
    cr_assert(entries_add_text(&out, ENTRY_STRING, "name", "value", ""));
    cr_assert(entries_add(&out, ENTRY_INTEGER, (struct span){ (const uint8_t *)"n", 1 },
                          (struct span){ (const uint8_t *)"a\0b", 3 }, (struct span){ NULL, 0 }));
    size_t size = sizeof room - out.left;
    struct entry entry;
    struct reader in = { room, size };
    cr_expect_eq(entries_next(&in, &entry), 1);
    cr_expect(span_is(entry.name, "name") && span_is(entry.value, "value") && entry.extra.size == 0);
    cr_expect_eq(entries_next(&in, &entry), 1);
    cr_expect_eq(entry.value.size, 3);
    cr_expect_eq(entries_next(&in, &entry), 0);
    for (size_t cut = 1; cut < size; cut++) {
        int last;
        in = (struct reader){ room, cut };
        while ((last = entries_next(&in, &entry)) == 1)
            continue;
        bool is_whole = cut == 7 + 4 + 5;
        cr_expect_eq(last, is_whole ? 0 : -EBADMSG, "cut at %zu", cut);
    }
    struct writer small = { room, 6 };
    cr_expect_not(entries_add_text(&small, ENTRY_STRING, "", "", ""));
}
