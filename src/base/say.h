/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* say.h -- marks an id of the catalogue of sentences (lang/catalogue.txt).
 *
 * Whatever a person reads stands there, in German and English; code holds ids. The build looks for SAY("…") and for the
 * list in src/client/codes.h: an id that the catalogue lacks, and a sentence that nobody uses, fail it. */
#ifndef KS_SAY_H
#define KS_SAY_H

#define SAY(id) ("" id)

#endif
