/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_recover.c -- what the hospital's officers do, so that a person who lost every device and the PIN reads the
 * archive again (doc/PROTOCOL.md §19). No command here needs a server or a network. */
#include <errno.h>
#include <fcntl.h>
#include <sodium/core.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority.h"
#include "authority_file.h"
#include "clock.h"
#include "enc.h"
#include "konsilctl_record.h"
#include "konsilctl_shares.h"
#include "recover_request.h"
#include "system.h"

#define NEEDED 2
#define COUNT 3
#define PATH_BYTES_MAX 4096
#define ARENA_BYTES_MAX (4u << 20)
#define HEX_LEN(len) (2 * (len) + 1)

/* --- files --- */

/* New, mode 0600, on the disk when this returns. */
static enum ks_err write_file(const char *path, struct ks_str bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written;

    if (fd < 0)
        return errno == EEXIST ? KS_EEXISTS : KS_EIO;
    written = write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len && fsync(fd) == 0;
    written = close(fd) == 0 && written;
    if (!written)
        (void)unlink(path);
    return written ? KS_OK : KS_EIO;
}

/* At most len_max bytes; more is KS_ESYNTAX. */
static enum ks_err read_file(struct ks_arena *arena, const char *path, size_t len_max, struct ks_str *ret_bytes)
{
    char *bytes = ks_arena_alloc(arena, len_max + 1);
    FILE *file = bytes ? fopen(path, "rb") : NULL;
    size_t len;
    bool failed;

    if (!file)
        return !bytes ? KS_ENOMEM : errno == ENOENT ? KS_ENOTFOUND : errno == EACCES ? KS_EDENIED : KS_EIO;
    len = fread(bytes, 1, len_max + 1, file);
    failed = ferror(file);
    fclose(file);
    *ret_bytes = ks_str(bytes, len);
    return failed ? KS_EIO : len > len_max ? KS_ESYNTAX : KS_OK;
}

static int fail_at(const struct ctl *ctl, enum ks_err err, const char *path)
{
    if (err == KS_ESYNTAX || err == KS_ELIMIT || err == KS_ECRYPTO)
        return ctl_fail(ctl, err == KS_ECRYPTO ? SAY("ctl.recover-passphrase") : SAY("ctl.recover-file"), path);
    return ctl_fail_at(ctl, err, path);
}

