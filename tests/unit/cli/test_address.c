#include "address.h"

#include <criterion/criterion.h>
#include <string.h>

#include "credentials.h"
#include "sallyport/base/error.h"

Test(address, knows_what_is_this_host_and_what_is_encrypted)
{
    static const struct {
        const char *url, *base, *socket;
        bool is_loopback, is_https;
    } rows[] = {
        { "http://127.0.0.1:8417", "http://127.0.0.1:8417", "", true, false },
        { "http://127.9.9.9/", "http://127.9.9.9", "", true, false },
        { "http://localhost:1/", "http://localhost:1", "", true, false },
        { "http://[::1]:8417/prefix/", "http://[::1]:8417/prefix", "", true, false },
        { "https://ci.example.org", "https://ci.example.org", "", false, true },
        { "http://10.0.0.5:8417", "http://10.0.0.5:8417", "", false, false },
        { "http://localhost.example.org", "http://localhost.example.org", "", false, false },
        { "http://127.0.0.1.example.org", "http://127.0.0.1.example.org", "", false, false },
        { "unix:/run/x.sock", "http://localhost", "/run/x.sock", true, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address address;
        struct error err = { 0 };
        cr_assert_eq(address_parse(rows[i].url, &address, &err), 0, "%s: %s", rows[i].url, err.text);
        cr_expect_str_eq(address.base, rows[i].base);
        cr_expect_str_eq(address.socket, rows[i].socket);
        cr_expect_eq(address.is_loopback, rows[i].is_loopback, "%s", rows[i].url);
        cr_expect_eq(address.is_https, rows[i].is_https, "%s", rows[i].url);
    }
}

Test(address, refuses_what_would_go_somewhere_else)
{
    static const char *const rows[] = { "",
                                        "127.0.0.1:8417",
                                        "ftp://127.0.0.1",
                                        "file:///etc/passwd",
                                        "http://user:pw@127.0.0.1",
                                        "http://user@127.0.0.1",
                                        "http://127.0.0.1/?a=b",
                                        "http://127.0.0.1/#x",
                                        "unix:relative.sock",
                                        "http://",
                                        "unix:" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address address;
        struct error err = { 0 };
        cr_expect_lt(address_parse(rows[i], &address, &err), 0, "%s", rows[i]);
        cr_expect_neq(err.text[0], '\0');
    }
}

Test(credentials, of_one_server_are_not_given_to_another)
{
    char token[SECRET_MAX_BYTES + 1];
    const char *text = "# mine\nhttps://a sp_a\nhttps://b sp_b\n";
    cr_expect(credentials_pick(text, "https://b", token));
    cr_expect_str_eq(token, "sp_b");
    cr_expect_not(credentials_pick(text, "https://c", token));
    cr_expect(credentials_pick("https://a sp_a\n sp_any \n", "https://c", token));
    cr_expect_str_eq(token, "sp_any");
    cr_expect_not(credentials_pick("", "https://c", token));
    cr_expect_not(credentials_pick("sp_\x01\n", "https://c", token));
}
