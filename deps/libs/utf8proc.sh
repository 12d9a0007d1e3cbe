# SPDX-License-Identifier: AGPL-3.0-or-later
# Only for WASM; natively it is Debian's, of the same version, so both have the same Unicode.
sources() { echo utf8proc.c; }
flags() { echo -DUTF8PROC_STATIC; }
headers() { cp "$src/utf8proc.h" "$include/"; }
