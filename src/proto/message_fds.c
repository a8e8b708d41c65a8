/* How many descriptors come with each message (messages.c). */
#include "sallyport/proto/messages.h"

/* A row that is missing takes none. */
const struct fd_range message_fds[MSG_COUNT] = {
    [MSG_STATE_DIR] = { 1, 1 },    [MSG_DOORBELL] = { 1, 1 },       [MSG_LISTENER] = { 1, 1 },
    [MSG_CGROUP] = { 1, 1 },       [MSG_START_RECORD] = { 1, 1 },   [MSG_SLOT] = { 1, 1 },
    [MSG_SLOT_ROOT] = { 1, 1 },    [MSG_SETTINGS] = { 1, 1 },       [MSG_POLICY] = { 1, 1 },
    [MSG_PEER] = { 1, 1 },         [MSG_WHOAMI] = { 0, 1 },         [MSG_LIST_COMMANDS] = { 0, 1 },
    [MSG_SUBMIT] = { 0, 3 },       [MSG_READ_JOB] = { 0, 1 },       [MSG_READ_OUTPUT] = { 0, 1 },
    [MSG_LIST_JOBS] = { 0, 1 },    [MSG_LIST_STEPS] = { 0, 1 },     [MSG_LIST_SCHEDULES] = { 0, 1 },
    [MSG_CANCEL] = { 0, 1 },       [MSG_SIGNAL] = { 0, 1 },         [MSG_OUTPUT] = { 2, 2 },
    [MSG_LAUNCH] = { 0, 2 },       [MSG_LAUNCHED] = { 2, 5 },       [MSG_READ_METRICS] = { 0, 1 },
    [MSG_METRICS] = { 1, 1 },      [MSG_FOLLOW] = { 0, 1 },         [MSG_RELOAD] = { 0, 1 },
    [MSG_DRAIN] = { 0, 1 },        [MSG_READ_DRAIN] = { 0, 1 },     [MSG_PAUSE] = { 0, 1 },
    [MSG_DELIVER] = { 1, 1 },      [MSG_LIST_CALLBACKS] = { 0, 1 }, [MSG_REDELIVER] = { 0, 1 },
    [MSG_LIST_CALLERS] = { 0, 1 }, [MSG_STDIN] = { 0, 2 },          [MSG_READ_ARTIFACTS] = { 0, 1 },
    [MSG_ARTIFACTS] = { 0, 2 },    [MSG_LOGIN] = { 0, 0 },          [MSG_READ_SESSION] = { 0, 1 },
    [MSG_LOGOUT] = { 0, 1 },       [MSG_CALL] = { 0, 3 },           [MSG_HOOK] = { 1, 1 },
    [MSG_LIST_HOOKS] = { 0, 1 },   [MSG_HOOK_REDELIVER] = { 0, 1 }, [MSG_LIST_HOOK_DELIVERIES] = { 0, 1 },
};
