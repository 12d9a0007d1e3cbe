/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* avatar.h -- a person's picture, as her nodes of XEP-0084 have it: for all that shows it in another form. */
#ifndef KS_AVATAR_H
#define KS_AVATAR_H

#include "feature.h"

struct ks_avatar {
    struct ks_str id;     /* SHA-1 of the picture, in hexadecimal */
    struct ks_str type;   /* "image/png" */
    struct ks_str base64; /* the picture */
};

/* The picture of ctx->user, if she has one with the server and reader may read both nodes. Its id is compared with the
 * picture. Views live as long as ctx->arena. */
bool ks_avatar_get(struct ks_ctx *ctx, struct ks_jid reader, struct ks_avatar *ret_avatar);
/* What she says of it: false, nothing yet; true with an empty id, that there is none. */
bool ks_avatar_id(struct ks_ctx *ctx, struct ks_str *ret_id);

/* A picture as somebody gives it: base64, with or without white space, and a type, which may be missing. False: it is
 * none, or longer than avatar.bytes_max. The views live as long as ctx->arena. */
bool ks_avatar_read(struct ks_ctx *ctx, struct ks_str base64, struct ks_str type, struct ks_avatar *ret_avatar);

/* XEP-0398 §3.2: a picture, as base64 with or without white space, becomes that of her nodes, which everybody may read
 * if they are new. False: it is no base64, or too long: nothing happened. Empty: she has none any more. */
bool ks_avatar_set(struct ks_ctx *ctx, struct ks_str base64, struct ks_str type);

#endif
