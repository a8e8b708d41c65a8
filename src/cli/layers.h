/* Which layers of the sandbox the jobs of a private server had. */
#pragma once

struct cli;

/* Says it on stderr: each job lacked what the host could not give and `degrade:` accepts. A sequence's steps are jobs, too. */
void layers_say(const struct cli *cli);
