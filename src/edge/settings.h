/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* settings.h -- konsild.conf: read, judged, and the reference of all it may hold.
 *
 * The file is libconfig's format. Every option is a descriptor: those of the core and its features (config.h), and
 * those of the edge, which stand in settings.c. Paths may be relative to the file's directory. */
#ifndef KS_SETTINGS_H
#define KS_SETTINGS_H

#include "buf.h"
#include "config.h"
#include "sentence.h"

struct ks_settings;

/* Reads the file and judges all of it. complaints gets one line for each mistake, with file, line, key, what is wrong
 * and what would be right: "konsild.conf:12: blocking.items_max: 5 is too small. It takes a number from 10 to 100000."
 * KS_OK; KS_ESYNTAX when there is a complaint; KS_EIO when the file cannot be read (a complaint too); KS_ENOMEM. */
KS_CHECK enum ks_err ks_settings_read(
    const char *path, enum ks_language language, struct ks_settings **ret_settings, struct ks_buf *complaints);
void ks_settings_free(struct ks_settings *settings);

/* The core's part; take a reference to keep it. */
struct ks_config *ks_settings_config(const struct ks_settings *settings);
/* The edge's part. The name must exist (assert). Texts live as long as the settings; paths are absolute. */
int64_t ks_settings_number(const struct ks_settings *settings, const char *name);
const char *ks_settings_text(const struct ks_settings *settings, const char *name);
/* The addresses to listen on, option by option: a text for ks_listen_parse, with blanks between them, and what they
 * serve (enum ks_listen_for); NULL at the end. *at = 0 to begin. */
const char *ks_settings_listen(const struct ks_settings *settings, size_t *at, unsigned *ret_serves);
/* "certificate", "key", "tls.client_ca", "tls.client_crl", "web.url" or "web.addresses" of the domain of that index. */
const char *ks_settings_domain_text(const struct ks_settings *settings, size_t domain, const char *name);
/* Where it was given, as complaints begin: "konsild.conf:12". */
const char *ks_settings_domain_place(const struct ks_settings *settings, size_t domain, const char *name);

/* The next option in which the two differ and that takes a restart; NULL at the end. *at = 0 to begin. */
const struct ks_option *ks_settings_changed(
    const struct ks_settings *before, const struct ks_settings *after, size_t *at);

/* The reference of all options, as text or as the body of a manual page (mdoc). It is documentation, and English like
 * all of it (doc/ARCHITECTURE.md). */
void ks_settings_print(struct ks_buf *buf, bool manual);
/* What is in force where a file says nothing: a line "name = value" for each option. */
void ks_settings_print_defaults(struct ks_buf *buf);

#endif
