/* The keys of `concurrency` and `dedupe`, filled in with what the caller gave. */
#include <errno.h>
#include <string.h>

#include "keeper.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define KEY_ROOM_BYTES (64 * 1024)

/* As it is, or its hash where the record has no room for it. */
static void keep_key(const uint8_t *key, size_t size, char to[REASON_MAX_BYTES])
{
    static const char prefix[] = "sha256:";
    uint8_t digest[HASH_BYTES];
    if (text_copy_bytes(to, REASON_MAX_BYTES, key, size))
        return;
    hash_sha256(key, size, digest);
    memcpy(to, prefix, sizeof prefix);
    text_hex(digest, HASH_BYTES, to + sizeof prefix - 1);
}

static bool fill_in_key(struct keeper *keeper, const struct submit *submit, enum queue_key which,
                        char to[REASON_MAX_BYTES])
{
    static uint8_t room[KEY_ROOM_BYTES];
    struct writer out = { room, sizeof room };
    struct error err = { 0 };
    int done = matcher_queue_key(keeper->rules.matcher, submit->command_index, which, submit->given, &out, &err);
    if (done == -EMSGSIZE)
        request_refuse(keeper, submit->request,
                       &(struct refusal){ .status = 422, .code = "params-invalid", .command = submit->command->name },
                       "the values that a key of the queue is made of are too large together");
    else if (done < 0)
        request_distrust(keeper, submit->request, err.text);
    else
        keep_key(room, sizeof room - out.left, to);
    return done == 0;
}

bool submit_fill_in_keys(struct keeper *keeper, struct submit *submit)
{
    const struct queue_rules *rules = &submit->command->queue;
    submit->queue_key[0] = submit->dedupe_key[0] = '\0';
    return (rules->key.piece_count == 0 || fill_in_key(keeper, submit, QUEUE_KEY_CONCURRENCY, submit->queue_key)) &&
           (rules->dedupe_key.piece_count == 0 || fill_in_key(keeper, submit, QUEUE_KEY_DEDUPE, submit->dedupe_key));
}
