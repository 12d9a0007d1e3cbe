/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* courier.h -- the process that asks push services, because konsild itself can open no connection (sandbox.h).
 *
 * It is forked before konsild has anything: it has no key, no database, no client's bytes; it gets a URL, headers and a
 * body, and says which status came (courier_link.h). Only https, only certificates that verify, no redirects, no answer
 * kept; only public addresses, unless the setup says otherwise, whatever a name resolves to. It ends when konsild does;
 * when it ends by itself it is started anew. */
#ifndef KS_COURIER_H
#define KS_COURIER_H

#include <stdbool.h>
#include <stddef.h>

#include "sandbox.h"

struct ks_courier_setup {
    size_t count;           /* of reactor threads */
    const char *ca_file;    /* certificates to trust in place of the system's; empty: the system's */
    bool private_addresses; /* of our own network are asked, too */
    bool sandbox;           /* and sealed (sandbox.h), else the user and capabilities alone */
    bool change_user;
    uid_t uid;
    gid_t gid;
};

/* Before there are threads. Fills fds[count] with konsild's ends. KS_OK; KS_EIO without descriptors or processes. */
KS_CHECK enum ks_err ks_courier_start(const struct ks_courier_setup *setup, int *fds);

#endif
