/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A device that lost everything, for tests of konsilctl recover: with the authority in a directory of konsilctl ca
 * issuing it makes itself a certificate, an account's key ring of before, and a request; and puts parts together.
 *
 *     recover_device ask DIRECTORY PUBLIC REQUEST STATE [eve]    eve: with anna's slot in her own ring
 *     recover_device open PUBLIC REQUEST STATE PART…             says whether they open the account's key */
#include "../unit/recover_world.h"

#include "authority_file.h"
#include "system.h"

struct state {
    uint8_t seal_secret[KS_P256_PRIVATE_LEN], ak[32];
};

static struct ks_str path_in(const char *directory, const char *name)
{
    struct ks_str path;

    must(ks_arena_join(
             &arena, (struct ks_str[]) { ks_str_z(directory), KS_STR("/"), ks_str_z(name), ks_str("", 1) }, 4, &path),
        "a path");
    return path;
}

static struct ks_str read_file(const char *path)
{
    char *bytes = ks_arena_alloc(&arena, KS_RECOVER_FILE_MAX);
    FILE *file = fopen(path, "rb");
    size_t len = file && bytes ? fread(bytes, 1, KS_RECOVER_FILE_MAX, file) : 0;

    must(len ? KS_OK : KS_EIO, path);
    fclose(file);
    return ks_str(bytes, len);
}

static void write_file(const char *path, struct ks_str bytes)
{
    FILE *file = fopen(path, "wb");

    must(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len && fclose(file) == 0 ? KS_OK : KS_EIO, path);
}

static struct ks_officer_public read_public(const char *path)
{
    struct ks_officer_public public;

    must(ks_officer_public_read(read_file(path), &public), "the public file");
    return public;
}

static int ask(
    const char *directory, const char *public_path, const char *request_path, const char *state_path, bool eve)
{
    const int64_t now_s = ks_system_now().wall_ms / 1000;
    const struct ks_validity validity = { now_s - 1800, now_s + 100 * DAY_S };
    struct ks_officer_public public = read_public(public_path);
    const char *jid = eve ? "eve@klinik.example" : "anna@klinik.example";
    struct ks_recover_request request;
    struct device asks, before;
    struct ks_str issuing;
    struct state state;
    struct slot slot;
    struct ks_buf file;
    EVP_PKEY *key = NULL;

    must(ks_certificate_read(&arena, path_in(directory, "issuing.pem").ptr, &issuing), "issuing.pem");
    must(ks_authority_key_read(path_in(directory, "issuing.key").ptr, NULL, &key), "issuing.key");
    asks = new_device(issuing, key, jid, eve ? "Eve Fuchs" : "Anna Brandt", &validity);
    before = new_device(issuing, key, jid, eve ? "Eve Fuchs" : "Anna Brandt", &validity);
    EVP_PKEY_free(key);
    new_slot(&slot, public.officers.commitments[0], "anna@klinik.example", state.ak);
    memcpy(state.seal_secret, asks.seal_secret, sizeof state.seal_secret);
    request = request_by(&asks, &before, ring_of(jid, &slot, 1), "Telefon verloren, PIN vergessen", now_s);
    ks_buf_init(&file, KS_RECOVER_FILE_MAX);
    must(ks_recover_request_write(&file, &request, asks.secret), "a request");
    write_file(request_path, ks_buf_str(&file));
    write_file(state_path, ks_str(&state, sizeof state));
    ks_buf_done(&file);
    return 0;
}

static int open_key(
    const char *public_path, const char *request_path, const char *state_path, char **parts, size_t count)
{
    struct ks_officer_public public = read_public(public_path);
    struct ks_officers_partial partials[KS_OFFICERS_MAX];
    enum ks_recover_verdict verdict;
    struct ks_recover_facts facts;
    struct state state;
    uint8_t dh[32], ak[32];
    unsigned wrong = 0;
    enum ks_err err;

    memcpy(&state, read_file(state_path).ptr, sizeof state);
    must(ks_recover_request_check(
             &arena, read_file(request_path), &public, ks_system_now().wall_ms / 1000, &facts, &verdict),
        "the request");
    for (size_t i = 0; i < count; i++) {
        err = ks_officer_part_open(state.seal_secret, facts.about.request, read_file(parts[i]), &partials[i]);
        if (err != KS_OK)
            return printf("part %zu: %s\n", i + 1, ks_err_name(err)) > 0;
    }
    err = ks_officers_combine(&public.officers, &facts.about, partials, count, &wrong, dh);
    if (err != KS_OK)
        return printf("%s, officer %u\n", ks_err_name(err), wrong) > 0;
    err = ks_hpke_open_shared(
        dh, public.officers.commitments[0], facts.about.slot.enc, RING_INFO, KS_STR_EMPTY, facts.about.slot.sealed, ak);
    printf("%s\n", err == KS_OK && memcmp(ak, state.ak, sizeof ak) == 0 ? "opened" : "not opened");
    return 0;
}

int main(int argc, char **argv)
{
    uint8_t seed[KS_PRNG_SEED_LEN];
    int status = 64;

    ks_arena_init(&arena, 64u << 20);
    ks_system_entropy(seed, sizeof seed);
    ks_prng_init(&chance, seed);
    must(ks_crypto_init(), "cryptography");
    if (argc >= 6 && strcmp(argv[1], "ask") == 0)
        status = ask(argv[2], argv[3], argv[4], argv[5], argc > 6);
    else if (argc >= 5 && argc < 5 + KS_OFFICERS_MAX && strcmp(argv[1], "open") == 0)
        status = open_key(argv[2], argv[3], argv[4], argv + 5, (size_t)argc - 5);
    ks_arena_done(&arena);
    return status;
}
