/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The engine store in WASM, over kio: the same driver, other files. What the store promises is tests/unit/
 * test_engine_store.c; here is what the files may do wrong. */
#include "check.h"
#include "kio.h"
#include "sqlite_engine_store.h"

static const uint8_t key_a[32] = "0123456789abcdef0123456789abcde", key_b[32] = "another key of 32 bytes, really";

static struct ks_engine_store *open_store(const uint8_t key[32], bool create, enum ks_err want, const char *name)
{
    struct ks_engine_store *s = NULL;

    check_err(name, ks_sqlite_engine_store_open("store", NULL, key, create, &s), want);
    return s;
}

static enum ks_err put(struct ks_engine_store *s, struct ks_str key, struct ks_str value)
{
    enum ks_err err = s->ops->begin(s);

    if (err == KS_OK && (err = s->ops->put(s, KS_T_MESSAGE, key, value)) == KS_OK)
        return s->ops->commit(s);
    s->ops->rollback(s);
    return err;
}

static void same(struct ks_engine_store *s, struct ks_str key, struct ks_str want, const char *name)
{
    struct ks_buf value;

    ks_buf_init(&value, 1 << 20);
    enum ks_err err = s->ops->get(s, KS_T_MESSAGE, key, &value);
    check_row(err == KS_OK && ks_str_eq(ks_buf_str(&value), want), name, "%s, %zu bytes", ks_err_name(err), value.len);
    ks_buf_done(&value);
}

/* True if a slot holds the text. */
static bool slot_holds(int32_t slot, const char *text)
{
    size_t len = (size_t)kio_size(slot);
    char *bytes = malloc(len + 1);
    bool holds;

    assert(bytes && kio_read(slot, bytes, len, 0) == (int32_t)len);
    holds = memmem(bytes, len, text, strlen(text)) != NULL;
    free(bytes);
    return holds;
}

static struct ks_str big(size_t len)
{
    static char bytes[1 << 20];

    memset(bytes, 'x', sizeof bytes);
    return ks_str(bytes, len);
}

static bool count(void *user, struct ks_str key, struct ks_str value)
{
    (void)key, (void)value;
    ++*(int *)user;
    return true;
}

int main(void)
{
    open_store(key_a, false, KS_ENOTFOUND, "kio.h: an empty slot is no store");
    struct ks_engine_store *s = open_store(key_a, true, KS_OK, "kio.h: but one may be made there");
    if (!s)
        return 1;
    check_err("a record is put", put(s, KS_STR("k1"), KS_STR("canary in the store")), KS_OK);
    check_err("and a long one", put(s, KS_STR("k2"), big(100000)), KS_OK);
    check_err("text is indexed", s->ops->begin(s), KS_OK);
    check_err("text is indexed", s->ops->index_text(s, KS_STR("k1"), KS_STR("canary in the store")), KS_OK);
    check_err("text is indexed", s->ops->commit(s), KS_OK);
    int found = 0;
    check_err("a search finds it", s->ops->search(s, KS_STR("cana"), 10, count, &found), KS_OK);
    check_row(found == 1, "a search finds it once", "%d times", found);
    ks_engine_store_free(s);

    check_row(!slot_holds(KIO_STORE, "canary") && !slot_holds(KIO_STORE, "SQLite format"),
        "the slot holds no plaintext", "it does");
    kio_write(KIO_JOURNAL, "a canary", 8, 0);
    check_row(slot_holds(KIO_JOURNAL, "canary"), "a canary in a slot is seen (control)", "it is not");
    kio_trunc(KIO_JOURNAL, 0);

    open_store(key_b, false, KS_ECRYPTO, "another key does not open it");
    s = open_store(key_a, false, KS_OK, "opened again with its key");
    if (!s)
        return 1;
    same(s, KS_STR("k1"), KS_STR("canary in the store"), "the record is there");
    same(s, KS_STR("k2"), big(100000), "so is the long one");

    check_err("a transaction is rolled back", s->ops->begin(s), KS_OK);
    check_err("a transaction is rolled back", s->ops->put(s, KS_T_MESSAGE, KS_STR("k1"), KS_STR("other")), KS_OK);
    s->ops->rollback(s);
    same(s, KS_STR("k1"), KS_STR("canary in the store"), "and the record is as before");

    /* The runner gives a slot 8 MiB. */
    enum ks_err err = KS_OK;
    int kept = 0;
    for (; kept < 20 && err == KS_OK; kept += err == KS_OK) {
        char key[8];
        err = put(s, ks_str(key, (size_t)snprintf(key, sizeof key, "b%02d", kept)), big(1 << 20));
    }
    check_row(err == KS_EFULL && kept > 3, "kio.h: a full slot is KS_EFULL", "%s after %d", ks_err_name(err), kept);
    same(s, KS_STR("b00"), big(1 << 20), "what was committed before is there");
    check_err("after something is deleted", s->ops->begin(s), KS_OK);
    check_err("after something is deleted", s->ops->del(s, KS_T_MESSAGE, KS_STR("b00")), KS_OK);
    check_err("after something is deleted", s->ops->commit(s), KS_OK);
    check_err("there is room again", put(s, KS_STR("k3"), KS_STR("three")), KS_OK);
    ks_engine_store_free(s);
    s = open_store(key_a, false, KS_OK, "it opens after all that");
    if (s)
        same(s, KS_STR("k3"), KS_STR("three"), "with the last record");
    ks_engine_store_free(s);
    return check_done();
}
