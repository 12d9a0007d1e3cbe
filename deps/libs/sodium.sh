# SPDX-License-Identifier: AGPL-3.0-or-later
# Scalar code only: version 1.0.22 with WASM SIMD computes a wrong Argon2id, and one store file must open everywhere.
# CONFIGURED stands for what ./configure would find out.
prepare() {
    local h=$src/src/libsodium/include/sodium/version.h version
    version=$(sed -n 's/^AC_INIT(\[libsodium\],\[\([0-9.]*\)\].*/\1/p' "$src/configure.ac")
    sed -e "s/@VERSION@/$version/" \
        -e "s/@SODIUM_LIBRARY_VERSION_MAJOR@/$(sed -n 's/^SODIUM_LIBRARY_VERSION_MAJOR=//p' "$src/configure.ac")/" \
        -e "s/@SODIUM_LIBRARY_VERSION_MINOR@/$(sed -n 's/^SODIUM_LIBRARY_VERSION_MINOR=//p' "$src/configure.ac")/" \
        -e 's/@SODIUM_LIBRARY_MINIMAL_DEF@//' "$h.in" >"$h"
}
sources() {
    (cd "$src/src/libsodium" && find . -name '*.c' | LC_ALL=C sort |
        grep -v -e avx -e sse -e neon -e aesni -e armcrypto -e aes256gcm | sed 's,^\.,src/libsodium,')
}
flags() {
    echo -Isrc/libsodium/include/sodium -Isrc/libsodium/include -DCONFIGURED=1 -DNATIVE_LITTLE_ENDIAN=1 \
        -DHAVE_GETENTROPY=1
    case $target in
    native) echo -DHAVE_TI_MODE=1 -DHAVE_WEAK_SYMBOLS=1 -DHAVE_ATOMIC_OPS=1 -DHAVE_SYS_RANDOM_H=1 -DHAVE_MLOCK=1 -DHAVE_MADVISE=1 \
        -DHAVE_MMAP=1 -DHAVE_MPROTECT=1 -DHAVE_EXPLICIT_BZERO=1 -DHAVE_PTHREAD=1 -DHAVE_RAISE=1 -DHAVE_SYSCONF=1 -DHAVE_GETPID=1 ;;
    wasm) echo -D_WASI_EMULATED_SIGNAL ;;
    esac
}
headers() {
    mkdir "$include/sodium"
    cp "$src"/src/libsodium/include/sodium.h "$include/"
    cp "$src"/src/libsodium/include/sodium/*.h "$include/sodium/"
}
