/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ring_commands.c -- the commands that wait for the key ring, one at a time (ring_keeper.h). */
#include <stdlib.h>

#include "archive_pin.h"
#include "archiving.h"
#include "command.h"
#include "engine.h"

/* Whether the ring, as it stands, lets a command begin. */
static const char *why_not(const struct konsil *k, enum ks_ring_state wanted)
{
    enum ks_ring_state state = k->ring.state;

    if (!ks_online(k))
        return KS_CODE_OFFLINE;
    if (k->ring.command)
        return KS_CODE_ARCHIVE_BUSY;
    if (state == wanted)
        return NULL;
    return state == KS_RING_STATE_SHUT  ? KS_CODE_ARCHIVE_SHUT
        : state == KS_RING_STATE_OPEN   ? KS_CODE_ARCHIVE_OPEN
        : state == KS_RING_STATE_DOUBT  ? KS_CODE_ARCHIVE_DOUBT
        : state == KS_RING_STATE_ASKING ? KS_CODE_ARCHIVE_BUSY
                                        : KS_CODE_ARCHIVE_NONE;
}

enum ks_err ks_ring_begin(struct konsil *k, const struct ks_cmd *cmd, enum ks_ring_state wanted, bool *ret_begun)
{
    const char *code = why_not(k, wanted);
    struct ks_str text;
    enum ks_err err;

    *ret_begun = false;
    if (code)
        return ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY);
    if ((err = ks_cmd_text(k, cmd, &text)) != KS_OK)
        return err;
    k->ring.command = ks_str_dup(text);
    *ret_begun = k->ring.command;
    return k->ring.command ? KS_OK : KS_ENOMEM;
}

enum ks_err ks_ring_done_for(struct konsil *k)
{
    struct ks_ev_result event = { .re = ks_cmd_text_id(ks_str_z(k->ring.command)) };
    enum ks_err err = event.re.len ? ks_tell(k, KS_EV_RESULT, &event) : KS_OK;

    free(k->ring.command);
    k->ring.command = NULL;
    return err;
}

enum ks_err ks_ring_refuse(struct konsil *k, const char *code, struct ks_str detail)
{
    struct ks_str text = ks_str_z(k->ring.command ? k->ring.command : "");
    enum ks_err err = ks_command_refused(k, text, code, detail);

    free(k->ring.command);
    k->ring.command = NULL;
    k->ring.opening = KS_RING_OPENING_NOT;
    k->ring.add_count = 0;
    ks_wipe(k->ring.recovery, sizeof k->ring.recovery);
    ks_wipe(k->ring.open_key, sizeof k->ring.open_key);
    ks_archive_pin_end(k);
    return err;
}

enum ks_err ks_ring_look(struct konsil *k)
{
    k->ring.opening = KS_RING_OPENING_LOOK;
    return ks_ring_ask(k);
}

enum ks_err ks_ring_open_with(struct konsil *k, enum ks_ring_kind kind, const uint8_t key[32])
{
    k->ring.opening = KS_RING_OPENING_KEY;
    k->ring.open_kind = kind;
    memcpy(k->ring.open_key, key, sizeof k->ring.open_key);
    return ks_ring_ask(k);
}

enum ks_err ks_cmd_on_archive_recovery(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ring_keeper *keeper = &k->ring;
    uint8_t key[32], private_key[KS_P256_PRIVATE_LEN];
    bool begun;
    enum ks_err err = ks_ring_begin(k, cmd, KS_RING_STATE_OPEN, &begun);

    if (err != KS_OK || !begun)
        return err;
    ks_prng_bytes(&k->prng, keeper->recovery, sizeof keeper->recovery);
    ks_recovery_key(keeper->recovery, key);
    ks_p256_generate(&k->prng, private_key);
    err = ks_account_seat(&k->prng, ks_own(k), NULL, private_key, key, keeper->secret.anchor, &keeper->add[0]);
    ks_wipe(private_key, sizeof private_key);
    ks_wipe(key, sizeof key);
    if (err != KS_OK)
        return err;
    keeper->add_count = 1;
    ks_archive_wake(k);
    return KS_OK;
}

enum ks_err ks_cmd_on_archive_open(struct konsil *k, const struct ks_cmd *cmd)
{
    uint8_t recovery[KS_RECOVERY_KEY_LEN], key[32];
    bool begun;
    enum ks_err err;

    if (cmd->archive_open.pin.len)
        return ks_archive_pin_open(k, cmd);
    if (ks_recovery_read(cmd->archive_open.recovery, recovery) != KS_OK)
        return ks_cmd_refuse(k, cmd, KS_CODE_ARCHIVE_KEY_TYPED, KS_STR_EMPTY);
    err = ks_ring_begin(k, cmd, KS_RING_STATE_SHUT, &begun);
    ks_recovery_key(recovery, key);
    ks_wipe(recovery, sizeof recovery);
    if (err == KS_OK && begun)
        err = ks_ring_open_with(k, KS_RING_RECOVERY, key);
    ks_wipe(key, sizeof key);
    return err;
}
