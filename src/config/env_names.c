#include "env_names.h"

#include <stddef.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/limits.h"

bool env_is_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    bool has_digit_first = name[0] >= '0' && name[0] <= '9';
    return name[0] != '\0' && !has_digit_first && name[strspn(name, letters)] == '\0' && strlen(name) < NAME_MAX_BYTES;
}

static bool is_listed(const char *name, const char *const *globs)
{
    while (*globs != NULL && !text_glob(*globs, name))
        globs++;
    return *globs != NULL;
}

bool env_is_ours(const char *name)
{
    static const char *const globs[] = { "SALLYPORT_*", "TRACEPARENT", "TRACESTATE", NULL };
    return is_listed(name, globs);
}

bool env_is_obeyed(const char *name)
{
    /* clang-format off: groups, not a column */
    static const char *const globs[] = {
        /* the loader and libc: ld.so(8), "secure-execution mode", and what gconv, locales and the resolver read */
        "LD_*",
        "GLIBC_TUNABLES",
        "MALLOC_*",
        "GCONV_PATH",
        "GETCONF_DIR",
        "LOCPATH",
        "NLSPATH",
        "LOCALDOMAIN",
        "HOSTALIASES",
        "RES_OPTIONS",
        "RESOLV_*",
        "TZDIR",
        /* where programs and their settings are looked for */
        "PATH",
        "HOME",
        "SHELL",
        "XDG_CONFIG_*",
        "XDG_DATA_*",
        "CDPATH",
        /* shells */
        "BASH_*",
        "BASHOPTS",
        "SHELLOPTS",
        "ENV",
        "IFS",
        "PS4",
        "PROMPT_COMMAND",
        "ZDOTDIR",
        "FPATH",
        /* interpreters; whole families only where no token or mode of a deployment is named so (NPM_TOKEN, NODE_ENV) */
        "PYTHON*",
        "PERL5*",
        "PERLLIB",
        "RUBYLIB",
        "RUBYOPT",
        "GEM_HOME",
        "GEM_PATH",
        "BUNDLE_GEMFILE",
        "BUNDLE_PATH",
        "BUNDLE_BIN*",
        "BUNDLE_APP_CONFIG",
        "NODE_OPTIONS",
        "NODE_PATH",
        "NODE_REPL_*",
        "NPM_CONFIG_*",
        "npm_config_*",
        "LUA_*",
        "PHPRC",
        "PHP_INI_SCAN_DIR",
        "CLASSPATH",
        "JAVA_HOME",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "AWKPATH",
        "AWKLIBPATH",
        "TCLLIBPATH",
        "GUILE_*",
        "R_PROFILE*",
        "R_ENVIRON*",
        "R_LIBS*",
        "JULIA_*",
        "ERL_*",
        "DOTNET_STARTUP_HOOKS",
        "DOTNET_ROOT",
        "CORECLR_*",
        /* programs that run or obey what these name */
        "GIT_SSH*",
        "GIT_CONFIG*",
        "GIT_EXEC_PATH",
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_*EDITOR",
        "GIT_ASKPASS",
        "GIT_PROXY_COMMAND",
        "GIT_TEMPLATE_DIR",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_*OBJECT_DIR*",
        "SSH_ASKPASS*",
        "SSH_AUTH_SOCK",
        "RSYNC_RSH",
        "CVS_RSH",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "MANPAGER",
        "BROWSER",
        "LESSOPEN",
        "LESSCLOSE",
        "TAR_OPTIONS",
        "MAKEFLAGS",
        "MAKEFILES",
        "GREP_OPTIONS",
        "OPENSSL_*",
        "SSLKEYLOGFILE",
        "KRB5_*",
        "CURL_HOME",
        "WGETRC",
        "PSQLRC",
        "PGSYSCONFDIR",
        "MYSQL_HOME",
        "TERMINFO",
        "TERMINFO_DIRS",
        "TERMCAP",
        NULL,
    };
    /* clang-format on */
    return is_listed(name, globs);
}
