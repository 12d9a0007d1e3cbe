/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_shares.h"

#include <unistd.h>

#include "slip39.h"
#include "system.h"

#define NEEDED 2
#define COUNT 3
#define SECRET_LEN 32
#define LINE_MAX_BYTES 1024 /* a share is shorter than KS_SLIP39_TEXT_MAX, but for blanks */

int ctl_fail_at(const struct ctl *ctl, enum ks_err err, const char *path)
{
    return ctl_fail(ctl,
        err == KS_EEXISTS         ? SAY("ctl.ca-exists")
            : err == KS_ENOTFOUND ? SAY("ctl.ca-missing")
            : err == KS_EDENIED   ? SAY("ctl.ca-open")
            : err == KS_ECRYPTO   ? SAY("ctl.ca-passphrase")
            : err == KS_ESYNTAX   ? SAY("ctl.ca-unreadable")
            : err == KS_ENOMEM    ? SAY("control.memory")
                                  : SAY("ctl.ca-io"),
        path);
}

/* --- the talk --- */

static bool can_ask(const struct ctl *ctl)
{
    if (ctl->given & CTL_PASSWORD_STDIN || isatty(STDIN_FILENO))
        return true;
    ctl_fail(ctl, SAY("ctl.password-terminal"), NULL);
    return false;
}

