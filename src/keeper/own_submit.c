#include "own_submit.h"

#include "authorize.h"
#include "keeper_answer.h"
#include "sallyport/base/text.h"

static enum identity_kind kind_of(uint8_t via)
{
    static const enum identity_kind kinds[EVIDENCE_COUNT] = {
        [EVIDENCE_BEARER] = IDENTITY_TOKEN,
        [EVIDENCE_PEER] = IDENTITY_PEER,
        [EVIDENCE_CERTIFICATE] = IDENTITY_CERTIFICATE,
        [EVIDENCE_SESSION] = IDENTITY_USER,
        [EVIDENCE_LISTENER] = IDENTITY_LISTENER,
        [EVIDENCE_HOOK] = IDENTITY_HOOK,
    };
    return via < EVIDENCE_COUNT && kinds[via] != IDENTITY_NONE ? kinds[via] : IDENTITY_SERVICE;
}

struct caller caller_for(const char *name, uint8_t via, const char *command, struct setting_scope *scope)
{
    *scope = (struct setting_scope){ .kind = SCOPE_RUN };
    text_copy(scope->glob, sizeof scope->glob, command); /* a name holds no `*` */
    struct caller who = { .kind = kind_of(via), .scopes = scope, .scope_count = 1 };
    text_copy(who.name, sizeof who.name, name);
    return who;
}

void submit_own(struct keeper *keeper, struct own_submit *own, const struct caller *who, const struct msg_submit *asked)
{
    static struct message message; /* large, and one at a time: nothing of it is used after the answer */
    const struct request request = { .type = MSG_SUBMIT,
                                     .evidence = &message.body.submit.evidence,
                                     .who = who,
                                     .stdin_fd = -1,
                                     .files_fd = -1,
                                     .own = own };
    message.type = MSG_SUBMIT;
    message.body.submit = *asked;
    message.body.submit.evidence = (struct evidence){ 0 };
    if (own->address != NULL)
        text_copy(message.body.submit.evidence.address, ADDRESS_MAX_BYTES, own->address);
    message.body.submit.has_stdin = message.body.submit.has_files = false;
    answer_submit(keeper, &request, &message);
}
