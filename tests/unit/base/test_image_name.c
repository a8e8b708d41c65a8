#include "sallyport/base/image_name.h"

#include <criterion/criterion.h>
#include <string.h>

#define DIGEST      "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_DIGEST "a@" DIGEST "0"

Test(image_name, has_one_spelling_for_all_that_mean_the_same)
{
    static const char *const spellings[][2] = {
        { "hello", "docker.io/library/hello:latest" },
        { "hello:1", "docker.io/library/hello:1" },
        { "acme/hello", "docker.io/acme/hello:latest" },
        { "docker.io/hello", "docker.io/library/hello:latest" },
        { "index.docker.io/acme/hello:1", "docker.io/acme/hello:1" },
        { "quay.io/hello", "quay.io/hello:latest" },
        { "localhost/hello", "localhost/hello:latest" },
        { "localhost:5000/hello", "localhost:5000/hello:latest" },
        { "127.0.0.1:5000/a/b/c:T_1.x-", "127.0.0.1:5000/a/b/c:T_1.x-" },
        { "MyHost/hello", "MyHost/hello:latest" },
        { "hello@" DIGEST, "docker.io/library/hello@" DIGEST },
        { "hello:1@" DIGEST, "docker.io/library/hello@" DIGEST },
        { "a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest" },
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        char name[CALLED_MAX_BYTES] = "", again[CALLED_MAX_BYTES] = "";
        cr_expect(image_name_spell(spellings[i][0], name), "%s", spellings[i][0]);
        cr_expect_str_eq(name, spellings[i][1]);
        cr_expect(image_name_spell(name, again), "%s", name);
        cr_expect_str_eq(again, name);
    }
}

Test(image_name, is_none_of_these)
{
    static const char *const wrong[] = {
        "",         ":1",       "/a",           "a/",        "a//b",     "Hello",    "acme/Hello", "-a",
        "a-",       "a..b",     "a___b",        "a:",        "a:1:2",    "a:-1",     "a@sha256:0", LONG_DIGEST,
        "http://a", "a b",      "a\nb",         "../a",      "host:x/a", "host:/a",  ":80/a",      "host:123456/a",
        "u@host/a", "a/b/../c", "[::1]:5000/a", "-host.x/a", "host.x/",  "a@md5:00", "\303\251",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char name[CALLED_MAX_BYTES] = "";
        cr_expect_not(image_name_spell(wrong[i], name), "%s is %s", wrong[i], name);
    }
}

Test(image_name, has_room_or_is_none)
{
    char text[CALLED_MAX_BYTES + 8], name[CALLED_MAX_BYTES];
    memset(text, 'a', sizeof text);
    for (size_t size = 1; size < sizeof text; size++) {
        text[size] = '\0';
        bool fits = size + strlen("docker.io/library/:latest") < CALLED_MAX_BYTES;
        cr_expect_eq(image_name_spell(text, name), fits, "%zu", size);
        text[size] = 'a';
    }
}
