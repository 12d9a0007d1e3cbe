#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# test_fetch.sh FETCH: deps/fetch.sh with a lock of its own, an empty cache, and an apt and an npm that the test stands in for:
# what it takes, what it refuses, and what it says when nothing can be had. Nothing goes over the network. Speaks TAP.
set -u
. "$(dirname "$0")/../tap.sh"
fetch=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
mkdir deps bin
cp "$fetch" deps/fetch.sh
say_why() { cat "$dir/seen"; }
hash_of() { printf '%s\n' "$1" | sha256sum | cut -d' ' -f1; }
cat >deps/sources.lock <<END
suites trixie bookworm
alpha npm alpha-carrier 2.0 $(hash_of "alpha 2.0")
alpha npm alpha-carrier 1.0 $(hash_of "alpha 1.0")
beta debian-source libbeta 0.5 $(hash_of "beta 0.5")
beta debian-source libbeta 0.4 $(hash_of "beta 0.4")
END
# The registry has what stands in the file npm-has, as version and content; apt reaches no mirror.
cat >bin/npm <<'END'
#!/bin/sh
echo "npm $*" >>"$CALLS"
for word in "$@"; do version=${word##*@}; done
grep "^$version " "$NPM_HAS" | { read -r version content && echo "$content" >package.tgz; }
END
cat >bin/apt-get <<'END'
#!/bin/sh
echo "apt-get $*" >>"$CALLS"
[ "$1" = indextargets ] && exit 0
exit 100
END
printf '#!/bin/sh\nexit 100\n' >bin/apt-cache
chmod +x bin/*
export CALLS=$dir/calls NPM_HAS=$dir/npm-has PATH=$dir/bin:$PATH
run() { # LIBRARY...; what it prints is in seen, tarballs first
    : >calls
    KONSIL_CACHE=$dir/cache deps/fetch.sh "$@" >tarballs 2>seen
    local status=$?
    cat tarballs >>seen
    return $status
}
has() { grep -qF -- "$1" seen; }

printf '2.0 alpha 2.0\n1.0 alpha 1.0\n' >npm-has
run alpha && [ "$(cat "$(cat tarballs)")" = "alpha 2.0" ] && [ "$(wc -l <calls)" = 1 ]
row "the first version of the lock is taken when it can be had"
printf '1.0 alpha 1.0\n' >npm-has
rm -rf cache
run alpha && [ "$(cat "$(cat tarballs)")" = "alpha 1.0" ] && [ "$(wc -l <calls)" = 2 ]
row "the archive moved on: the next version is taken"
: >npm-has
run alpha && [ "$(cat "$(cat tarballs)")" = "alpha 1.0" ] && [ ! -s calls ]
row "what is in the cache is taken, and nobody is asked"
echo tampered >"$(cat tarballs)"
! run alpha && [ ! -s tarballs ]
row "but not when it is no longer what the lock says"
rm -rf cache
printf '2.0 something else\n1.0 alpha 1.0\n' >npm-has
run alpha && [ "$(cat "$(cat tarballs)")" = "alpha 1.0" ] && has "alpha-carrier 2.0: what came has another SHA-256"
row "another content is refused by its name, and the next version is tried"
rm -rf cache
: >npm-has
! run alpha && [ ! -s tarballs ] && has "cannot get alpha; tried in order: alpha-carrier 2.0, alpha-carrier 1.0." &&
    has "Check the network, or whether the archive still has one of these versions; deps/sources.lock names them."
row "a failed download (npm): the package is named, with all versions that were tried, and what to do"
! run beta && [ ! -s tarballs ] && has "cannot get beta; tried in order: libbeta 0.5, libbeta 0.4." && has "run apt-get update"
row "a failed download (Debian): the same, and that apt knows no mirror"
! run gamma && has "no library called gamma"
row "a library that the lock does not have is named"
[ -z "$(find cache -type f)" ]
row "and nothing of all that is left in the cache"

# npm itself, with a registry of this machine: it takes the options that it is given.
rm bin/npm
if [ -x "$(command -v npm)" ]; then
    mkdir package
    echo '{"name": "alpha-carrier", "version": "2.0.0"}' >package/package.json
    tar -czf alpha.tgz package
    cat >registry.py <<'END'
import base64, hashlib, http.server, json, sys
tarball = open("alpha.tgz", "rb").read()

class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        dist = {"tarball": f"http://127.0.0.1:{self.server.server_port}/alpha.tgz",
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()}
        version = {"name": "alpha-carrier", "version": "2.0.0", "dist": dist}
        body = tarball if self.path.endswith(".tgz") else json.dumps(
            {"name": "alpha-carrier", "dist-tags": {"latest": "2.0.0"}, "versions": {"2.0.0": version}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Registry)
print(server.server_port, flush=True)
server.serve_forever()
END
    exec 3< <(exec python3 registry.py)
    registry=$!
    read -r port <&3
    echo "alpha npm alpha-carrier 2.0.0 $(sha256sum <alpha.tgz | cut -d' ' -f1)" >deps/sources.lock
    export npm_config_registry=http://127.0.0.1:$port npm_config_cache=$dir/npm-cache
    run alpha && cmp -s "$(cat tarballs)" alpha.tgz
    row "npm of this machine takes what it is told, and its tarball gets into the empty cache"
    kill "$registry"
else
    skip "npm of this machine takes what it is told" "there is no npm here"
fi
echo "1..$rows"
