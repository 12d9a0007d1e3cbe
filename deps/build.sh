#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# deps/build.sh native|wasm [OUTDIR]: makes the static libraries that konsil links, each from its recipe in deps/libs.
#
# OUTDIR (build/deps/native or build/deps/wasm) gets NAME/libNAME.a and NAME/include. A library is made again only if
# its tarball, its recipe, the compiler or the flags changed. A recipe is a shell file that says
#   sources   prints the C files, relative to the unpacked tarball
#   flags     what the compiler gets beside the target's own flags
#   headers   copies public headers to $include
#   prepare   optional: writes generated files, before anything else
# and may look at $target, $src (the unpacked tarball) and $deps (this directory).
set -euo pipefail

target=${1:?usage: deps/build.sh native|wasm [OUTDIR]}
deps=$(cd "$(dirname "$0")" && pwd)
out=${2:-$deps/../build/deps/$target}
mkdir -p "$out"
out=$(cd "$out" && pwd)

# No -g: the sources are not ours to step through, and the binaries stay small. Function sections let the linker drop
# what is not used.
common="-std=gnu17 -O2 -w -ffunction-sections -fdata-sections"
case $target in
native)
    libraries="protobuf_c omemo_c mbedtls sodium sqlite3mc"
    cc="${CC:-cc} $common -fPIC -fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection"
    cc="$cc -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
    ar=${AR:-ar}
    ;;
wasm)
    # Without -O at the link: clang would run wasm-opt if it happens to be installed, and the bytes would depend on it.
    libraries="protobuf_c omemo_c mbedtls sodium sqlite3mc utf8proc jansson"
    cc="clang-19 --target=wasm32-wasi -mbulk-memory $common"
    ar=llvm-ar-19
    ;;
*)
    echo "usage: deps/build.sh native|wasm [OUTDIR]" >&2
    exit 2
    ;;
esac

exec 9>"$out/.lock"
flock 9

build() { # library tarball
    local name=$1 tarball=$2 src=$out/$1/src include=$out/$1/include stamp key
    prepare() { :; }
    . "$deps/libs/$name.sh"
    stamp=$out/$name/stamp
    key=$( { sha256sum <"$tarball"; cat "$deps/libs/$name".*; $cc --version; echo "$cc"; } | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || return 0

    echo "deps: building $name for $target"
    rm -rf "${out:?}/$name"
    mkdir -p "$src" "$include" "$out/$name/obj"
    tar -xf "$tarball" -C "$src" --strip-components=1 --no-same-owner
    prepare
    headers
    (
        cd "$src"
        export command="$cc $(flags) -ffile-prefix-map=$out=deps" obj=$out/$name/obj
        sources | xargs -P "$(nproc)" -I{} sh -ec '$command -c "$1" -o "$obj/$(echo "$1" | tr / _).o"' sh {}
    )
    (cd "$out/$name/obj" && LC_ALL=C && "$ar" rcsD "../lib$name.a" *.o)
    rm -rf "$src" "$out/$name/obj"
    echo "$key" >"$stamp"
}

tarballs=$("$deps/fetch.sh" $libraries)
while read -r name tarball; do
    build "$name" "$tarball" </dev/null
done < <(paste -d' ' <(printf '%s\n' $libraries) <(echo "$tarballs"))
