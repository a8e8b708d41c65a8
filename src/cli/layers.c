#include "layers.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "sallyport/base/error.h"
#include "say.h"

#define JOBS_MOST 200

void layers_say(const struct cli *cli)
{
    struct error err;
    json_t *jobs = NULL, *lacked = json_object();
    if (list_ask(cli->client, "/v1/jobs", JOBS_MOST, &jobs, &err) < 0) {
        say("which layers were in effect is not known: %s", err.text);
        json_decref(lacked);
        return;
    }
    const json_t *job, *name;
    size_t index, place;
    bool has_launched = false;
    json_array_foreach(jobs, index, job)
    {
        has_launched = has_launched || json_is_string(json_object_get(job, "started_at"));
        json_array_foreach(json_object_get(job, "degraded"), place, name)
            json_object_set_new(lacked, json_string_value(name), json_true());
    }
    char text[256] = "";
    const char *key;
    json_t *value;
    json_object_foreach(lacked, key, value)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] == '\0' ? "" : ", ", key);
    if (text[0] != '\0')
        say("the sandbox was weaker, as degrade: accepts: without %s", text);
    else if (has_launched)
        say_dim("every layer and every limit of the sandbox was in effect");
    json_decref(jobs);
    json_decref(lacked);
}
