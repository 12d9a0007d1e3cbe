# SPDX-License-Identifier: AGPL-3.0-or-later
# Prosody from Debian on its default storage, files: faster here than on SQLite. Sourced by run.sh; see lib.sh.
PROSODY_STORAGE=internal

peer_version() { dpkg-query -W -f '${Version}' prosody; }
peer_storage() { echo files; }
peer_configuration() { echo prosody.cfg.lua; }

peer_start() { # DIR PORT DOMAIN GOAL
    mkdir -p "$1/data"
    fill_in peers/prosody.cfg.lua "$1/prosody.cfg.lua" "$1" "$2" "$3" \
        -e "s|@STORAGE@|$PROSODY_STORAGE|g" -e "s|@GC@|$(prosody_gc "$4")|g"
    prosody -F --config "$1/prosody.cfg.lua" >"$1/stdout" 2>&1 &
    PEER_PID=$!
    wait_for_port "$2"
}

# Prosody's default collector keeps a session in 60 KB and costs up to 8 ms of CPU per message; one that lets garbage
# grow to the size of what lives needs 77 KB and 1.4 ms. Each figure is taken with the setting that is better for it.
prosody_gc() { # GOAL
    case $1 in
    memory) echo '{ mode = "incremental" }' ;;
    *) echo '{ mode = "incremental"; threshold = 200; speed = 200 }' ;;
    esac
}

peer_accounts() { # DIR DOMAIN COUNT
    local dir
    dir="$1/data/$(printf %s "$2" | sed 's/\./%2e/g')/accounts"
    mkdir -p "$dir"
    "$LOAD" accounts --format prosody-files --domain "$2" --clients "$3" |
        awk -v dir="$dir" '{ file = dir "/" $1 ".dat"; sub(/^[^ ]+ /, ""); print >file; close(file) }'
}
