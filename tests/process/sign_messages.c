/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A hospital's signed messages as files, for tests of konsil verify:
 *
 *     sign_messages DIRECTORY
 *
 * makes root.pem and other.pem (another hospital's), order.p7m, its content order.txt, ack.p7m, which refers to it and
 * has a file, forged.p7m (in somebody else's name); lists of revoked certificates: empty.crl, old.crl (of before),
 * before.crl, after.crl (the device revoked before and after the order), other.crl; and checkpoints: log.checkpoint,
 * which the order names, lie.checkpoint (another root), late.checkpoint (an hour younger than the order),
 * other.checkpoint (not signed by one who may). Everything is of 2026-11-22. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdio.h>

#include "../unit/clinic.h"
#include "authority_file.h"
#include "checkpoint_file.h"
#include "cms.h"

static const char *directory;

static const char *path_of(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put_file(const char *name, struct ks_str bytes)
{
    FILE *file = fopen(path_of(name), "wb");

    must(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len && fclose(file) == 0 ? KS_OK : KS_EIO, name);
}

static struct ks_str put_message(const char *name, const struct member *m, const struct ks_clinical *clinical)
{
    struct ks_cms cms = { .content = written(clinical), .chain = { m->chain[0], m->chain[1] }, .count = 2 };
    struct ks_str der;

    ks_clinical_sign(m->secret, cms.content, cms.signature);
    must(ks_cms_write(&arena, &cms, &der), "a file");
    put_file(name, der);
    return cms.content;
}

static void put_list(const char *name, const struct clinic *c, const struct member *m, int64_t made_s, int64_t since_s)
{
    const struct ks_crl_facts facts = { .number = 1, .size = 17, .validity = { made_s, made_s + 7 * DAY } };
    struct ks_revoked revoked = { .since_s = since_s };
    enum ks_cert_verdict verdict;
    struct ks_device_cert read;
    struct ks_str crl;

    must(ks_device_chain_check(&arena, m->chain, 2, c->root, NOW, &read, &verdict), "a certificate");
    revoked.serial = read.serial;
    must(ks_authority_crl(&arena, c->issuing, c->below, &revoked, since_s ? 1 : 0, &facts, &crl), "a list");
    put_file(name, crl);
}

/* by: whose root lets its signer sign. */
static void put_checkpoint(const char *name, const struct clinic *by, int64_t t_s, uint8_t root)
{
    const struct ks_authority_names names = { "Klinikum Beispiel", "Zulassung", { "klinik.example" }, 1 };
    const struct ks_validity year = { NOW - DAY, NOW + 365 * DAY };
    struct ks_checkpoint checkpoint = { .size = 17, .t_s = t_s };
    struct ks_signed_checkpoint made;
    uint8_t secret[KS_P256_PRIVATE_LEN];
    EVP_PKEY *key = ks_authority_key();
    BIGNUM *number = NULL;
    struct ks_buf bytes, file;
    struct ks_str signer;

    memset(checkpoint.root.bytes, root, sizeof checkpoint.root.bytes);
    must(key && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number)
                && BN_bn2binpad(number, secret, sizeof secret) == sizeof secret
            ? KS_OK
            : KS_ENOMEM,
        "a key");
    must(ks_signer_issue(&arena, by->root, by->top, key, &names, "zulassung@klinik.example", &year, &signer),
        "a signer");
    ks_buf_init(&bytes, KS_CHECKPOINT_BYTES_MAX);
    ks_buf_init(&file, KS_CHECKPOINT_FILE_MAX);
    must(ks_checkpoint_write(&checkpoint, KS_STR("klinik.example"), &bytes), "a checkpoint");
    made.bytes = ks_buf_str(&bytes);
    ks_checkpoint_sign(secret, made.bytes, made.signature);
    ks_checkpoint_file_write(&made, signer, &file);
    must(ks_buf_err(&file), "a file");
    put_file(name, ks_buf_str(&file));
    ks_buf_done(&file);
    ks_buf_done(&bytes);
    BN_clear_free(number);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    struct clinic clinic, other;
    struct member jana, jonas;
    struct ks_clinical order, ack, forged;
    struct ks_clinical_file file = { .size = 48213, .type = KS_STR("image/jpeg") };
    struct ks_clinical_ref ref;
    struct ks_str content;

    if (argc != 2)
        return 64;
    directory = argv[1];
    must(ks_crypto_init(), "cryptography");
    ks_arena_init(&arena, 8u << 20);
    ks_prng_init_number(&chance, 20);
    clinic = new_clinic("klinik.example");
    other = new_clinic("klinik.example");
    jana = new_member(&clinic, ANNA, "Dr. Jana Brandt", "Kardiologie");
    jonas = new_member(&clinic, JONAS, "Jonas Weber", "Station 3");
    must(ks_certificate_write(path_of("root.pem"), clinic.root), "root.pem");
    must(ks_certificate_write(path_of("other.pem"), other.root), "other.pem");
    order = an_order();
    content = put_message("order.p7m", &jana, &order);
    put_file("order.txt", content);
    ref.id = order.id;
    ks_hash(KS_SHA256, content, ref.sha256);
    ks_hash(KS_SHA256, KS_STR("a photo"), file.sha256);
    ack = an_order();
    ack.type = KS_CLINICAL_ACK;
    ack.id = KS_STR("fedcba9876543210fedcba9876543210");
    ack.jid = KS_STR(JONAS);
    ack.name = KS_STR("Jonas Weber");
    ack.dept = KS_STR("Station 3");
    ack.to = (struct ks_str[]) { KS_STR_INIT(ANNA), KS_STR_INIT("r-visite@rooms.klinik.example") };
    ack.to_count = 2;
    ack.text = KS_STR_EMPTY;
    ack.time_ms += 90500;
    ack.refs = &ref;
    ack.files = &file;
    ack.ref_count = ack.file_count = 1;
    (void)put_message("ack.p7m", &jonas, &ack);
    forged = an_order();
    (void)put_message("forged.p7m", &jonas, &forged);
    put_list("empty.crl", &clinic, &jana, NOW + DAY, 0);
    put_list("old.crl", &clinic, &jana, NOW - 3600, 0);
    put_list("before.crl", &clinic, &jana, NOW + DAY, NOW - 1800);
    put_list("after.crl", &clinic, &jana, NOW + DAY, NOW + 1800);
    put_list("other.crl", &other, &jana, NOW + DAY, 0);
    put_checkpoint("log.checkpoint", &clinic, NOW - 600, 0x11);
    put_checkpoint("lie.checkpoint", &clinic, NOW - 600, 0x22);
    put_checkpoint("late.checkpoint", &clinic, NOW + 3600, 0x11);
    put_checkpoint("other.checkpoint", &other, NOW - 600, 0x11);
    clinic_done(&other);
    clinic_done(&clinic);
    ks_arena_done(&arena);
    return 0;
}
