# SPDX-License-Identifier: AGPL-3.0-or-later
# Prosody from Debian on SQLite. Sourced by run.sh; see lib.sh.
. "$BENCH/peers/prosody.sh"
PROSODY_STORAGE=sql
PEER_IS=prosody

peer_storage() { echo SQLite; }

peer_accounts() { # DIR DOMAIN COUNT
    # Prosody makes its tables when it first needs one.
    prosodyctl --config "$1/prosody.cfg.lua" register first "$2" first >/dev/null 2>&1
    "$LOAD" accounts --format prosody --domain "$2" --clients "$3" | sqlite3 -bail "$1/data/prosody.sqlite" >/dev/null
}
