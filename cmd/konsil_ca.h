/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_ca.h -- what the parts of konsil-ca share. */
#ifndef KONSIL_CA_H
#define KONSIL_CA_H

#include <sys/types.h>

#include "buf.h"
#include "desk.h"
#include "log.h"

struct ca {
    struct ks_registrar *registrar;
    struct ks_desk desk;
    const struct ks_log *log;
    const char *domain, *host; /* host: of links, where people's browsers reach konsil */
    uint8_t pin[KS_ENROL_PIN_LEN];
    bool connected; /* to konsild */
};

/* One request of konsilctl's, {"v":1,"command":…,"args":…}, and its answer (konsil_ca_admin.c). */
void ca_admin(struct ca *ca, uid_t uid, struct ks_str line, int64_t now_ms, struct ks_buf *answer);

#endif
