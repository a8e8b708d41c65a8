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
    static const char *const globs[] = {
        /* the loader and libc: ld.so(8), "secure-execution mode", and what gconv, iconv and the resolver read */
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
        "TMPDIR",
        /* where programs and their settings are looked for */
        "PATH",
        "HOME",
        "SHELL",
        "XDG_*",
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
        /* interpreters */
        "PYTHON*",
        "PERL5*",
        "PERLLIB",
        "PERL_*",
        "RUBYLIB",
        "RUBYOPT",
        "GEM_*",
        "BUNDLE_*",
        "NODE_*",
        "NPM_*",
        "LUA_*",
        "PHPRC",
        "PHP_*",
        "CLASSPATH",
        "JAVA_*",
        "_JAVA_*",
        "JDK_JAVA_*",
        "AWKPATH",
        "AWKLIBPATH",
        "TCLLIBPATH",
        "GUILE_*",
        "R_*",
        "JULIA_*",
        "ERL_*",
        "DOTNET_*",
        "CORECLR_*",
        /* programs that run what these name */
        "GIT_*",
        "SSH_*",
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
    return is_listed(name, globs);
}
