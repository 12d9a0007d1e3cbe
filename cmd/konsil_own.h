/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_own.h -- the picture that others see of the person at the terminal: the lines that set and remove it. */
#ifndef KONSIL_OWN_H
#define KONSIL_OWN_H

#include "konsil_lines.h"

lines_fn own_picture, own_no_picture;

#endif
