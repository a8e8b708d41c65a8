#include "words.h"

#include <stddef.h>
#include <string.h>

#include "sallyport/filter/filter.h"
#include "sallyport/hook/scheme.h"
#include "sallyport/job/job.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/settings.h"
#include "sallyport/schedule/timing.h"

#define WORDS(function, ...)                                                                                           \
    const char *function(unsigned index)                                                                               \
    {                                                                                                                  \
        static const char *const words[] = { __VA_ARGS__ };                                                            \
        return index < sizeof words / sizeof words[0] ? words[index] : NULL;                                           \
    }

WORDS(word_sync, "full", "normal")
WORDS(word_network, "none", "host")
WORDS(word_mode, "async", "sync")
WORDS(word_stdin, "none", "body", "stream")
WORDS(word_hook_algorithm, "sha256", "sha512")
WORDS(word_hook_encoding, "hex", "base64")
WORDS(word_record, "full", "metadata-only")
WORDS(word_when_full, [OUTPUT_KILL] = "kill", [OUTPUT_DISCARD] = "discard")
WORDS(word_missed, [MISSED_SKIP] = "skip", [MISSED_RUN_ONCE] = "run-once", [MISSED_RUN_ALL] = "run-all")
WORDS(word_when_busy, [FULL_QUEUE] = "queue", [FULL_REJECT] = "reject", [FULL_REPLACE] = "replace",
      [FULL_COALESCE] = "coalesce")
WORDS(word_method, "GET", "POST", "PUT", "PATCH", "DELETE")
WORDS(word_response, [RESPONSE_RAW] = "raw", [RESPONSE_JSON] = "json", [RESPONSE_CGI] = "cgi")
WORDS(word_on_disconnect, "continue", "cancel")
WORDS(word_param_type, [PARAM_NONE] = "", [PARAM_STRING] = "string", [PARAM_INT] = "int", [PARAM_NUMBER] = "number",
      [PARAM_BOOL] = "bool", [PARAM_ENUM] = "enum", [PARAM_LIST] = "list", [PARAM_SECRET] = "secret",
      [PARAM_FILE] = "file")

const char *word_hook_preset(unsigned index)
{
    const struct hook_scheme *scheme = hook_scheme_at(index);
    return scheme != NULL ? scheme->preset : NULL;
}

const char *word_item_type(unsigned index)
{
    return index < PARAM_LIST ? word_param_type(index) : NULL;
}

const char *word_profile(unsigned index)
{
    for (unsigned i = 0; i < index; i++)
        if (profile_names[i] == NULL)
            return NULL;
    return profile_names[index];
}

const char *word_degrade(unsigned index)
{
    return index < DEGRADE_COUNT ? job_degrade_text(index) : NULL;
}

/* Signals 1 to 31, named as kill(1) does; bit n-1 stands for signal n. */
const char *word_signal(unsigned index)
{
    return index < 31 ? sigabbrev_np((int)index + 1) : NULL;
}

#if SALLYPORT_TEST_SWITCHES
/* In the order of enum cell_layer's bits (cell/plan.h); a unit test compares. */
WORDS(word_layer, "seccomp", "landlock", "caps", "nnp", "net", "ipc", "uts", "fds", "rlimits", "proc", "tmp", "keyring",
      "mdwe", "identity", "collect")
#endif
