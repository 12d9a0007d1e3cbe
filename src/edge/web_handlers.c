/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "web_handlers.h"

const struct ks_http_handler *const ks_web_handlers[] = {
    &ks_web_host_meta,
    &ks_web_host_meta_json,
    &ks_web_files_handler,
    &ks_web_vault,
    &ks_web_invite,
    &ks_web_socket,
    &ks_web_metrics,
    &ks_web_health,
    &ks_web_redirect,
    &ks_web_app,
    NULL,
};
