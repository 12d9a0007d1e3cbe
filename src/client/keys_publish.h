/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* keys_publish.h -- our own bundles at the server (XEP-0384 0.9 §5.3.2); the rest of it is in keys.h. */
#ifndef KS_KEYS_PUBLISH_H
#define KS_KEYS_PUBLISH_H

#include "omemo.h"

struct konsil;

/* As it is now. In a step; KS_EAGAIN: later. */
KS_CHECK enum ks_err ks_keys_publish(struct konsil *k, enum ks_omemo_version version);

#endif
