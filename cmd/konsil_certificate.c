/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_certificate.h"

#include <limits.h>
#include <stdlib.h>

#include "crypto.h"
#include "profile.h"

struct paths {
    char certificate[KS_PROFILE_PATH_MAX], key[KS_PROFILE_PATH_MAX]; /* key empty: in the same file */
};

static const char *why_not(enum ks_err err, bool had_passphrase)
{
    switch ((int)err) {
    case KS_EDENIED:
        return had_passphrase ? SAY("konsil.key-wrong") : SAY("konsil.key-missing");
    case KS_EIO:
        return SAY("konsil.certificate-unreadable");
    case KS_ENOMEM:
        return SAY("konsil.memory");
    default:
        return SAY("konsil.certificate-unfit");
    }
}

/* Tries as it is given, and when that is not enough asks for the passphrase. */
static enum ks_err use(
    struct program *program, const struct paths *paths, char *text, size_t cap, bool *had_passphrase, bool *ret_open)
{
    struct ks_client_key_files files = { paths->certificate, *paths->key ? paths->key : NULL };
    enum ks_err err = ks_client_link_certify(program->link, &files, *had_passphrase ? text : NULL, ret_open);

    if (err != KS_EDENIED || *had_passphrase || !program_ask(program, SAY("konsil.key-ask"), text, cap))
        return err;
    *had_passphrase = true;
    return ks_client_link_certify(program->link, &files, text, ret_open);
}

/* NULL, or an id of the catalogue that says what is wrong. */
static const char *load(struct program *program, const struct paths *paths, const char *passphrase_file)
{
    const char *given = getenv("KONSIL_KEY_PASSPHRASE"), *wrong = NULL;
    char text[KS_CLIENT_KEY_PASSPHRASE_MAX + 2] = "";
    bool had_passphrase = passphrase_file || given, open = false;
    enum ks_err err = KS_OK;

    if (passphrase_file)
        wrong = program_read_passphrase(passphrase_file, text, sizeof(text));
    else if (given && snprintf(text, sizeof(text), "%s", given) >= (int)sizeof(text))
        wrong = SAY("konsil.key-wrong");
    if (!wrong && (err = use(program, paths, text, sizeof(text), &had_passphrase, &open)) != KS_OK)
        wrong = why_not(err, had_passphrase);
    ks_wipe(text, sizeof(text));
    return wrong ? wrong : open ? SAY("konsil.key-open") : NULL;
}

/* Whatever directory konsil is started in the next time. */
static bool absolute(const char *path, char ret_path[KS_PROFILE_PATH_MAX])
{
    char *real = realpath(path, NULL);
    bool fits = real && snprintf(ret_path, KS_PROFILE_PATH_MAX, "%s", real) < KS_PROFILE_PATH_MAX;

    free(real);
    return fits;
}

int konsil_certificate(struct program *program, const char *dir, const struct certificate_options *options)
{
    struct paths paths = { "", "" };
    const char *wrong;

    if (options->forget && ks_profile_set_certificate(dir, NULL, NULL) != KS_OK)
        return program_fail(program, SAY("konsil.store-unwritable"));
    if (!options->certificate && !ks_profile_certificate(dir, paths.certificate, paths.key))
        return EXIT_SUCCESS;
    if (options->certificate
        && (!absolute(options->certificate, paths.certificate) || (options->key && !absolute(options->key, paths.key))))
        return program_fail(program, SAY("konsil.certificate-unreadable"));
    if ((wrong = load(program, &paths, options->passphrase_file)))
        return program_fail(program, wrong);
    if (options->certificate && ks_profile_set_certificate(dir, paths.certificate, paths.key) != KS_OK)
        return program_fail(program, SAY("konsil.store-unwritable"));
    program->certificate = true;
    return EXIT_SUCCESS;
}
