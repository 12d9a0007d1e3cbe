/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "client_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/stat.h>

struct asking {
    const char *passphrase;
    bool asked;
};

static int give_passphrase(char *text, int cap, int writing, void *user)
{
    struct asking *asking = user;
    size_t len = asking->passphrase ? strlen(asking->passphrase) : 0;

    (void)writing;
    asking->asked = true;
    if (len > (size_t)cap)
        return -1;
    memcpy(text, asking->passphrase ? asking->passphrase : "", len);
    return asking->passphrase ? (int)len : -1;
}

static enum ks_err use_pem(
    SSL_CTX *context, const struct ks_client_key_files *files, struct asking *asking, const char *key_path)
{
    BIO *file = BIO_new_file(key_path, "r");
    EVP_PKEY *key = NULL;
    enum ks_err err = file ? KS_OK : KS_EIO;

    if (err == KS_OK && !(key = PEM_read_bio_PrivateKey(file, NULL, give_passphrase, asking)))
        err = asking->asked ? KS_EDENIED : KS_ECRYPTO;
    if (err == KS_OK
        && (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1
            || SSL_CTX_use_PrivateKey(context, key) != 1))
        err = KS_ECRYPTO;
    EVP_PKEY_free(key);
    BIO_free(file);
    return err;
}

/* A file of PKCS#12 without a passphrase has an empty one, or none: both are in use. */
static enum ks_err unlock(PKCS12 *bag, struct asking *asking)
{
    if (PKCS12_verify_mac(bag, NULL, 0) == 1 || PKCS12_verify_mac(bag, "", 0) == 1) {
        asking->passphrase = PKCS12_verify_mac(bag, NULL, 0) == 1 ? NULL : "";
        return KS_OK;
    }
    asking->asked = true;
    return asking->passphrase && PKCS12_verify_mac(bag, asking->passphrase, -1) == 1 ? KS_OK : KS_EDENIED;
}

static enum ks_err use_bag(SSL_CTX *context, PKCS12 *bag, struct asking *asking)
{
    STACK_OF(X509) *above = NULL;
    EVP_PKEY *key = NULL;
    X509 *own = NULL;
    enum ks_err err = unlock(bag, asking);

    if (err == KS_OK
        && (PKCS12_parse(bag, asking->passphrase, &key, &own, &above) != 1 || !own || !key
            || SSL_CTX_use_cert_and_key(context, own, key, above, 1) != 1))
        err = KS_ECRYPTO;
    sk_X509_pop_free(above, X509_free);
    EVP_PKEY_free(key);
    X509_free(own);
    return err;
}

static bool is_open(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO);
}

enum ks_err ks_client_key_use(
    SSL_CTX *context, const struct ks_client_key_files *files, const char *passphrase, bool *ret_open)
{
    const char *key_path = files->key ? files->key : files->certificate;
    struct asking asking = { .passphrase = passphrase };
    BIO *file = BIO_new_file(files->certificate, "r");
    PKCS12 *bag = file && !files->key ? d2i_PKCS12_bio(file, NULL) : NULL;
    enum ks_err err = KS_EIO;

    if (file)
        err = bag ? use_bag(context, bag, &asking) : use_pem(context, files, &asking, key_path);
    if (err == KS_OK && SSL_CTX_check_private_key(context) != 1)
        err = KS_ECRYPTO;
    *ret_open = !asking.asked && is_open(key_path);
    PKCS12_free(bag);
    BIO_free(file);
    ERR_clear_error();
    return err;
}
