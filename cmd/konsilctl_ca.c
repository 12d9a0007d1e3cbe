/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_ca.c -- the hospital's certificate authorities: a root that stays offline, and issuing ones below it
 * (doc/PROTOCOL.md §14). No command here needs a server or a network. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority.h"
#include "authority_file.h"
#include "clock.h"
#include "enc.h"
#include "konsilctl.h"
#include "konsilctl_record.h"
#include "konsilctl_shares.h"
#include "officer_file.h"
#include "system.h"

#define DAY_S INT64_C(86400)
#define ROOT_S (3650 * DAY_S)
#define ISSUING_S (366 * DAY_S)
#define BEFORE_S 3600 /* clocks of those who check may be behind */
#define PATH_BYTES_MAX 4096
#define ARENA_BYTES_MAX (1u << 20)

struct place {
    char key[PATH_BYTES_MAX], certificate[PATH_BYTES_MAX];
};

static bool find_place(struct place *place, const char *directory, const char *name)
{
    return snprintf(place->key, sizeof place->key, "%s/%s.key", directory, name) < (int)sizeof place->key
        && snprintf(place->certificate, sizeof place->certificate, "%s/%s.pem", directory, name)
        < (int)sizeof place->certificate;
}

/* --- names --- */

struct names {
    struct ks_authority_names names;
    char domains[KS_AUTHORITY_DOMAINS_MAX][256];
};

/* "klinik.example, praxis.example" */
static bool read_domains(struct names *names, const char *list)
{
    struct ks_str left = ks_str_z(list), word;

    while (left.len && ks_str_cut(&left, ',', &word)) {
        size_t count = names->names.domain_count;
        word = ks_str_trim(word);
        if (!word.len || word.len > 253 || count == KS_AUTHORITY_DOMAINS_MAX)
            return false;
        snprintf(names->domains[count], sizeof names->domains[count], "%.*s", KS_STR_FMT(word));
        names->names.domains[count] = names->domains[count];
        names->names.domain_count++;
    }
    return names->names.domain_count > 0;
}

static struct ks_validity from_now(int64_t seconds)
{
    int64_t now_s = ks_system_now().wall_ms / 1000;

    return (struct ks_validity) { now_s - BEFORE_S, now_s + seconds };
}

/* --- telling --- */

/* "a1b2 c3d4 …", as a person compares it. */
static void write_pin(const uint8_t hash[32], char text[80])
{
    size_t at = 0;

    for (size_t i = 0; i < 32; i++)
        at += (size_t)snprintf(text + at, 80 - at, "%02x%s", hash[i], i % 2 && i < 31 ? " " : "");
}

static void tell(const struct ctl *ctl, const struct ks_authority_facts *facts, const struct place *place)
{
    char pin[80], stamp[KS_STAMP_LEN + 1], until[11];
    json_t *result;

    write_pin(facts->key_hash, pin);
    snprintf(until, sizeof until, "%.*s", KS_STR_FMT(ks_stamp_write(facts->validity.until_s * 1000, stamp)));
    result = json_pack("{s:s, s:s, s:s#, s:s, s:s, s:b}", "hospital", facts->organisation, "name", facts->name,
        "domains", facts->domains.ptr, (int)facts->domains.len, "until", until, "pin", pin, "root", facts->root);
    if (place) {
        json_object_set_new(result, "certificate", json_string(place->certificate));
        json_object_set_new(result, "key", json_string(place->key));
    }
    if (!ctl_json(ctl, result)) {
        ctl_say(ctl, facts->root ? SAY("ctl.ca-is-root") : SAY("ctl.ca-is-issuing"), "name", facts->name, "hospital",
            facts->organisation, "until", until, NULL);
        if (facts->domains.len)
            ctl_say(ctl, SAY("ctl.ca-domains-are"), "domains", facts->domains.ptr, NULL);
        ctl_say(ctl, facts->root ? SAY("ctl.ca-pin") : SAY("ctl.ca-key-hash"), "pin", pin, NULL);
        if (place)
            ctl_say(ctl, SAY("ctl.ca-files"), "certificate", place->certificate, "key", place->key, NULL);
    }
    json_decref(result);
}

