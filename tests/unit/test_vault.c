/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "crypto.h"
#include "failmalloc.h"
#include "vault.h"

/* As cheap as Argon2id goes: the tests are about the format. One row runs at the true floor. */
static const struct ks_vault_cost cheap = { 8, 1 };

static struct ks_prng prng;
static struct ks_buf file;

static struct ks_vault *vault_new(void)
{
    struct ks_vault *v = NULL;

    if (ks_vault_new(&prng, cheap, &v) != KS_OK)
        exit(1);
    return v;
}

static uint32_t add(struct ks_vault *v, const char *passphrase)
{
    uint32_t number = 0;

    if (ks_vault_add(v, &prng, ks_str_z(passphrase), cheap, &number) != KS_OK)
        printf("# not added\n");
    return number;
}

static struct ks_str written(const struct ks_vault *v)
{
    ks_buf_reset(&file);
    ks_vault_write(v, &file);
    return ks_buf_str(&file);
}

/* Reads the bytes and tries a passphrase. */
static enum ks_err unlock(struct ks_str bytes, struct ks_vault_cost floor, const char *passphrase, uint32_t *ret_number)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = NULL;
    enum ks_err err = ks_vault_read(bytes, floor, &v);

    return err != KS_OK ? err : ks_vault_unlock(v, ks_str_z(passphrase), ret_number);
}

static void test_slots(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    KS_AUTO(ks_vault_free) struct ks_vault *again = NULL;
    KS_AUTO(ks_vault_free) struct ks_vault *other = vault_new();
    uint8_t key[KS_VAULT_KEY_LEN], key_again[KS_VAULT_KEY_LEN], profile[KS_VAULT_PROFILE_LEN],
        same[KS_VAULT_PROFILE_LEN];
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    uint32_t number = 0, first = add(v, "Kastanie"), second;

    check_row(first == 1 && ks_vault_is_open(v), "a new vault is open, and its first slot has number 1", "%u", first);
    check_err("its store key is there", ks_vault_store_key(v, key), KS_OK);
    check_err("its bytes are read", ks_vault_read(written(v), cheap, &again), KS_OK);
    check_row(!ks_vault_is_open(again), "locked", "open");
    check_err("a locked vault has no store key", ks_vault_store_key(again, key_again), KS_ESTATE);
    check_err("and takes no slot", ks_vault_add(again, &prng, KS_STR("x"), cheap, &number), KS_ESTATE);
    check_err("none is rewrapped", ks_vault_rewrap(again, &prng, 1, KS_STR("x"), cheap), KS_ESTATE);
    check_err("none is removed", ks_vault_remove(again, 1), KS_ESTATE);
    check_err("a wrong passphrase does not open it", ks_vault_unlock(again, KS_STR("Kastanien"), &number), KS_ECRYPTO);
    check_err("nor does an empty one", ks_vault_unlock(again, KS_STR_EMPTY, &number), KS_ECRYPTO);
    check_row(!ks_vault_is_open(again), "it stays locked", "open");
    check_err("the right one does", ks_vault_unlock(again, KS_STR("Kastanie"), &number), KS_OK);
    check_row(number == 1 && ks_vault_store_key(again, key_again) == KS_OK && memcmp(key, key_again, sizeof key) == 0,
        "and gives the same store key", "number %u", number);
    ks_vault_profile(v, profile);
    ks_vault_profile(again, same);
    check_row(memcmp(profile, same, sizeof same) == 0, "the profile id is kept", "not");
    ks_vault_lock(again);
    check_err("locking takes the key away", ks_vault_store_key(again, key_again), KS_ESTATE);

    second = add(v, "Ahorn");
    check_err("a second slot opens it, too", unlock(written(v), cheap, "Ahorn", &number), KS_OK);
    check_row(number == second && second == 2, "and is named", "%u", number);
    check_err("the first still does", unlock(written(v), cheap, "Kastanie", &number), KS_OK);
    check_err("a slot gets another passphrase", ks_vault_rewrap(v, &prng, 1, KS_STR("Linde"), cheap), KS_OK);
    check_err("which opens it", unlock(written(v), cheap, "Linde", &number), KS_OK);
    check_err("the old one does not", unlock(written(v), cheap, "Kastanie", &number), KS_ECRYPTO);
    check_err(
        "a slot that is not there is not rewrapped", ks_vault_rewrap(v, &prng, 9, KS_STR("x"), cheap), KS_ENOTFOUND);
    check_err("a slot is removed", ks_vault_remove(v, 1), KS_OK);
    check_err("its passphrase opens nothing", unlock(written(v), cheap, "Linde", &number), KS_ECRYPTO);
    check_err("the other does", unlock(written(v), cheap, "Ahorn", &number), KS_OK);
    check_err("the last slot stays", ks_vault_remove(v, 2), KS_ESTATE);
    check_err("a slot that is gone is not there", ks_vault_remove(v, 1), KS_ENOTFOUND);
    check_row(add(v, "Eiche") == 3, "numbers are not given again", "they are");
    check_row(ks_vault_slots(v, slots) == 2 && slots[0].number == 2 && slots[1].number == 3
            && slots[1].kind == KS_SLOT_PASSPHRASE,
        "slots are listed", "they are not");
    check_row(ks_vault_store_key(other, key_again) == KS_OK && memcmp(key, key_again, sizeof key) != 0,
        "another vault has another key", "the same");
}

