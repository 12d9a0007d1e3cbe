#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# deps/fetch.sh LIBRARY...: prints for each the path of a tarball that deps/sources.lock accepts, one on a line.
#
# What was fetched before is taken from the cache, without network. Otherwise each accepted version is tried in order:
# Debian sources through apt, with a configuration of its own (the machine's apt state is not touched) and the mirror
# that the machine uses; npm packages through npm, with the registry that the machine uses. Only a tarball whose
# SHA-256 stands in the lock gets into the cache.
set -eu

lock=$(cd "$(dirname "$0")" && pwd)/sources.lock
cache=${KONSIL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/konsil}/sources
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
work=$(mktemp -d "$cache/tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { echo "deps: $*" >&2; }
good() { [ -f "$1" ] && echo "$2  $1" | sha256sum --check --status; }

# One suite's source index, in a directory of its own, read once a run.
use_suite() { # suite
    apt=$work/apt-$1
    apt_options="-q=2 -o Dir::Etc::sourcelist=- -o Dir::Etc::sourceparts=$apt/parts -o Dir::State::lists=$apt/lists
        -o Dir::Cache=$apt/cache -o APT::Sandbox::User= -o Acquire::Retries=2"
    [ ! -e "$apt/read" ] || return 0
    mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(CODENAME)' 'Created-By: Packages' |
        awk -v release="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" \
            '$2 == "main" && $3 == release { print $1; exit }')
    [ -n "$mirror" ] || { say "apt knows no mirror of this Debian release: run apt-get update"; return 1; }
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n' "$mirror" "$1" >"$apt/parts/konsil.sources"
    [ ! -f $key ] || echo "Signed-By: $key" >>"$apt/parts/konsil.sources"
    say "reading the source index of $1"
    apt-get $apt_options update >&2 && : >"$apt/read"
}

get_debian_source() { # package sha256
    for suite in $(awk '$1 == "suites" { $1 = ""; print }' "$lock"); do
        use_suite "$suite" || continue
        debian_version=$(apt-cache $apt_options showsrc "$1" 2>/dev/null |
            awk -v sha="$2" '$1 == "Version:" { version = $2 } $1 == sha { print version; exit }')
        [ -n "$debian_version" ] || continue
        say "fetching $1 $debian_version from $suite"
        apt-get $apt_options source --tar-only "$1=$debian_version" >&2 && return 0
    done
    return 1
}

get_npm() { # package version
    say "fetching $1 $2 through npm"
    npm pack --silent --ignore-scripts --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 "$1@$2" >&2
}

fetch() { # library
    accepted=$work/$1.accepted
    awk -v lib="$1" '$1 == lib { print $2, $3, $4, $5 }' "$lock" >"$accepted"
    [ -s "$accepted" ] || { say "no library called $1 in $lock"; return 1; }
    while read -r kind package version sha; do
        tarball=$cache/$package-$version.tar
        good "$tarball" "$sha" && echo "$tarball" && return 0
    done <"$accepted"

    tried=
    while read -r kind package version sha <&3; do
        tarball=$cache/$package-$version.tar
        tried="$tried, $package $version"
        into=$work/$package-$version
        mkdir "$into"
        case $kind in
        debian-source) (cd "$into" && get_debian_source "$package" "$sha") || continue ;;
        npm) (cd "$into" && get_npm "$package" "$version") || continue ;;
        esac
        for file in "$into"/*; do
            good "$file" "$sha" && mv "$file" "$tarball" && echo "$tarball" && return 0
        done
        say "$package $version: what came has another SHA-256 than deps/sources.lock says"
    done 3<"$accepted"
    say "cannot get $1; tried in order: ${tried#, }."
    say "Check the network, or whether the archive still has one of these versions; deps/sources.lock names them."
    return 1
}

for library in "$@"; do
    fetch "$library"
done