/* What was made is read again, as whoever uses it will. */
static int tell_file(const struct ctl *ctl, struct ks_arena *arena, const char *path, const struct place *place)
{
    struct ks_authority_facts facts;
    struct ks_str der, domains;
    enum ks_err err = ks_certificate_read(arena, path, &der);

    if (err == KS_OK)
        err = ks_authority_read(arena, der, &facts);
    if (err == KS_OK) /* for a sentence, with its end */
        err = ks_arena_join(arena, (struct ks_str[]) { facts.domains, ks_str("", 1) }, 2, &domains);
    if (err != KS_OK)
        return ctl_fail_at(ctl, err, path);
    facts.domains = ks_str(domains.ptr, domains.len - 1);
    tell(ctl, &facts, place);
    return EXIT_SUCCESS;
}

/* --- making --- */

/* lock NULL: the key is written in clear. Both files or none. */
static enum ks_err keep(
    const struct place *place, EVP_PKEY *key, const struct ctl_lock *lock, struct ks_str certificate)
{
    static const struct ks_key_shares none;
    enum ks_err err =
        ks_authority_key_write(place->key, key, lock ? lock->passphrase : NULL, lock ? &lock->shares : &none);

    if (err != KS_OK)
        return err;
    err = ks_certificate_write(place->certificate, certificate);
    if (err != KS_OK)
        (void)unlink(place->key);
    return err;
}

static int refuse_names(const struct ctl *ctl, enum ks_err err)
{
    return ctl_fail(ctl,
        err == KS_ELIMIT        ? SAY("ctl.ca-name")
            : err == KS_ESYNTAX ? SAY("ctl.ca-domains")
                                : SAY("control.memory"),
        NULL);
}

/* What was done with the root, for whoever was there to sign. */
static int record(struct ctl *ctl, struct ks_arena *arena, const struct place *root, const char *title,
    const struct ks_key_shares *shares)
{
    struct ks_authority_facts facts;
    char directory[PATH_BYTES_MAX], pin[80], set[12];
    struct ctl_record record;
    struct ks_str der;
    enum ks_err err = ks_certificate_read(arena, root->certificate, &der);

    if (err == KS_OK)
        err = ks_authority_read(arena, der, &facts);
    if (err != KS_OK)
        return ctl_fail_at(ctl, err, root->certificate);
    snprintf(directory, sizeof directory, "%s", ctl->words[0]);
    if ((err = ctl_record_open(ctl, directory, title, &record)) != KS_OK)
        return ctl_fail_at(ctl, err, directory);
    write_pin(facts.key_hash, pin);
    CTL_RECORD(ctl, &record, SAY("record.root"), "name", facts.name, "hospital", facts.organisation, "pin", pin);
    if (ctl->given & CTL_DOMAINS)
        CTL_RECORD(ctl, &record, SAY("record.domains"), "domains", ctl->domains);
    snprintf(set, sizeof set, "%u", shares->set);
    if (shares->count)
        ctl_record_holders(ctl, &record, shares->needed, shares->count, set);
    err = ctl_record_close(ctl, &record);
    return err == KS_OK ? EXIT_SUCCESS : ctl_fail_at(ctl, err, record.path);
}

static int make_root(struct ctl *ctl, struct ks_arena *arena, const struct place *place, const struct ctl_lock *lock)
{
    const struct ks_authority_names names = { .organisation = ctl->hospital, .name = "konsil root CA" };
    const struct ks_validity validity = from_now(ROOT_S);
    EVP_PKEY *key = ks_authority_key();
    struct ks_str certificate;
    enum ks_err err = key ? ks_authority_root(arena, key, &names, &validity, &certificate) : KS_ENOMEM;
    int status = EXIT_SUCCESS;

    if (err != KS_OK)
        status = refuse_names(ctl, err);
    else if (!ctl->dry_run && (err = keep(place, key, lock, certificate)) != KS_OK)
        status = ctl_fail_at(ctl, err, place->key);
    else if (ctl->dry_run)
        ctl_done(ctl, SAY("ctl.ca-root-next"));
    else if ((status = tell_file(ctl, arena, place->certificate, place)) == EXIT_SUCCESS
        && (status = record(ctl, arena, place, SAY("record.init"), &lock->shares)) == EXIT_SUCCESS)
        ctl_say(ctl, SAY("ctl.ca-root-next"), NULL);
    EVP_PKEY_free(key);
    return status;
}

