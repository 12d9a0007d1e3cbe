/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fake_core.h -- a core for tests of src/edge: server.h with a protocol of lines instead of XMPP.
 *
 *   starttls      "proceed", then TLS; what came in the same feed after it is remembered and must never be obeyed
 *   echo TEXT     TEXT
 *   where         the index of the reactor at hand
 *   facts         how the stream is secured: "tls-exporter end-point:LENGTH" or "clear"
 *   move N        to reactor N, which answers "moved"
 *   flood N       N bytes of 'x' and "done"
 *   pause N       reads nothing until N more lines were echoed to others (see resume)
 *   resume        lets all paused streams of this reactor go on
 *   mail N TEXT   to reactor N, which mails it back: TEXT
 *   store         asks the store; "stored" when it answered
 *   close         "bye", then closes
 *
 * Link it in place of the server; it defines all that src/edge calls. */
#ifndef FAKE_CORE_H
#define FAKE_CORE_H

#include <stdatomic.h>

#include "server.h"

extern atomic_uint fake_streams; /* open in all reactors */
extern atomic_uint fake_pauses;  /* told so far */

KS_CHECK struct ks_server *fake_server_new(uint16_t reactors);

#endif
