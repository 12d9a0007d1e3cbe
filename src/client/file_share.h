/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_share.h -- a file in a message: XEP-0447 Stateless File Sharing with the encrypted source of XEP-0448, inside
 * the envelope (doc/PROTOCOL.md §5.8). Pure; views belong to the arena and the tree. */
#ifndef KS_FILE_SHARE_H
#define KS_FILE_SHARE_H

#include "file_seal.h"
#include "xml.h"

#define KS_FILES_MAX 16 /* of one message */
#define KS_FILE_NAME_MAX 255
#define KS_FILE_TYPE_MAX 127
#define KS_FILE_URL_MAX 2000
#define KS_FILE_THUMBNAIL_MAX 6144 /* bytes of a small picture, which travels in the envelope */

struct ks_file_share {
    struct ks_str id;                        /* among those of its message; may be empty if there is one */
    struct ks_str name, type;                /* as the author says; read, a name is fit to be shown */
    struct ks_str url;                       /* https: of the sealed bytes */
    struct ks_str thumbnail, thumbnail_type; /* bytes, decoded; empty: none */
    uint64_t width, height;                  /* 0: not said */
    struct ks_file_secret secret;
    struct ks_file_marks marks;
};

/* <file-sharing/> as a child of content. NULL without memory. */
KS_CHECK struct ks_xml *ks_file_share_write(
    struct ks_arena *arena, struct ks_xml *content, const struct ks_file_share *file);
/* Reads what a peer wrote. KS_OK; KS_ESYNTAX: not a file that could be fetched and checked: without an encrypted source
 * of AES-256-GCM at an https URL, without a size or a hash of SHA-256, or outside the limits above; KS_ENOMEM. */
KS_CHECK enum ks_err ks_file_share_read(
    struct ks_arena *arena, const struct ks_xml *sharing, struct ks_file_share *ret_file);

/* XEP-0454 OMEMO Media sharing, version 0.1.0: aesgcm://HOST/PATH#IVKEY, the whole text of a message to older programs.
 * KS_ENOMEM. */
KS_CHECK enum ks_err ks_file_share_uri(
    struct ks_arena *arena, const struct ks_file_share *file, struct ks_str *ret_uri);
/* The same read: url and secret, with 12 bytes of nonce as the XEP asks for. Only what is that and nothing
 * else; its size and hashes are not known. KS_ESYNTAX; KS_ENOMEM. */
KS_CHECK enum ks_err ks_file_share_uri_read(struct ks_arena *arena, struct ks_str text, struct ks_file_share *ret_file);

/* A media type as it may be said (RFC 6838 §4.2). */
bool ks_file_type_good(struct ks_str type);
/* A name that may be said: without control characters, and not too long. Of one that is read the marks are dropped
 * that turn the direction of text or end its line. */
bool ks_file_name_good(struct ks_str name);
/* The host of an address that may go into a request as it is: https, no account in it, nothing that ends a line. Empty:
 * it is none. */
struct ks_str ks_file_url_host(struct ks_str url);
/* Whether a host belongs to a domain: it is the domain, or under it. */
bool ks_file_host_of_domain(struct ks_str host, struct ks_str domain);
/* What a name becomes on a disk: one segment of a path, without control characters, marks that turn the direction of
 * text round, or a dot at its beginning; not longer than 160 bytes, of which the ending is kept; never empty. */
KS_CHECK enum ks_err ks_file_name_harmless(struct ks_arena *arena, struct ks_str name, struct ks_str *ret_name);

#endif