static void test_limits(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    KS_AUTO(ks_vault_free) struct ks_vault *usual = NULL;
    char longest[KS_VAULT_PASSPHRASE_MAX + 2];
    uint32_t number;
    static const struct {
        const char *name;
        struct ks_vault_cost cost;
        enum ks_err want;
    } rows[] = {
        { "less memory than the floor is refused", { 19 * 1024 - 1, 2 }, KS_ELIMIT },
        { "fewer passes than the floor are refused", { 19 * 1024, 1 }, KS_ELIMIT },
        { "more memory than 256 MiB is refused", { 256 * 1024 + 1, 2 }, KS_ELIMIT },
        { "more than 16 passes are refused", { 19 * 1024, 17 }, KS_ELIMIT },
        { "the floor is enough", { 19 * 1024, 2 }, KS_OK },
    };

    if (ks_vault_new(&prng, KS_VAULT_COST_FLOOR, &usual) != KS_OK)
        exit(1);
    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, ks_vault_add(usual, &prng, KS_STR("Esche"), rows[i].cost, &number), rows[i].want);
    check_err("a vault at the floor opens", unlock(written(usual), KS_VAULT_COST_FLOOR, "Esche", &number), KS_OK);

    memset(longest, 'p', sizeof longest);
    longest[sizeof longest - 1] = 0;
    check_err("an empty passphrase is refused", ks_vault_add(v, &prng, KS_STR_EMPTY, cheap, &number), KS_ELIMIT);
    check_err("one of 1,025 bytes too", ks_vault_add(v, &prng, ks_str_z(longest), cheap, &number), KS_ELIMIT);
    check_err("one of 1,024 is taken", ks_vault_add(v, &prng, ks_str(longest, KS_VAULT_PASSPHRASE_MAX), cheap, &number),
        KS_OK);
    for (int i = 1; i < KS_VAULT_SLOTS_MAX; i++)
        add(v, "Buche");
    check_err("a seventeenth slot is a limit", ks_vault_add(v, &prng, KS_STR("Buche"), cheap, &number), KS_ELIMIT);
    check_err(
        "a vault below the floor is not tried", unlock(written(v), KS_VAULT_COST_FLOOR, "Buche", &number), KS_ELIMIT);
    check_err("sixteen slots are read", unlock(written(v), cheap, "Buche", &number), KS_OK);
}

/* Where things stand in a file with one passphrase slot (vault.h). */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 8,
    AT_PROFILE = 9,
    AT_NEXT = 25,
    AT_COUNT = 29,
    AT_NUMBER = 30,
    AT_KIND = 34,
    AT_ID = 35,
    AT_PARAMS = 39,
    AT_SALT = 43,
    AT_KIB = 59,
    AT_PASSES = 63,
    AT_WRAP = 67,
    AT_NONCE = 71,
    AT_SEALED = 95,
    FILE_LEN = 143
};

