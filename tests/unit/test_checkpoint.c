/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "checkpoint.h"
#include "failmalloc.h"

#define DOMAIN KS_STR("klinik.example")
#define TEXT                                                                                                   \
    "konsil/0 "                                                                                                \
    "checkpoint\nklinik.example\n184233\nERERERERERERERERERERERERERERERERERERERERERE=\nt=1795312800\ncrl=12\n" \
    "min=0\n"

static struct ks_checkpoint base(void)
{
    struct ks_checkpoint checkpoint = { .size = 184233, .t_s = 1795312800, .crl = 12 };

    memset(checkpoint.root.bytes, 0x11, sizeof checkpoint.root.bytes);
    return checkpoint;
}

/* The text with one piece of it replaced by another. */
static const struct {
    const char *name, *piece, *instead;
    enum ks_err want;
} forms[] = {
    { "a checkpoint as it is written is read", "", "", KS_OK },
    { "another purpose is refused", "konsil/0 checkpoint", "konsil/0 checkpoints", KS_ESYNTAX },
    { "another domain's is told apart", "klinik", "klinic", KS_EDENIED },
    { "a domain in other letters is another one", "klinik", "Klinik", KS_EDENIED },
    { "no domain is refused", "klinik.example", "", KS_ESYNTAX },
    { "a domain with a blank is refused", "klinik.example", "klinik.example ", KS_ESYNTAX },
    { "a line that ends as on other systems is refused", "184233\n", "184233\r\n", KS_ESYNTAX },
    { "an empty line is refused", "184233\n", "184233\n\n", KS_ESYNTAX },
    { "a line more is refused", "min=0\n", "min=0\nmax=1\n", KS_ESYNTAX },
    { "a line less is refused", "crl=12\n", "", KS_ESYNTAX },
    { "lines in another order are refused", "t=1795312800\ncrl=12\n", "crl=12\nt=1795312800\n", KS_ESYNTAX },
    { "a line twice is refused", "crl=12\n", "crl=12\ncrl=12\n", KS_ESYNTAX },
    { "a last line without its end is refused", "min=0\n", "min=0", KS_ESYNTAX },
    { "an empty tree is refused", "184233", "0", KS_ESYNTAX },
    { "a size with a zero in front is refused", "184233", "0184233", KS_ESYNTAX },
    { "a size with a sign is refused", "184233", "+184233", KS_ESYNTAX },
    { "a size with a blank is refused", "184233", " 184233", KS_ESYNTAX },
    { "a size in another base is refused", "184233", "0x2cfa9", KS_ESYNTAX },
    { "no size is refused", "184233", "", KS_ESYNTAX },
    { "2^53 - 1 leaves are read", "184233", "9007199254740991", KS_OK },
    { "2^53 are refused", "184233", "9007199254740992", KS_ESYNTAX },
    { "a size beyond 64 bits is refused", "184233", "18446744073709735849", KS_ESYNTAX },
    { "unused bits of base64 that are not zero are refused", "RERE=", "RERF=", KS_ESYNTAX },
    { "base64 without its padding is refused", "RERE=", "RERE", KS_ESYNTAX },
    { "the other alphabet of base64 is refused", "ERER", "-_-_", KS_ESYNTAX },
    { "31 bytes are no root", "RERE=", "REQ==", KS_ESYNTAX },
    { "33 bytes are none", "RERE=", "RERER", KS_ESYNTAX },
    { "a time with a zero in front is refused", "t=1", "t=01", KS_ESYNTAX },
    { "a time behind the year 9999 is refused", "t=1795312800", "t=253402300800", KS_ESYNTAX },
    { "the end of that year is read", "t=1795312800", "t=253402300799", KS_OK },
    { "a time before 1970 is refused", "t=1795312800", "t=-1", KS_ESYNTAX },
    { "a name in other letters is refused", "t=", "T=", KS_ESYNTAX },
    { "number 0 of a list is read", "crl=12", "crl=0", KS_OK },
    { "00 is no number", "crl=12", "crl=00", KS_ESYNTAX },
    { "an envelope version above 2^32 - 1 is refused", "min=0", "min=4294967296", KS_ESYNTAX },
    { "up to there it is read", "min=0", "min=4294967295", KS_OK },
    { "a control character in the domain is refused", "klinik.example", "klinik.example\x01", KS_ESYNTAX },
};

static struct ks_str changed(const char *piece, const char *instead)
{
    static char text[KS_CHECKPOINT_BYTES_MAX + 64];
    const char *at = strstr(TEXT, piece);

    if (!at)
        exit(1);
    return ks_str(
        text, (size_t)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - TEXT), TEXT, instead, at + strlen(piece)));
}