/* What will open the key. With shares --dry-run does not bother anybody. */
static bool make_lock(struct ctl *ctl, struct ctl_lock *lock)
{
    if (!(ctl->given & CTL_SPLIT))
        return ctl_passphrase_ask(ctl, true, KS_PASSPHRASE_CHARACTERS_MIN, lock->passphrase);
    return ctl->dry_run || ctl_shares_deal(ctl, lock);
}

static int ca_init(struct ctl *ctl)
{
    struct ctl_lock lock = { 0 };
    struct ks_arena arena;
    struct place place;
    int status;

    if (!find_place(&place, ctl->words[0], "root"))
        return ctl_fail_at(ctl, KS_EIO, ctl->words[0]);
    if (mkdir(ctl->words[0], 0700) != 0 && errno != EEXIST)
        return ctl_fail_at(ctl, KS_EIO, ctl->words[0]);
    if (access(place.key, F_OK) == 0 || access(place.certificate, F_OK) == 0)
        return ctl_fail_at(ctl, KS_EEXISTS, place.key);
    if (!make_lock(ctl, &lock))
        return EXIT_FAILURE;
    ks_arena_init(&arena, ARENA_BYTES_MAX);
    status = make_root(ctl, &arena, &place, &lock);
    ks_arena_done(&arena);
    ks_wipe(&lock, sizeof lock);
    return status;
}

/* --- below it --- */

static enum ks_err open_root(const struct place *root, const struct ctl_lock *lock, struct ks_arena *arena,
    struct ks_str *ret_certificate, EVP_PKEY **ret_key, const char **ret_path)
{
    enum ks_err err = ks_certificate_read(arena, root->certificate, ret_certificate);

    *ret_path = root->certificate;
    if (err != KS_OK)
        return err;
    *ret_path = root->key;
    return ks_authority_key_read(root->key, lock->passphrase, ret_key);
}

/* Who signs the key log, and logs in at konsild as the registrar, for the first of the domains (§15.4). */
static enum ks_err make_signer(struct ctl *ctl, struct ks_arena *arena, struct ks_str root, EVP_PKEY *root_key,
    const struct ks_authority_names *issuing, struct place *ret_place)
{
    struct ks_authority_names names = *issuing;
    const struct ks_validity validity = from_now(ISSUING_S);
    EVP_PKEY *key = ks_authority_key();
    struct ks_str certificate;
    char jid[300];
    enum ks_err err;

    names.name = "konsil registrar";
    names.domain_count = 1;
    snprintf(jid, sizeof jid, "registrar@%s", names.domains[0]);
    if (!find_place(ret_place, ctl->to, "signer"))
        err = KS_EIO;
    else
        err = key ? ks_signer_issue(arena, root, root_key, key, &names, jid, &validity, &certificate) : KS_ENOMEM;
    if (err == KS_OK)
        err = keep(ret_place, key, NULL, certificate);
    EVP_PKEY_free(key);
    return err;
}

static int make_issuing(struct ctl *ctl, struct ks_arena *arena, const struct place *root, const struct ctl_lock *lock)
{
    struct names names = { .names = { .name = "konsil issuing CA" } };
    const struct ks_validity validity = from_now(ISSUING_S);
    struct ks_str root_certificate, certificate;
    struct ks_authority_facts facts;
    EVP_PKEY *root_key = NULL, *key = NULL;
    struct place place, copy, signer;
    const char *path;
    enum ks_err err;
    int status = EXIT_SUCCESS;

    if (!read_domains(&names, ctl->domains))
        return ctl_fail(ctl, SAY("ctl.ca-domains"), ctl->domains);
    if (!find_place(&place, ctl->to, "issuing") || !find_place(&copy, ctl->to, "root"))
        return ctl_fail_at(ctl, KS_EIO, ctl->to);
    if ((err = open_root(root, lock, arena, &root_certificate, &root_key, &path)) != KS_OK)
        return ctl_fail_at(ctl, err, path);
    err = ks_authority_read(arena, root_certificate, &facts);
    names.names.organisation = facts.organisation;
    key = err == KS_OK ? ks_authority_key() : NULL;
    if (err == KS_OK)
        err = key ? ks_authority_issuing(arena, root_certificate, root_key, key, &names.names, &validity, &certificate)
                  : KS_ENOMEM;
    if (err != KS_OK)
        status = refuse_names(ctl, err);
    else if (ctl->dry_run)
        ctl_done(ctl, SAY("ctl.ca-issuing-next"));
    else if ((err = keep(&place, key, NULL, certificate)) != KS_OK)
        status = ctl_fail_at(ctl, err, place.key);
    else if ((err = ks_certificate_write(copy.certificate, root_certificate)) != KS_OK && err != KS_EEXISTS)
        status = ctl_fail_at(ctl, err, copy.certificate);
    else if ((err = make_signer(ctl, arena, root_certificate, root_key, &names.names, &signer)) != KS_OK)
        status = ctl_fail_at(ctl, err, signer.key);
    else if ((status = tell_file(ctl, arena, place.certificate, &place)) == EXIT_SUCCESS
        && (status = record(ctl, arena, root, SAY("record.issuing"), &lock->shares)) == EXIT_SUCCESS)
        ctl_say(ctl, SAY("ctl.ca-issuing-next"), NULL);
    EVP_PKEY_free(key);
    EVP_PKEY_free(root_key);
    return status;
}

