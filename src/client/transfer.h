/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* transfer.h -- files on their way: what is to be moved, when, and what becomes of it (konsil.h says what a host does).
 *
 * Each transfer is a record (transfer_record.h) until it is done, failed or given up, so it goes on after a restart.
 * One goes up and one comes down at a time, oldest first. Up: the host says how long the file is, the server gives a
 * slot, the host puts the bytes, sealed under a key of this try alone, and in one transaction the record goes and the
 * message enters the outbox. Whatever breaks is begun anew, with a new slot and a new key: no nonce serves twice. Down:
 * the host fetches, and the engine says whether the bytes are the author's before the host may name them so. */
#ifndef KS_TRANSFER_H
#define KS_TRANSFER_H

#include "command.h"
#include "file_seal.h"
#include "konsil/konsil.h"
#include "list.h"
#include "transfer_record.h"
#include "upload_slot.h"

#define KS_TRANSFERS_MAX 1000     /* at once, of an account */
#define KS_TRANSFER_RETRY_MS 2000 /* after a first failure; twice as long after each further one */
#define KS_TRANSFER_RETRY_MAX_MS 300000
#define KS_TRANSFER_SLOTS_MAX 5 /* that a server gives and then refuses, before that is final */

/* The one of its direction that is at work. */
struct ks_move {
    enum ks_move_phase {
        KS_MOVE_IDLE,    /* number: which one waits for retry_ms; 0: none */
        KS_MOVE_LOOKING, /* the host looks at the file */
        KS_MOVE_ASKING,  /* the server is asked for a slot */
        KS_MOVE_MOVING,  /* the host moves bytes */
    } phase;
    uint64_t number;
    unsigned tries;
    int64_t retry_ms, told_ms; /* mono */
    bool give;                 /* the host is to be given it */
    char *path, *name, *url, *headers, *get;
    uint64_t bytes, moved; /* sealed */
    uint64_t reached;      /* down: the furthest that any try of it came */
    struct ks_file_secret secret;
    struct ks_file_marks marks; /* up: bytes before, all after the end of sealing; down: of the message */
    struct ks_file_sealer *sealer;
    struct ks_file_opener *opener;
    uint64_t sealed; /* bytes of the file that were sealed */
    bool sealed_all;
};

struct ks_transfers {
    struct ks_move up, down;
    struct ks_upload_service service;
    struct ks_list stops; /* what the host is to forget */
    char *given;          /* texts of the konsil_file that the host got last */
};

void ks_transfers_init(struct konsil *k);
void ks_transfers_done(struct konsil *k);

/* What the host is to forget, in the list of stops. */
struct ks_transfer_stop_note {
    struct ks_list link;
    uint64_t number;
    char *path;
};

/* --- in a step --- */

KS_CHECK enum ks_err ks_transfer_send(struct konsil *k, const struct ks_cmd *cmd);   /* file_send */
KS_CHECK enum ks_err ks_transfer_get(struct konsil *k, const struct ks_cmd *cmd);    /* file_get */
KS_CHECK enum ks_err ks_transfer_cancel(struct konsil *k, const struct ks_cmd *cmd); /* file_cancel */
KS_CHECK enum ks_err ks_transfer_list(struct konsil *k, const struct ks_cmd *cmd);   /* transfers */
KS_CHECK enum ks_err ks_transfers_count(struct konsil *k, uint64_t *ret_count);
/* Of upload_slot.h. */
KS_CHECK enum ks_err ks_transfers_slot(struct konsil *k, uint64_t number, const struct ks_upload_slot *slot);
/* A message is taken back: what is fetched of it is given up. */
KS_CHECK enum ks_err ks_transfers_erased(struct konsil *k, struct ks_str conversation, int64_t order, const char *code);

/* --- in a step, for transfer_commands.c and transfer_host.c alone --- */

/* KS_ENOTFOUND: it is over. */
KS_CHECK enum ks_err ks_transfer_load(struct konsil *k, uint64_t number, struct ks_transfer *ret_transfer);
KS_CHECK enum ks_err ks_transfer_save(struct konsil *k, const struct ks_transfer *transfer);
KS_CHECK enum ks_err ks_transfer_new_number(struct konsil *k, uint64_t *ret_number);
/* Oldest first, in the arena. */
KS_CHECK enum ks_err ks_transfer_all(struct konsil *k, struct ks_transfer **ret_items, size_t *ret_count);
KS_CHECK enum ks_err ks_transfer_event(
    struct konsil *k, const struct ks_transfer *transfer, struct ks_js_transfer *event);
/* reason: NULL or a code; detail may be empty. */
KS_CHECK enum ks_err ks_transfer_tell(struct konsil *k, const struct ks_transfer *transfer,
    enum ks_js_transfer_state state, const char *reason, struct ks_str detail);
/* It is over: told, and its record goes. */
KS_CHECK enum ks_err ks_transfer_end(struct konsil *k, const struct ks_transfer *transfer,
    enum ks_js_transfer_state state, const char *reason, struct ks_str detail);
KS_CHECK enum ks_err ks_transfer_fail(
    struct konsil *k, const struct ks_transfer *transfer, const char *code, struct ks_str detail);
/* Anew, after a while. */
KS_CHECK enum ks_err ks_transfer_again(struct konsil *k, const struct ks_transfer *transfer, const char *code);
/* The host forgets it, whether it has it or left something in an earlier life. */
KS_CHECK enum ks_err ks_transfer_stop(struct konsil *k, const struct ks_transfer *transfer);
void ks_transfer_free_stop(struct ks_transfer_stop_note *stop);

/* --- anywhere --- */

void ks_transfers_wake(struct konsil *k);  /* something they waited for may be here */
void ks_transfers_retry(struct konsil *k); /* now, and not when it is time (command retry) */
void ks_transfers_lost(struct konsil *k);  /* the session is gone */

/* Outside of steps. */
void ks_transfers_due(struct konsil *k); /* KS_WAIT_TRANSFER */

#endif