static void test_file(void)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t flip;
        enum ks_err want;
    } rows[] = {
        { "a changed magic is no vault", AT_MAGIC, 1, KS_ESYNTAX },
        { "a newer version is refused as that", AT_VERSION, 2, KS_EVERSION },
        { "version 0 is no version", AT_VERSION, 1, KS_ESYNTAX },
        { "another profile id is authenticated", AT_PROFILE, 1, KS_ECRYPTO },
        { "a next number at or below one that is there is damaged", AT_NEXT + 3, 3, KS_ESYNTAX },
        { "more slots than there are is damaged", AT_COUNT, 3, KS_ESYNTAX },
        { "more slots than sixteen is a limit", AT_COUNT, 0x20, KS_ELIMIT },
        { "no slot is damaged", AT_COUNT, 1, KS_ESYNTAX },
        { "another slot number is authenticated", AT_NUMBER + 3, 1, KS_ECRYPTO },
        { "an unknown kind of slot is not tried", AT_KIND, 6, KS_ENOTFOUND },
        { "a longer id than the file is damaged", AT_ID, 1, KS_ESYNTAX },
        { "a longer field than 1,024 bytes is refused", AT_PARAMS, 1, KS_ESYNTAX },
        { "another salt is another key", AT_SALT, 1, KS_ECRYPTO },
        { "lowered cost is refused", AT_KIB + 3, 8, KS_ELIMIT },
        { "excessive cost is not tried", AT_KIB, 1, KS_ELIMIT },
        { "excessive passes are not tried", AT_PASSES, 1, KS_ELIMIT },
        { "more passes are another key", AT_PASSES + 3, 3, KS_ECRYPTO },
        { "another nonce opens nothing", AT_NONCE, 1, KS_ECRYPTO },
        { "a changed wrap opens nothing", AT_SEALED, 1, KS_ECRYPTO },
        { "a changed tag opens nothing", FILE_LEN - 1, 1, KS_ECRYPTO },
        { "and unchanged it opens", 0, 0, KS_OK },
    };
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    KS_AUTO(ks_vault_free) struct ks_vault *other = vault_new();
    struct ks_str bytes;
    uint32_t number;
    char copy[2 * FILE_LEN];
    bool cut_refused = true;

    add(v, "Kastanie");
    add(other, "Kastanie");
    bytes = written(v);
    check_row(bytes.len == FILE_LEN, "a vault with one slot has the length of its format", "%zu", bytes.len);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        memcpy(copy, bytes.ptr, bytes.len);
        copy[rows[i].at] ^= (char)rows[i].flip;
        check_err(rows[i].name, unlock(ks_str(copy, bytes.len), cheap, "Kastanie", &number), rows[i].want);
    }
    for (size_t len = 0; len < FILE_LEN; len++)
        cut_refused = cut_refused && unlock(ks_str(bytes.ptr, len), cheap, "Kastanie", &number) == KS_ESYNTAX;
    check_row(cut_refused, "a file that was cut anywhere is refused", "not");
    memcpy(copy, bytes.ptr, bytes.len);
    copy[FILE_LEN] = 0;
    check_err("a byte too much is refused", unlock(ks_str(copy, FILE_LEN + 1), cheap, "Kastanie", &number), KS_ESYNTAX);

    /* A slot of a kind that this version does not know, beside ours: kept byte for byte, and numbered over. */
    {
        KS_AUTO(ks_vault_free) struct ks_vault *later = NULL;
        static const char strange[] = "\0\0\0\2\7\0\0\0\1i\0\0\0\2pp\0\0\0\3www";

        memcpy(copy + FILE_LEN, strange, sizeof strange - 1);
        copy[AT_NEXT + 3] = 5;
        copy[AT_COUNT] = 2;
        check_err("a slot of an unknown kind is no hindrance",
            unlock(ks_str(copy, FILE_LEN + sizeof strange - 1), cheap, "Kastanie", &number), KS_OK);
        if (ks_vault_read(ks_str(copy, FILE_LEN + sizeof strange - 1), cheap, &later) == KS_OK) {
            check_str("it is written back as it was", written(later), ks_str(copy, FILE_LEN + sizeof strange - 1));
            check_err("and the vault goes on", ks_vault_unlock(later, KS_STR("Kastanie"), &number), KS_OK);
            check_row(add(later, "Ahorn") == 5, "numbers go on after it", "they do not");
        }
        copy[FILE_LEN + 3] = 1;
        check_err("two slots of one number are refused",
            unlock(ks_str(copy, FILE_LEN + sizeof strange - 1), cheap, "Kastanie", &number), KS_ESYNTAX);
    }

    /* Another vault's wrap does not open in ours, though the passphrase is the same. */
    memcpy(copy, written(v).ptr, FILE_LEN);
    memcpy(copy + AT_NUMBER, written(other).ptr + AT_NUMBER, FILE_LEN - AT_NUMBER);
    check_err("a slot moved from another profile opens nothing",
        unlock(ks_str(copy, FILE_LEN), cheap, "Kastanie", &number), KS_ECRYPTO);
}

static void test_no_memory(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    uint8_t before[KS_VAULT_KEY_LEN], after[KS_VAULT_KEY_LEN];
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    bool ok = true;
    uint32_t number;
    int rounds = 0;

    add(v, "Kastanie");
    written(v);
    if (ks_vault_store_key(v, before) != KS_OK)
        printf("# no key\n");
    for (int n = 1; fail_nth(n); n++, rounds++) {
        enum ks_err err = ks_vault_add(v, &prng, KS_STR("Ahorn"), cheap, &number);
        bool struck = fail_stop();

        ok = ok && err == (struck ? KS_ENOMEM : KS_OK) && ks_vault_slots(v, slots) == (struck ? 1 : 2);
    }
    check_row(ok && rounds > 1, "without memory no slot is added", "after %d", rounds);
    rounds = 0;
    for (int n = 1; fail_nth(n); n++, rounds++) {
        struct ks_vault *again = NULL;
        enum ks_err err = ks_vault_read(ks_buf_str(&file), cheap, &again);
        bool struck;

        if (err == KS_OK)
            err = ks_vault_unlock(again, KS_STR("Kastanie"), &number);
        struck = fail_stop();
        ok = ok && err == (struck ? KS_ENOMEM : KS_OK);
        if (again && !struck)
            ok = ok && ks_vault_store_key(again, after) == KS_OK && memcmp(before, after, sizeof before) == 0;
        ks_vault_free(again);
    }
    check_row(ok && rounds > 1, "without memory it is not said that the passphrase is wrong", "after %d", rounds);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_prng_init_number(&prng, 1);
    ks_buf_init(&file, KS_VAULT_BYTES_MAX);
    test_slots();
    test_limits();
    test_file();
    test_no_memory();
    ks_buf_done(&file);
    return check_done();
}
