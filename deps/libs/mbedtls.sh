# SPDX-License-Identifier: AGPL-3.0-or-later
# All files are compiled; those whose part is off in mbedtls.config.h are empty then. That header takes the place of the
# default one, so a user cannot see another configuration than the library was built with.
sources() { (cd "$src" && ls library/*.c | grep -v -e /ssl_ -e /psa_ -e /net_sockets -e /mps_); }
flags() { echo -I"$include" -Ilibrary; }
headers() {
    cp -r "$src/include/mbedtls" "$src/include/psa" "$include/"
    cp "$deps/libs/mbedtls.config.h" "$include/mbedtls/mbedtls_config.h"
}