/* The next person sees nothing of it, neither above. */
static void clear_screen(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\033[2J\033[3J\033[H", stderr);
}

static void say(const struct ctl *ctl, const char *id, unsigned number)
{
    char text[12], of[12];

    snprintf(text, sizeof text, "%u", number);
    snprintf(of, sizeof of, "%d", COUNT);
    ctl_write(ctl, stderr, id, "number", text, "count", of, NULL);
    fputc('\n', stderr);
}

/* Why a line is no share, and what to do; the next one may be. */
static void complain(const struct ctl *ctl, enum ks_err err, unsigned word)
{
    char number[12];

    snprintf(number, sizeof number, "%u", word);
    ctl_fail(ctl, err == KS_ESYNTAX && word ? SAY("ctl.share-word") : SAY("ctl.share-typed"), word ? number : NULL);
}

/* One line as a share. False: stdin has ended. KS_OK or not, the caller goes on. */
static bool read_share(struct ks_slip39_share *share, enum ks_err *ret_err, unsigned *ret_word)
{
    char line[LINE_MAX_BYTES];
    bool read = fgets(line, sizeof line, stdin) != NULL;

    if (read)
        *ret_err = ks_slip39_read(ks_str_z(line), share, ret_word);
    ks_wipe(line, sizeof line);
    return read;
}

/* --- dealing --- */

static void show(const struct ctl *ctl, const struct ks_slip39_share *share)
{
    struct ks_buf words;

    ks_buf_init_secret(&words, KS_SLIP39_TEXT_MAX);
    ks_slip39_write(share, &words);
    say(ctl, SAY("ctl.share-show"), share->member);
    fprintf(stderr, "\n%.*s\n\n", KS_STR_FMT(ks_buf_str(&words)));
    ks_buf_done(&words);
}

/* Until the paper says what was shown. */
static bool give_out(struct ctl *ctl, const struct ks_slip39_share *share)
{
    struct ks_slip39_share typed = { 0 };
    enum ks_err err = KS_OK;
    bool same = false, read = true;
    unsigned word = 0;

    while (!same && read) {
        show(ctl, share);
        if (isatty(STDERR_FILENO)) {
            say(ctl, SAY("ctl.share-written"), share->member);
            for (int c = getchar(); c != '\n' && c != EOF;)
                c = getchar();
            clear_screen();
        }
        say(ctl, SAY("ctl.share-type"), share->member);
        read = read_share(&typed, &err, &word);
        same = read && err == KS_OK && memcmp(&typed, share, sizeof typed) == 0;
        if (read && !same)
            complain(ctl, err, word);
    }
    ks_wipe(&typed, sizeof typed);
    clear_screen();
    if (!same)
        ctl_fail(ctl, SAY("ctl.share-unwritten"), NULL);
    return same;
}

static void write_passphrase(const uint8_t secret[SECRET_LEN], struct ctl_lock *lock)
{
    for (size_t i = 0; i < SECRET_LEN; i++)
        snprintf(lock->passphrase + 2 * i, 3, "%02x", secret[i]);
}

bool ctl_shares_deal(struct ctl *ctl, struct ctl_lock *ret_lock)
{
    struct ks_slip39_share shares[COUNT];
    uint8_t seed[KS_PRNG_SEED_LEN], secret[SECRET_LEN];
    struct ks_prng prng;
    bool dealt = can_ask(ctl);

    if (!dealt)
        return false;
    ks_system_entropy(seed, sizeof seed);
    ks_prng_init(&prng, seed);
    ks_prng_bytes(&prng, secret, sizeof secret);
    dealt = ks_slip39_split(&prng, ks_str(secret, sizeof secret), NEEDED, COUNT, shares) == KS_OK;
    for (unsigned i = 0; dealt && i < COUNT; i++)
        dealt = give_out(ctl, &shares[i]);
    if (dealt) {
        ret_lock->shares = (struct ks_key_shares) { NEEDED, COUNT, shares[0].id };
        write_passphrase(secret, ret_lock);
    }
    ks_prng_done(&prng);
    ks_wipe(seed, sizeof seed);
    ks_wipe(secret, sizeof secret);
    ks_wipe(shares, sizeof shares);
    return dealt;
}

/* --- opening --- */

static bool has_member(const struct ks_slip39_share *shares, size_t count, unsigned member)
{
    for (size_t i = 0; i < count; i++)
        if (shares[i].member == member)
            return true;
    return false;
}

/* Of this set, and none of those before it. On a terminal whoever mistyped types again. */
static bool ask_share(struct ctl *ctl, const struct ks_key_shares *set, struct ks_slip39_share *shares, size_t count)
{
    struct ks_slip39_share *share = &shares[count];
    enum ks_err err = KS_OK;
    unsigned word = 0;

    for (bool again = true; again; again = isatty(STDIN_FILENO)) {
        say(ctl, SAY("ctl.share-ask"), (unsigned)count + 1);
        if (!read_share(share, &err, &word)) {
            ctl_fail(ctl, SAY("ctl.share-missing"), NULL);
            return false;
        }
        clear_screen();
        if (err != KS_OK)
            complain(ctl, err, word);
        else if (share->id != set->set || share->needed != set->needed || share->groups != 1
            || share->len != SECRET_LEN)
            ctl_fail(ctl, SAY("ctl.share-other"), NULL);
        else if (has_member(shares, count, share->member))
            ctl_fail(ctl, SAY("ctl.share-twice"), NULL);
        else
            return true;
    }
    return false;
}

static bool ask_shares(struct ctl *ctl, struct ctl_lock *lock)
{
    struct ks_slip39_share shares[KS_SLIP39_SHARES_MAX];
    uint8_t secret[KS_SLIP39_SECRET_MAX];
    bool asked = can_ask(ctl);
    size_t len = 0;

    for (size_t i = 0; asked && i < lock->shares.needed; i++)
        asked = ask_share(ctl, &lock->shares, shares, i);
    if (asked && ks_slip39_combine(shares, lock->shares.needed, KS_STR_EMPTY, secret, &len) != KS_OK) {
        ctl_fail(ctl, SAY("ctl.share-other"), NULL);
        asked = false;
    }
    if (asked)
        write_passphrase(secret, lock);
    ks_wipe(shares, sizeof shares);
    ks_wipe(secret, sizeof secret);
    return asked;
}

bool ctl_lock_ask(struct ctl *ctl, const char *path, struct ctl_lock *ret_lock)
{
    enum ks_err err = ks_authority_key_shares(path, &ret_lock->shares);

    if (err != KS_OK) {
        ctl_fail_at(ctl, err, path);
        return false;
    }
    return ret_lock->shares.count ? ask_shares(ctl, ret_lock) : ctl_passphrase_ask(ctl, false, 1, ret_lock->passphrase);
}
