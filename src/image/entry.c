#include "sallyport/image/entry.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static int fail_name(struct error *err, int code, const char *name, const char *why)
{
    char shown[128];
    text_quote_json(name, strlen(name), shown, sizeof shown);
    return fail_plain(err, code, "the entry '%s' %s", shown, why);
}

/* One step of the path, added to `path`. */
static const char *add_step(char *path, const char *step, size_t length)
{
    size_t used = strlen(path);
    if (length == 2 && step[0] == '.' && step[1] == '.')
        return "has a step '..'";
    if (length > IMAGE_NAME_MAX_BYTES || used + length + 2 > PATH_MAX_BYTES)
        return "has too long a name";
    if (used > 0)
        path[used++] = '/';
    memcpy(path + used, step, length);
    path[used + length] = '\0';
    return NULL;
}

/* "./a//b/" becomes "a/b"; "./" and "/" become "". */
static int shorten(const char *name, char path[PATH_MAX_BYTES], struct error *err)
{
    unsigned depth = 0;
    path[0] = '\0';
    if (name == NULL || name[0] == '\0')
        return fail_plain(err, EPERM, "an entry has no name");
    if (name[0] == '/' && name[1] != '\0') /* "/" alone, the root itself, is umoci's */
        return fail_name(err, EPERM, name, "has an absolute name");
    if (has_control(name) || !text_is_utf8(name, strlen(name)))
        return fail_name(err, EPERM, name, "has a control character in its name, or is no UTF-8");
    for (const char *step = name, *end; *step != '\0'; step = *end == '/' ? end + 1 : end) {
        end = strchrnul(step, '/');
        size_t length = (size_t)(end - step);
        if (length == 0 || (length == 1 && step[0] == '.'))
            continue;
        const char *why = add_step(path, step, length);
        if (why != NULL)
            return fail_name(err, EPERM, name, why);
        if (++depth > IMAGE_DEPTH_MAX)
            return fail_name(err, ENAMETOOLONG, name, "lies too deep");
    }
    return 0;
}

/* What stands in a layer for the absence of something below it. */
static int judge_whiteout(struct entry_judged *judged, char *name, struct error *err)
{
    if (strcmp(name, OPAQUE) == 0) {
        judged->deed = ENTRY_REMOVE_BELOW;
        if (name > judged->path)
            name--; /* the slash */
        *name = '\0';
        return 0;
    }
    const char *hidden = name + strlen(WHITEOUT);
    if (strncmp(hidden, WHITEOUT, strlen(WHITEOUT)) == 0 || hidden[0] == '\0' || strcmp(hidden, ".") == 0 ||
        strcmp(hidden, "..") == 0)
        return fail_name(err, EPERM, judged->path, "is a mark of removal that means nothing");
    judged->deed = ENTRY_REMOVE;
    memmove(name, hidden, strlen(hidden) + 1);
    return 0;
}

static bool is_never_seen(const char *path)
{
    static const char *const trees[] = { "dev", "proc", "sys" };
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
        size_t length = strlen(trees[i]);
        if (strncmp(path, trees[i], length) == 0 && (path[length] == '\0' || path[length] == '/'))
            return true;
    }
    return false;
}

static int judge_kind(const struct entry_claim *claim, struct entry_judged *judged, struct error *err)
{
    if (claim->hardlink != NULL) {
        int done = shorten(claim->hardlink, judged->hardlink, err);
        if (done < 0)
            return done;
        return judged->hardlink[0] != '\0' ? 0 : fail_name(err, EPERM, judged->path, "is a link to the root");
    }
    if (S_ISLNK(claim->type)) {
        if (claim->symlink == NULL || claim->symlink[0] == '\0' || strlen(claim->symlink) >= PATH_MAX_BYTES ||
            has_control(claim->symlink) || !text_is_utf8(claim->symlink, strlen(claim->symlink)))
            return fail_name(err, EPERM, judged->path, "is a link whose target is no text that a link may have");
        return 0;
    }
    if (!S_ISREG(claim->type) && !S_ISDIR(claim->type))
        return fail_name(err, EPERM, judged->path, "is a device, pipe or socket, which no image may bring");
    if (S_ISREG(claim->type) && (claim->size < 0 || (uint64_t)claim->size > IMAGE_BYTES_MAX))
        return fail_name(err, EFBIG, judged->path, "is larger than a whole image may be");
    return 0;
}

int entry_judge(const struct entry_claim *claim, struct entry_judged *ret_judged, struct error *err)
{
    *ret_judged = (struct entry_judged){ .deed = ENTRY_MAKE };
    int done = shorten(claim->path, ret_judged->path, err);
    if (done < 0)
        return done;
    char *slash = strrchr(ret_judged->path, '/');
    char *name = slash != NULL ? slash + 1 : ret_judged->path;
    /* A step that looks like a mark of removal would be one to others who read the image. */
    const char *mark = strstr(ret_judged->path, WHITEOUT);
    for (; mark != NULL && mark != name; mark = strstr(mark + 1, WHITEOUT))
        if ((mark == ret_judged->path || mark[-1] == '/') && strchr(mark, '/') != NULL)
            return fail_name(err, EPERM, ret_judged->path, "lies below a mark of removal");
    if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0)
        return judge_whiteout(ret_judged, name, err);
    if (ret_judged->path[0] == '\0') {
        ret_judged->deed = ENTRY_NOTHING;
        return S_ISDIR(claim->type) ? 0 : fail_plain(err, EPERM, "the entry of the root is no directory");
    }
    if (is_never_seen(ret_judged->path)) {
        ret_judged->deed = ENTRY_NOTHING;
        return 0;
    }
    return judge_kind(claim, ret_judged, err);
}

mode_t entry_mode(mode_t type, mode_t mode)
{
    return (mode & 0755) | (S_ISDIR(type) ? 0700 : 0400);
}