/* Finds the root, asks for what opens it, and goes on. */
static int with_root(struct ctl *ctl,
    int (*go_on)(struct ctl *ctl, struct ks_arena *arena, const struct place *root, const struct ctl_lock *lock))
{
    struct ctl_lock lock = { 0 };
    struct ks_arena arena;
    struct place root;
    int status;

    if (!find_place(&root, ctl->words[0], "root"))
        return ctl_fail_at(ctl, KS_EIO, ctl->words[0]);
    if (!ctl_lock_ask(ctl, root.key, &lock))
        return EXIT_FAILURE;
    ks_arena_init(&arena, ARENA_BYTES_MAX);
    status = go_on(ctl, &arena, &root, &lock);
    ks_arena_done(&arena);
    ks_wipe(&lock, sizeof lock);
    return status;
}

static int ca_issuing(struct ctl *ctl)
{
    if (mkdir(ctl->to, 0700) != 0 && errno != EEXIST)
        return ctl_fail_at(ctl, KS_EIO, ctl->to);
    return with_root(ctl, make_issuing);
}

/* --- sharing out --- */

/* The key stays, and so does all that it signed; what opened the file opens it no more. */
static int split_root(struct ctl *ctl, struct ks_arena *arena, const struct place *root, const struct ctl_lock *lock)
{
    struct ctl_lock fresh = { 0 };
    struct ks_str certificate;
    EVP_PKEY *key = NULL;
    const char *path;
    enum ks_err err = open_root(root, lock, arena, &certificate, &key, &path);
    int status = EXIT_FAILURE;

    if (err != KS_OK) {
        status = ctl_fail_at(ctl, err, path);
    } else if (ctl->dry_run) {
        ctl_done(ctl, SAY("ctl.ca-split-next"));
        status = EXIT_SUCCESS;
    } else if (ctl_shares_deal(ctl, &fresh)) {
        err = ks_authority_key_replace(root->key, key, fresh.passphrase, &fresh.shares);
        status = err == KS_OK ? record(ctl, arena, root, SAY("record.split"), &fresh.shares)
                              : ctl_fail_at(ctl, err, root->key);
        if (status == EXIT_SUCCESS)
            ctl_say(ctl, SAY("ctl.ca-split-next"), NULL);
    }
    EVP_PKEY_free(key);
    ks_wipe(&fresh, sizeof fresh);
    return status;
}

static int ca_split(struct ctl *ctl)
{
    return with_root(ctl, split_root);
}

/* --- officers --- */

/* Their dealing, which has to be of this root. The views belong to arena. */
static enum ks_err read_dealing(struct ks_arena *arena, const char *path, struct ks_str root,
    struct ks_officer_public *ret_public, uint8_t ret_hash[32])
{
    char *bytes = ks_arena_alloc(arena, KS_OFFICER_FILE_MAX + 1);
    FILE *file = bytes ? fopen(path, "rb") : NULL;
    size_t len;

