/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* transcript.h -- everything that went into one engine, and everything that came out of it, as lines of text.
 *
 * What went in starts with '>', what came out with '<', a comment with '#'. MONO and WALL are the time of the call.
 *
 *   > new SEED MONO WALL DEVICE     konsil_new; SEED in hexadecimal. Always on the same store
 *   > new_certified SEED MONO WALL DEVICE    the same, by a program that has a certificate of the person's
 *   > free                          konsil_free, after everything was taken from it
 *   > command MONO WALL JSON
 *   > opened MONO WALL
 *   > opened_messages MONO WALL
 *   > secured MONO WALL EXPORTER ENDPOINT    in hexadecimal; '-': there is none. "certified" behind it: the server
 *                                   was shown a certificate
 *   > feed MONO WALL TEXT           TEXT: bytes, with \\, \n and \xHH for a backslash, a line's end, a control
 *   > message MONO WALL TEXT
 *   > closed MONO WALL WHY          WHY: enum konsil_lost
 *   > try_now MONO WALL
 *   > tick MONO WALL
 *   > sent LEN                      konsil_output_sent
 *   > file_size MONO WALL TRANSFER BYTES     konsil_file_size, and so on
 *   > file_moved MONO WALL TRANSFER BYTES
 *   > file_stored MONO WALL TRANSFER
 *   > file_saved MONO WALL TRANSFER PATH
 *   > file_failed MONO WALL TRANSFER WHY STATUS
 *   > file_seal TRANSFER HEX        the pieces of files; each is followed by what came of it
 *   > file_seal_end TRANSFER
 *   > file_check_begin TRANSFER BYTES
 *   > file_check TRANSFER HEX
 *   > file_check_end TRANSFER
 *   > file_open TRANSFER HEX
 *   > file_open_end TRANSFER
 *   < event JSON
 *   < request KIND HOST DOMAIN PORT DIRECT   KIND: enum konsil_request_kind; '-': there is none
 *   < file KIND TRANSFER BYTES TEXT KIND: enum konsil_file_kind; TEXT: path, name, url and headers, with zeroes between
 *   < piece GOOD HEX                GOOD: 1 or 0; the bytes that were written
 *   < output TEXT                   everything konsil_output says
 *   < message TEXT                one of konsil_next_message
 *   < deadline MONO
 *   < nothing                       never in a file: what was asked for is not there
 *
 * The recorder and the replay make the lines of '<' with the functions below, so that equal lines are equal bytes. */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include "buf.h"
#include "konsil/konsil.h"

void transcript_text(struct ks_buf *line, struct ks_str bytes);
/* Appends the bytes behind TEXT. False: it is none. */
bool transcript_read_text(struct ks_buf *bytes, struct ks_str text);

/* Append one line without its end: a view of the engine, so before its next call. */
void transcript_event(struct ks_buf *line, struct ks_str json);
void transcript_request(struct ks_buf *line, const struct konsil_request *request);
void transcript_file(struct ks_buf *line, const struct konsil_file *file);
void transcript_piece(struct ks_buf *line, bool good, struct ks_str bytes);
void transcript_output(struct ks_buf *line, struct ks_str bytes);
void transcript_message(struct ks_buf *line, struct ks_str text);
void transcript_deadline(struct ks_buf *line, int64_t mono_ms);

#endif