static void test_form(void)
{
    struct ks_checkpoint checkpoint;
    struct ks_str text;

    for (size_t i = 0; i < KS_COUNT(forms); i++)
        check_err(forms[i].name, ks_checkpoint_read(changed(forms[i].piece, forms[i].instead), DOMAIN, &checkpoint),
            forms[i].want);
    size_t cut = 0;
    text = changed("", "");
    for (size_t len = 0; len < text.len; len++)
        cut += ks_checkpoint_read(ks_str_head(text, len), DOMAIN, &checkpoint) == KS_ESYNTAX;
    check_row(cut == text.len, "one that was cut off anywhere is refused", "%zu of %zu", cut, text.len);
    fail_nth(1);
    check_row(
        ks_checkpoint_read(text, DOMAIN, &checkpoint) == KS_OK && !fail_stop(), "reading takes no memory", "it did");
    check_row(ks_checkpoint_read(text, DOMAIN, &checkpoint) == KS_OK && checkpoint.size == 184233
            && checkpoint.t_s == 1795312800 && checkpoint.crl == 12 && checkpoint.envelope_min == 0
            && checkpoint.root.bytes[0] == 0x11 && checkpoint.root.bytes[31] == 0x11,
        "what is read is what stands there", "another");
}

static void test_writer(void)
{
    struct ks_checkpoint checkpoint = base(), again;
    char longest[KS_CHECKPOINT_DOMAIN_MAX + 1];
    struct ks_buf buf;

    ks_buf_init(&buf, KS_CHECKPOINT_BYTES_MAX);
    check_err("PROTOCOL §15.3: it is written", ks_checkpoint_write(&checkpoint, DOMAIN, &buf), KS_OK);
    check_str("as PROTOCOL shows it", ks_buf_str(&buf), KS_STR(TEXT));
    ks_buf_reset(&buf);
    checkpoint.size = 0;
    check_err("an empty tree is not written", ks_checkpoint_write(&checkpoint, DOMAIN, &buf), KS_ESYNTAX);
    checkpoint = base();
    check_err(
        "nor a domain of two lines", ks_checkpoint_write(&checkpoint, KS_STR("klinik.example\n1"), &buf), KS_ESYNTAX);
    memset(longest, 'a', sizeof longest);
    check_err("nor one that is too long", ks_checkpoint_write(&checkpoint, ks_str(longest, sizeof longest), &buf),
        KS_ESYNTAX);
    checkpoint.t_s = -1;
    check_err("nor a time before 1970", ks_checkpoint_write(&checkpoint, DOMAIN, &buf), KS_ESYNTAX);
    check_row(!buf.len, "and of what is refused nothing is written", "%zu", buf.len);
    checkpoint = (struct ks_checkpoint) { KS_MERKLE_SIZE_MAX, { { 0xff } }, KS_CHECKPOINT_TIME_MAX_S,
        KS_CHECKPOINT_CRL_MAX, UINT32_MAX };
    check_err(
        "the largest one fits", ks_checkpoint_write(&checkpoint, ks_str(longest, sizeof longest - 1), &buf), KS_OK);
    check_err("and is read", ks_checkpoint_read(ks_buf_str(&buf), ks_str(longest, sizeof longest - 1), &again), KS_OK);
    ks_buf_done(&buf);
    ks_buf_init(&buf, KS_CHECKPOINT_BYTES_MAX);
    fail_nth(1);
    check_err("without memory it says so", ks_checkpoint_write(&again, DOMAIN, &buf), KS_ENOMEM);
    fail_stop();
    ks_buf_done(&buf);
}

static void test_signature(void)
{
    uint8_t key[KS_P256_PRIVATE_LEN] = { 1, 2, 3 }, other[KS_P256_PRIVATE_LEN] = { 3, 2, 1 };
    struct ks_signed_checkpoint from = { .bytes = KS_STR(TEXT) }, wrong;
    struct ks_checkpoint checkpoint;
    char text[sizeof TEXT];
    size_t refused = 0;

    if (ks_p256_public(key, from.signer) != KS_OK)
        exit(1);
    ks_checkpoint_sign(key, from.bytes, from.signature);
    check_err("PROTOCOL §15.3: signed by the key, it is opened", ks_checkpoint_open(&from, DOMAIN, &checkpoint), KS_OK);
    check_err("not for another domain", ks_checkpoint_open(&from, KS_STR("praxis.example"), &checkpoint), KS_EDENIED);
    wrong = from;
    if (ks_p256_public(other, wrong.signer) != KS_OK)
        exit(1);
    check_err("not with another key", ks_checkpoint_open(&wrong, DOMAIN, &checkpoint), KS_ECRYPTO);
    wrong = from;
    wrong.signer[1] ^= 1;
    check_err("not with what is no key", ks_checkpoint_open(&wrong, DOMAIN, &checkpoint), KS_ECRYPTO);
    for (size_t i = 0; i < sizeof from.signature; i++) {
        wrong = from;
        wrong.signature[i] ^= 1;
        refused += ks_checkpoint_open(&wrong, DOMAIN, &checkpoint) == KS_ECRYPTO;
    }
    check_row(refused == sizeof from.signature, "not with any byte of the signature changed", "%zu", refused);
    memcpy(text, TEXT, sizeof text);
    wrong = from;
    wrong.bytes = ks_str(text, sizeof text - 1);
    refused = 0;
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        text[i] ^= 1;
        refused += ks_checkpoint_open(&wrong, DOMAIN, &checkpoint) != KS_OK;
        text[i] ^= 1;
    }
    check_row(refused == sizeof text - 1, "nor with any byte of the text changed", "%zu", refused);
    check_err("the text as it was is opened", ks_checkpoint_open(&wrong, DOMAIN, &checkpoint), KS_OK);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_form();
    test_writer();
    test_signature();
    return check_done();
}