    if (!file)
        return !bytes ? KS_ENOMEM : errno == ENOENT ? KS_ENOTFOUND : errno == EACCES ? KS_EDENIED : KS_EIO;
    len = fread(bytes, 1, KS_OFFICER_FILE_MAX + 1, file);
    fclose(file);
    if (len > KS_OFFICER_FILE_MAX || ks_officer_public_read(ks_str(bytes, len), ret_public) != KS_OK
        || !ks_str_eq(ret_public->root, root))
        return KS_ESYNTAX;
    ks_hash(KS_SHA256, ks_str(bytes, len), ret_hash);
    return KS_OK;
}

static int make_officers(struct ctl *ctl, struct ks_arena *arena, const struct place *root, const struct ctl_lock *lock)
{
    struct names names = { .names = { .name = "konsil officers" } };
    const struct ks_validity validity = from_now(ISSUING_S);
    struct ks_str root_certificate, certificate;
    struct ks_officer_public public;
    struct ks_authority_facts facts;
    EVP_PKEY *root_key = NULL;
    struct place place;
    uint8_t dealing[32];
    const char *path;
    enum ks_err err;
    int status = EXIT_SUCCESS;

    if (!read_domains(&names, ctl->domains))
        return ctl_fail(ctl, SAY("ctl.ca-domains"), ctl->domains);
    if (!find_place(&place, ctl->to, "officers"))
        return ctl_fail_at(ctl, KS_EIO, ctl->to);
    if ((err = open_root(root, lock, arena, &root_certificate, &root_key, &path)) != KS_OK)
        return ctl_fail_at(ctl, err, path);
    err = ks_authority_read(arena, root_certificate, &facts);
    names.names.organisation = facts.organisation;
    if (err == KS_OK && (err = read_dealing(arena, ctl->words[1], root_certificate, &public, dealing)) != KS_OK)
        status = err == KS_ESYNTAX ? ctl_fail(ctl, SAY("ctl.recover-file"), ctl->words[1])
                                   : ctl_fail_at(ctl, err, ctl->words[1]);
    else if ((err = ks_officers_certify(arena, root_certificate, root_key, public.officers.commitments[0], dealing,
                  &names.names, &validity, &certificate))
        != KS_OK)
        status = refuse_names(ctl, err);
    else if (ctl->dry_run)
        ctl_done(ctl, SAY("ctl.ca-officers-next"));
    else if ((err = ks_certificate_write(place.certificate, certificate)) != KS_OK)
        status = ctl_fail_at(ctl, err, place.certificate);
    else if ((status = record(ctl, arena, root, SAY("record.officers"), &lock->shares)) == EXIT_SUCCESS)
        ctl_say(ctl, SAY("ctl.ca-officers-next"), NULL);
    EVP_PKEY_free(root_key);
    return status;
}

static int ca_officers(struct ctl *ctl)
{
    if (mkdir(ctl->to, 0700) != 0 && errno != EEXIST)
        return ctl_fail_at(ctl, KS_EIO, ctl->to);
    return with_root(ctl, make_officers);
}

static int ca_show(struct ctl *ctl)
{
    struct ks_arena arena;
    int status;

    ks_arena_init(&arena, ARENA_BYTES_MAX);
    status = tell_file(ctl, &arena, ctl->words[0], NULL);
    ks_arena_done(&arena);
    return status;
}

const struct ctl_command ctl_cas[] = {
    { "ca init", "DIRECTORY", CTL_HOSPITAL, CTL_SPLIT | CTL_PASSWORD_STDIN, ca_init, SAY("do.ca-init"),
        "/media/root --hospital \"Klinikum Beispiel\" --split" },
    { "ca split", "DIRECTORY", 0, CTL_PASSWORD_STDIN, ca_split, SAY("do.ca-split"), "/media/root" },
    { "ca issuing", "DIRECTORY", CTL_TO | CTL_DOMAINS, CTL_PASSWORD_STDIN, ca_issuing, SAY("do.ca-issuing"),
        "/media/root --to /etc/konsil-ca --domains klinik.example" },
    { "ca officers", "DIRECTORY FILE", CTL_TO | CTL_DOMAINS, CTL_PASSWORD_STDIN, ca_officers, SAY("do.ca-officers"),
        "/media/root officers.public --to /media/transport --domains klinik.example" },
    { "ca show", "FILE", 0, 0, ca_show, SAY("do.ca-show"), "/media/root/root.pem" },
    { NULL },
};
