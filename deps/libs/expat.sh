# SPDX-License-Identifier: AGPL-3.0-or-later
# Only for WASM; natively it is Debian's. The options are Debian's too, so that both refuse the same documents; the
# secret of its hash tables comes from getentropy.
prepare() {
    printf '#define %s\n' 'BYTEORDER 1234' 'HAVE_GETENTROPY 1' 'XML_CONTEXT_BYTES 1024' 'XML_DTD 1' 'XML_GE 1' \
        'XML_NS 1' >"$src/expat/lib/expat_config.h"
}
# Newer versions keep the entropy call in a file of its own.
sources() { (cd "$src/expat/lib" && ls xmlparse.c xmlrole.c xmltok.c; find . -name random_getentropy.c) | sed "s,^,expat/lib/,"; }
flags() { echo -Iexpat/lib -DXML_STATIC; }
headers() { cp "$src/expat/lib/expat.h" "$src/expat/lib/expat_external.h" "$include/"; }
