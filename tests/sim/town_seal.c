/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* town_seal.c -- what engines seal into the town's room, seen where they do it (the linker's --wrap): only there it is
 * known by which statement. */
#include "engine.h"
#include "group.h"
#include "sealing.h"
#include "town_room.h"
#include "xml_writer.h"

static struct town_room *watched; /* one life at a time in a process */

void town_room_watch(struct town_room *room)
{
    watched = room;
}

static enum ks_err note(struct konsil *k, const struct ks_sealing *sealing)
{
    struct ks_group group;
    struct ks_buf bytes;
    enum ks_err err = ks_group_get(k, sealing->to, &group);

    if (err != KS_OK)
        return err;
    ks_buf_init(&bytes, 4u << 20);
    ks_xml_write(&bytes, sealing->stanza, KS_STR_EMPTY);
    if ((err = ks_buf_err(&bytes)) == KS_OK)
        town_room_sealed(watched, group.newest.state.v, ks_own(k), ks_buf_str(&bytes));
    ks_buf_done(&bytes);
    return err;
}

enum ks_err __real_ks_seal(struct konsil *k, struct ks_sealing *sealing);
enum ks_err __wrap_ks_seal(struct konsil *k, struct ks_sealing *sealing);

enum ks_err __wrap_ks_seal(struct konsil *k, struct ks_sealing *sealing)
{
    enum ks_err err = __real_ks_seal(k, sealing);

    return err == KS_OK && watched && sealing->room && sealing->stanza ? note(k, sealing) : err;
}
