/* What a certificate says of its holder, as lines that nobody can forge. The faults of files are in config/test_config_tls. */
#include <criterion/criterion.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "sallyport/base/certificate.h"
#include "sallyport/limits.h"

static char said[CLAIMS_MAX_BYTES + 1];

static void add_name(GENERAL_NAMES *names, int type, const char *text, int size)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    ASN1_STRING_set(value, text, size);
    GENERAL_NAME_set0_value(name, type, value);
    sk_GENERAL_NAME_push(names, name);
}

static X509 *certificate_with(GENERAL_NAMES *names, const char *common_name)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"Example, Inc", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    if (sk_GENERAL_NAME_num(names) > 0)
        cr_assert_eq(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0), 1);
    GENERAL_NAMES_free(names);
    return certificate;
}

static const char *claims_of(X509 *certificate, size_t room)
{
    size_t size = certificate_claims(certificate, said, room);
    cr_assert_leq(size, room);
    said[size] = '\0';
    cr_expect_eq(strlen(said), size);
    X509_free(certificate);
    return said;
}

Test(certificate, says_its_names_line_by_line)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    add_name(names, GEN_EMAIL, "ops@example.org", 15);
    add_name(names, GEN_DNS, "ci.example", 10);
    add_name(names, GEN_URI, "spiffe://example/ci", 19);
    cr_expect_str_eq(claims_of(certificate_with(names, "ci"), CLAIMS_MAX_BYTES),
                     "email:ops@example.org\ndns:ci.example\nuri:spiffe://example/ci\nsubject:CN=ci,O=Example\\, Inc");
    cr_expect_str_eq(claims_of(certificate_with(GENERAL_NAMES_new(), "ci"), CLAIMS_MAX_BYTES),
                     "subject:CN=ci,O=Example\\, Inc");
}

Test(certificate, cannot_pass_off_a_part_of_a_name_as_another)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    add_name(names, GEN_DNS, "x\ndns:ci.example", 16);
    add_name(names, GEN_DNS, "ci.example\0.evil.example", 24);
    add_name(names, GEN_URI, "caf\xc3\xa9", 5);
    add_name(names, GEN_DNS, "", 0);
    cr_expect_str_eq(claims_of(certificate_with(names, "a\nb"), CLAIMS_MAX_BYTES),
                     "subject:CN=a\\0Ab,O=Example\\, Inc");
}

Test(certificate, says_no_more_than_there_is_room_for)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    char longest[CLAIM_MAX_BYTES - 4];
    memset(longest, 'a', sizeof longest);
    add_name(names, GEN_DNS, longest, sizeof longest);
    add_name(names, GEN_DNS, longest, sizeof longest - 1);
    cr_expect_eq(strlen(claims_of(certificate_with(names, "ci"), CLAIM_MAX_BYTES + 10)), CLAIM_MAX_BYTES - 1);
    names = GENERAL_NAMES_new();
    for (int i = 0; i < 2 * CLAIM_COUNT_MAX; i++)
        add_name(names, GEN_DNS, "ci", 2);
    cr_expect_eq(strlen(claims_of(certificate_with(names, "ci"), CLAIMS_MAX_BYTES)), CLAIM_COUNT_MAX * 7 - 1);
}
