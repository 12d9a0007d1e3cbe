/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "err.h"

const char *ks_err_name(enum ks_err err)
{
    switch (err) {
    case KS_OK:
        return "KS_OK";
    case KS_ESYNTAX:
        return "KS_ESYNTAX";
    case KS_ELIMIT:
        return "KS_ELIMIT";
    case KS_ECRYPTO:
        return "KS_ECRYPTO";
    case KS_ENOTFOUND:
        return "KS_ENOTFOUND";
    case KS_EEXISTS:
        return "KS_EEXISTS";
    case KS_ESTATE:
        return "KS_ESTATE";
    case KS_EVERSION:
        return "KS_EVERSION";
    case KS_EAGAIN:
        return "KS_EAGAIN";
    case KS_EDENIED:
        return "KS_EDENIED";
    case KS_FATAL:
        return "KS_FATAL";
    case KS_ENOMEM:
        return "KS_ENOMEM";
    case KS_ESTORE:
        return "KS_ESTORE";
    case KS_EFULL:
        return "KS_EFULL";
    case KS_EIO:
        return "KS_EIO";
    }
    return "unknown";
}
