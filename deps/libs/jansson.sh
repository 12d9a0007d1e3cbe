# SPDX-License-Identifier: AGPL-3.0-or-later
# Only for WASM; natively it is Debian's. The hash seed is the caller's business (json_object_seed): no file is opened.
prepare() {
    sed -e 's/@json_inline@/inline/' -e 's/@json_have_long_long@/1/' -e 's/@json_have_localeconv@/0/' \
        -e 's/@json_have_atomic_builtins@/1/' -e 's/@json_have_sync_builtins@/1/' \
        "$src/src/jansson_config.h.in" >"$src/src/jansson_config.h"
    printf '#define %s 1\n' HAVE_STDINT_H HAVE_UNISTD_H HAVE_SYS_TIME_H HAVE_SYS_TYPES_H HAVE_GETTIMEOFDAY \
        >"$src/src/jansson_private_config.h"
}
sources() { (cd "$src" && ls src/*.c | grep -v /dtoa); }
flags() { echo -Isrc -DHAVE_CONFIG_H; }
headers() { cp "$src/src/jansson.h" "$src/src/jansson_config.h" "$include/"; }