static void write_hex(const uint8_t *bytes, size_t len, char *text)
{
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* Exactly len bytes, in lower case. */
static bool read_hex(struct ks_arena *arena, const char *text, size_t len, uint8_t *ret_bytes)
{
    struct ks_str bytes;

    if (strlen(text) != 2 * len || ks_hex_read(arena, ks_str_z(text), &bytes) != KS_OK)
        return false;
    memcpy(ret_bytes, bytes.ptr, len);
    return true;
}

/* By which persons compare two keys: the first bytes of SHA-256. */
static void write_name(const struct ks_officers *officers, char text[HEX_LEN(8)])
{
    uint8_t hash[32];

    ks_hash(KS_SHA256, ks_str(officers->commitments[0], KS_P256_POINT_LEN), hash);
    write_hex(hash, 8, text);
}

static void open_chance(struct ks_prng *prng)
{
    uint8_t seed[KS_PRNG_SEED_LEN];

    ks_system_entropy(seed, sizeof seed);
    ks_prng_init(prng, seed);
    ks_wipe(seed, sizeof seed);
}

/* --- dealing --- */

struct dealing {
    struct ks_officer_public public;
    uint8_t shares[COUNT][KS_P256_SCALAR_LEN];
    struct ks_prng prng;
    char paths[COUNT + 1][PATH_BYTES_MAX]; /* the public file's last */
    size_t written;
};

static bool find_paths(struct dealing *d, const char *directory)
{
    bool found = true;

    for (unsigned i = 0; i < COUNT; i++)
        found =
            found && snprintf(d->paths[i], PATH_BYTES_MAX, "%s/officer-%u.share", directory, i + 1) < PATH_BYTES_MAX;
    return found && snprintf(d->paths[COUNT], PATH_BYTES_MAX, "%s/officers.public", directory) < PATH_BYTES_MAX;
}

/* Asks the officer for a passphrase, and writes the share under it. */
static int keep_share(struct ctl *ctl, struct dealing *d, unsigned officer)
{
    char passphrase[CTL_PASSWORD_MAX], number[12], count[12];
    struct ks_buf file;
    enum ks_err err;
    int status = EXIT_FAILURE;

    snprintf(number, sizeof number, "%u", officer);
    snprintf(count, sizeof count, "%d", COUNT);
    ctl_write(ctl, stderr, SAY("ctl.recover-officer"), "number", number, "count", count, NULL);
    fputc('\n', stderr);
    if (!ctl_passphrase_ask(ctl, true, KS_PASSPHRASE_CHARACTERS_MIN, passphrase))
        return status;
    ks_buf_init(&file, KS_OFFICER_FILE_MAX);
    err = ks_officer_share_write(
        &file, &d->prng, &d->public, officer, d->shares[officer - 1], ks_str_z(passphrase), KS_OFFICER_COST);
    if (err == KS_OK)
        err = write_file(d->paths[officer - 1], ks_buf_str(&file));
    ks_buf_done(&file);
    ks_wipe(passphrase, sizeof passphrase);
    if (err == KS_OK) {
        d->written++;
        status = EXIT_SUCCESS;
    } else {
        ctl_fail_at(ctl, err, d->paths[officer - 1]);
    }
    return status;
}

static int keep_public(struct ctl *ctl, struct dealing *d)
{
    struct ks_buf file;
    enum ks_err err;

    ks_buf_init(&file, KS_OFFICER_FILE_MAX);
    err = ks_officer_public_write(&file, &d->public);
    if (err == KS_OK)
        err = write_file(d->paths[COUNT], ks_buf_str(&file));
    ks_buf_done(&file);
    d->written += err == KS_OK;
    return err == KS_OK ? EXIT_SUCCESS : ctl_fail_at(ctl, err, d->paths[COUNT]);
}

static int record(struct ctl *ctl, const struct dealing *d, const struct ks_authority_facts *root)
{
    char name[HEX_LEN(8)], pin[HEX_LEN(32)];
    struct ctl_record record;
    enum ks_err err = ctl_record_open(ctl, ctl->words[0], SAY("record.deal"), &record);

    if (err != KS_OK)
        return ctl_fail_at(ctl, err, ctl->words[0]);
    write_name(&d->public.officers, name);
    write_hex(root->key_hash, 32, pin);
    CTL_RECORD(ctl, &record, SAY("record.root"), "name", root->name, "hospital", root->organisation, "pin", pin);
    ctl_record_holders(ctl, &record, NEEDED, COUNT, name);
    err = ctl_record_close(ctl, &record);
    return err == KS_OK ? EXIT_SUCCESS : ctl_fail_at(ctl, err, record.path);
}

static void tell_dealing(const struct ctl *ctl, const struct dealing *d)
{
    char name[HEX_LEN(8)];
    json_t *result;

    write_name(&d->public.officers, name);
    result =
        json_pack("{s:s, s:i, s:i, s:s}", "key", name, "needed", NEEDED, "count", COUNT, "public", d->paths[COUNT]);
    if (!ctl_json(ctl, result)) {
        ctl_say(ctl, SAY("ctl.recover-dealt"), "name", name, "file", d->paths[COUNT], NULL);
        ctl_say(ctl, SAY("ctl.recover-next"), NULL);
    }
    json_decref(result);
}

static int deal(struct ctl *ctl, struct ks_arena *arena, struct dealing *d)
{
    struct ks_authority_facts root;
    enum ks_err err = ks_certificate_read(arena, ctl->root, &d->public.root);
    int status = EXIT_SUCCESS;

    if (err == KS_OK)
        err = ks_authority_read(arena, d->public.root, &root);
    if (err == KS_OK && !root.root)
        err = KS_ESYNTAX;
    if (err != KS_OK)
        return ctl_fail_at(ctl, err, ctl->root);
    for (unsigned i = 0; i <= COUNT; i++)
        if (access(d->paths[i], F_OK) == 0)
            return ctl_fail_at(ctl, KS_EEXISTS, d->paths[i]);
    if (ctl->dry_run) {
        ctl_done(ctl, SAY("ctl.recover-next"));
        return EXIT_SUCCESS;
    }
    err = ks_officers_deal(&d->prng, NEEDED, COUNT, &d->public.officers, d->shares);
    assert(err == KS_OK);
    for (unsigned i = 1; status == EXIT_SUCCESS && i <= COUNT; i++)
        status = keep_share(ctl, d, i);
    if (status == EXIT_SUCCESS)
        status = keep_public(ctl, d);
    if (status == EXIT_SUCCESS)
        status = record(ctl, d, &root);
    if (status == EXIT_SUCCESS)
        tell_dealing(ctl, d);
    for (size_t i = 0; status != EXIT_SUCCESS && i < d->written; i++)
        (void)unlink(d->paths[i]); /* a dealing is whole, or worth nothing */
    return status;
}

static int recover_deal(struct ctl *ctl)
{
    struct dealing d = { .written = 0 };
    struct ks_arena arena;
    int status;

    if (!find_paths(&d, ctl->words[0]) || (mkdir(ctl->words[0], 0700) != 0 && errno != EEXIST))
        return ctl_fail_at(ctl, KS_EIO, ctl->words[0]);
    ks_arena_init(&arena, ARENA_BYTES_MAX);
    open_chance(&d.prng);
    status = sodium_init() >= 0 ? deal(ctl, &arena, &d) : ctl_fail(ctl, SAY("ctl.crypto"), NULL);
    ks_prng_done(&d.prng);
    ks_wipe(&d, sizeof d);
    ks_arena_done(&arena);
    return status;
}

/* --- an officer's share --- */

struct officer {
    struct ks_str file;
    struct ks_officer_public public;
    unsigned number;
    uint8_t share[KS_P256_SCALAR_LEN];
};

/* What stands outside. */
static enum ks_err find_officer(struct ks_arena *arena, const char *path, struct officer *officer)
{
    enum ks_err err = read_file(arena, path, KS_OFFICER_FILE_MAX, &officer->file);

    if (err == KS_OK)
        err = ks_officer_share_read(officer->file, &officer->public, &officer->number);
    return err == KS_ECRYPTO ? KS_ESYNTAX : err;
}

/* Asks for the passphrase. */
static int open_share(struct ctl *ctl, struct officer *officer)
{
    char passphrase[CTL_PASSWORD_MAX];
    enum ks_err err;

    if (sodium_init() < 0)
        return ctl_fail(ctl, SAY("ctl.crypto"), NULL);
    if (!ctl_passphrase_ask(ctl, false, 1, passphrase))
        return EXIT_FAILURE;
    err = ks_officer_share_open(officer->file, ks_str_z(passphrase), officer->share);
    ks_wipe(passphrase, sizeof passphrase);
    return err == KS_OK ? EXIT_SUCCESS : fail_at(ctl, err, ctl->words[0]);
}

static int prove(struct ctl *ctl, struct ks_arena *arena, struct officer *officer)
{
    uint8_t nonce[KS_OFFICERS_NONCE_LEN], proof[KS_OFFICERS_PROOF_LEN];
    char text[HEX_LEN(KS_OFFICERS_PROOF_LEN)];
    enum ks_err err = find_officer(arena, ctl->words[0], officer);
    struct ks_prng prng;
    int status;

    if (err != KS_OK)
        return fail_at(ctl, err, ctl->words[0]);
    if (!read_hex(arena, ctl->words[1], sizeof nonce, nonce))
        return ctl_fail(ctl, SAY("ctl.recover-nonce"), ctl->words[1]);
    if ((status = open_share(ctl, officer)) != EXIT_SUCCESS)
        return status;
    open_chance(&prng);
    err = ks_officers_prove(&prng, &officer->public.officers, officer->number, officer->share, nonce, proof);
    ks_prng_done(&prng);
    assert(err == KS_OK);
    write_hex(proof, sizeof proof, text);
    json_t *result = json_pack("{s:i, s:s}", "officer", (int)officer->number, "proof", text);
    if (!ctl_json(ctl, result))
        printf("%u %s\n", officer->number, text);
    json_decref(result);
    return EXIT_SUCCESS;
}

static int with_officer(struct ctl *ctl, int (*go_on)(struct ctl *ctl, struct ks_arena *arena, struct officer *officer))
{
    struct officer officer = { .number = 0 };
    struct ks_arena arena;
    int status;

    ks_arena_init(&arena, ARENA_BYTES_MAX);
    status = go_on(ctl, &arena, &officer);
    ks_wipe(&officer, sizeof officer);
    ks_arena_done(&arena);
    return status;
}

static int recover_prove(struct ctl *ctl)
{
    return with_officer(ctl, prove);
}

static int proven(struct ctl *ctl, struct ks_arena *arena, struct officer *officer)
{
    uint8_t nonce[KS_OFFICERS_NONCE_LEN], proof[KS_OFFICERS_PROOF_LEN];
    enum ks_err err = read_file(arena, ctl->words[0], KS_OFFICER_FILE_MAX, &officer->file);
    uint64_t number = 0;

    if (err == KS_OK && ks_officer_public_read(officer->file, &officer->public) != KS_OK)
        err = KS_ESYNTAX;
    if (err != KS_OK)
        return fail_at(ctl, err, ctl->words[0]);
    if (!read_hex(arena, ctl->words[1], sizeof nonce, nonce))
        return ctl_fail(ctl, SAY("ctl.recover-nonce"), ctl->words[1]);
    if (ks_str_u64(ks_str_z(ctl->words[2]), KS_OFFICERS_MAX, &number) != KS_OK
        || !read_hex(arena, ctl->words[3], sizeof proof, proof)
        || ks_officers_prove_check(&officer->public.officers, (unsigned)number, nonce, proof) != KS_OK)
        return ctl_fail(ctl, SAY("ctl.recover-unproven"), ctl->words[2]);
    ctl_say(ctl, SAY("ctl.recover-proven"), "number", ctl->words[2], NULL);
    return EXIT_SUCCESS;
}

static int recover_proven(struct ctl *ctl)
{
    return with_officer(ctl, proven);
}

/* --- answering --- */

static int refuse(const struct ctl *ctl, enum ks_recover_verdict verdict, const struct ks_recover_facts *facts)
{
    static const char *const why[] = {
        [KS_RECOVER_MALFORMED] = SAY("ctl.recover-malformed"),
        [KS_RECOVER_DEVICE] = SAY("ctl.recover-device"),
        [KS_RECOVER_ACCOUNT] = SAY("ctl.recover-account"),
        [KS_RECOVER_SIGNATURE] = SAY("ctl.recover-signature"),
        [KS_RECOVER_TIME] = SAY("ctl.recover-time"),
        [KS_RECOVER_RING] = SAY("ctl.recover-ring"),
        [KS_RECOVER_KEY] = SAY("ctl.recover-key"),
        [KS_RECOVER_SLOT] = SAY("ctl.recover-slot"),
    };

    return ctl_fail(ctl, why[verdict], verdict == KS_RECOVER_DEVICE ? ks_cert_verdict_name(facts->why) : ctl->words[1]);
}

/* A view as a sentence's text, for a moment. */
static const char *text(struct ks_arena *arena, struct ks_str view)
{
    struct ks_str copy;

    return ks_arena_join(arena, (struct ks_str[]) { view, ks_str("", 1) }, 2, &copy) == KS_OK ? copy.ptr : "?";
}

static void show(const struct ctl *ctl, struct ks_arena *arena, const struct ks_recover_facts *facts)
{
    char stamp[KS_STAMP_LEN + 1], time[KS_STAMP_LEN + 1], device[12], hash[HEX_LEN(32)];
    const struct ks_device_cert *cert = &facts->device;

    snprintf(time, sizeof time, "%.*s", KS_STR_FMT(ks_stamp_write(facts->request.t_s * 1000, stamp)));
    snprintf(device, sizeof device, "%u", (unsigned)cert->claims.device);
    write_hex(facts->about.request, 32, hash);
    ctl_write(ctl, stderr, SAY("ctl.recover-whom"), "name", text(arena, cert->name), "department",
        cert->department.len ? text(arena, cert->department) : "-", "hospital",
        cert->organisation.len ? text(arena, cert->organisation) : "-", NULL);
    fputc('\n', stderr);
    ctl_write(ctl, stderr, SAY("ctl.recover-for"), "address", text(arena, facts->request.account), "device", device,
        "time", time, NULL);
    fputc('\n', stderr);
    ctl_write(ctl, stderr, SAY("ctl.recover-reason"), "reason", text(arena, facts->request.reason), NULL);
    fputc('\n', stderr);
    ctl_write(ctl, stderr, SAY("ctl.recover-hash"), "hash", hash, NULL);
    fputc('\n', stderr);
    ctl_write(ctl, stderr, SAY("ctl.recover-means"), NULL);
    fputc('\n', stderr);
}

/* One word of stdin: ja or yes. Whatever else is no. */
static bool agrees(const struct ctl *ctl)
{
    char line[32] = "";

    if (!(ctl->given & CTL_PASSWORD_STDIN) && !isatty(STDIN_FILENO)) {
        ctl_fail(ctl, SAY("ctl.password-terminal"), NULL);
        return false;
    }
    ctl_write(ctl, stderr, SAY("ctl.recover-ask"), NULL);
    fputc(' ', stderr);
    if (!fgets(line, sizeof line, stdin))
        line[0] = 0;
    line[strcspn(line, "\r\n")] = 0;
    if (strcmp(line, "ja") == 0 || strcmp(line, "yes") == 0)
        return true;
    ctl_fail(ctl, SAY("ctl.recover-declined"), NULL);
    return false;
}

static int write_part(struct ctl *ctl, const struct officer *officer, const struct ks_recover_facts *facts)
{
    struct ks_officers_partial partial;
    char path[PATH_BYTES_MAX], hash[HEX_LEN(8)];
    struct ks_prng prng;
    struct ks_buf file;
    enum ks_err err;

    write_hex(facts->about.request, 8, hash);
    if (snprintf(path, sizeof path, "%s/%s-%u.part", ctl->to, hash, officer->number) >= (int)sizeof path)
        return ctl_fail_at(ctl, KS_EIO, ctl->to);
    ks_buf_init(&file, KS_OFFICER_FILE_MAX);
    open_chance(&prng);
    err =
        ks_officers_partial(&prng, &officer->public.officers, officer->number, officer->share, &facts->about, &partial);
    assert(err == KS_OK); /* the request was checked, and the share */
    err = ks_officer_part_seal(&file, &prng, &partial, facts->about.request, facts->device.claims.seal_key);
    if (err == KS_OK)
        err = write_file(path, ks_buf_str(&file));
    ks_prng_done(&prng);
    ks_wipe(&partial, sizeof partial);
    ks_buf_done(&file);
    if (err != KS_OK)
        return err == KS_ECRYPTO ? ctl_fail(ctl, SAY("ctl.recover-device"), NULL) : ctl_fail_at(ctl, err, path);
    json_t *result = json_pack("{s:s, s:i}", "part", path, "officer", (int)officer->number);
    if (!ctl_json(ctl, result))
        ctl_say(ctl, SAY("ctl.recover-answered"), "file", path, NULL);
    json_decref(result);
    return EXIT_SUCCESS;
}

static int answer(struct ctl *ctl, struct ks_arena *arena, struct officer *officer)
{
    enum ks_recover_verdict verdict;
    struct ks_recover_facts facts;
    struct ks_str request;
    enum ks_err err = find_officer(arena, ctl->words[0], officer);
    int status;

    if (err != KS_OK)
        return fail_at(ctl, err, ctl->words[0]);
    if ((err = read_file(arena, ctl->words[1], KS_RECOVER_FILE_MAX, &request)) != KS_OK && err != KS_ESYNTAX)
        return ctl_fail_at(ctl, err, ctl->words[1]);
    if (ks_recover_request_check(arena, request, &officer->public, ks_system_now().wall_ms / 1000, &facts, &verdict)
        != KS_OK)
        return ctl_fail(ctl, SAY("control.memory"), NULL);
    if (verdict != KS_RECOVER_GOOD)
        return refuse(ctl, verdict, &facts);
    show(ctl, arena, &facts);
    if (ctl->dry_run) {
        ctl_done(ctl, SAY("ctl.dry-run"));
        return EXIT_SUCCESS;
    }
    if (!agrees(ctl))
        return EXIT_FAILURE;
    if (mkdir(ctl->to, 0700) != 0 && errno != EEXIST)
        return ctl_fail_at(ctl, KS_EIO, ctl->to);
    if ((status = open_share(ctl, officer)) != EXIT_SUCCESS)
        return status;
    return write_part(ctl, officer, &facts);
}

static int recover_answer(struct ctl *ctl)
{
    return with_officer(ctl, answer);
}

const struct ctl_command ctl_recovers[] = {
    { "recover deal", "DIRECTORY", CTL_ROOT, CTL_PASSWORD_STDIN, recover_deal, SAY("do.recover-deal"),
        "/media/officers --root /media/root/root.pem" },
    { "recover answer", "FILE REQUEST", CTL_TO, CTL_PASSWORD_STDIN, recover_answer, SAY("do.recover-answer"),
        "/media/officer-1.share anna.request --to /media/answers" },
    { "recover prove", "FILE NONCE", 0, CTL_PASSWORD_STDIN, recover_prove, SAY("do.recover-prove"),
        "/media/officer-1.share 7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069" },
    { "recover proven", "FILE NONCE OFFICER PROOF", 0, 0, recover_proven, SAY("do.recover-proven"),
        "officers.public 7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069 1 6f1c…" },
    { NULL },
};
