/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* service.h -- a program that answers what others ask by XMPP's iq, or asks by it what the engine has no words for: the
 * registrar, a gateway, a bot. Elements are handed over as XML; whom to believe is the program's business.
 *
 * What is asked of us is told and forgotten: who asked and did not get an answer asks again. */
#ifndef KS_SERVICE_H
#define KS_SERVICE_H

#include "stanza.h"

#define KS_SERVE_MAX 8
#define KS_SERVE_NAME_MAX 200
#define KS_SERVICE_XML_MAX (96 * 1024)

struct konsil;
struct ks_cmd;

/* The name spaces that the program serves, each with a zero behind it. For as long as the engine lives. */
struct ks_served {
    size_t count;
    char names[KS_SERVE_MAX][KS_SERVE_NAME_MAX];
};

/* In a step: whether the request is of a name space that is served; then it was told. */
KS_CHECK enum ks_err ks_service_request(struct konsil *k, const struct ks_stanza *iq, bool *ret_told);

KS_CHECK enum ks_err ks_cmd_on_serve(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_reply(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_ask(struct konsil *k, const struct ks_cmd *cmd);

#endif
