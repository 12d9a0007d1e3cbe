# SPDX-License-Identifier: AGPL-3.0-or-later
# libsodium defines crypto_hash_sha512 too, so this one gets another name. The library's self-test is left out: a
# function that nobody calls refers to it, so it has an empty body here. X25519 is libsodium's, three times as fast, and
# a public key that was turned from Edwards to Montgomery form is not turned again (omemo_c.curve.c).
prepare() {
    echo 'int all_fast_tests(int silent) { return silent ? 1 : 1; }' >"$src/src/no_self_test.c"
    sed -i 's/\bfe_edy_to_montx\b/fe_edy_to_montx_anew/' "$src/src/curve25519/ed25519/additions/fe_edy_to_montx.c"
    cp "$deps/libs/omemo_c.curve.c" "$src/src/konsil_curve.c"
}
sources() { (cd "$src" && find src -name '*.c' ! -path '*/tests/*' ! -name curve25519-donna.c | LC_ALL=C sort); }
flags() {
    local ed=src/curve25519/ed25519
    echo -Isrc -Isrc/curve25519 -I$ed -I$ed/nacl_includes -I$ed/additions -I$ed/additions/generalized -I$ed/tests \
        -I"$out/protobuf_c/include" -Dcrypto_hash_sha512=omemo_crypto_hash_sha512
}
# As Debian installs them: <omemo/signal_protocol.h>.
headers() { mkdir "$include/omemo" && cp "$src"/src/*.h "$include/omemo/"; }
