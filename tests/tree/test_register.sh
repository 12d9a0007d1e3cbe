#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/tree/test_register.sh CHECK ROOT: a field that is stored and not in the register fails the build. Speaks TAP.
set -u
check=$1 root=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
cp -r "$root/cmd" "$dir/" && cp -r "$root"/src/{base,http,store,server,edge} "$dir/src/" || exit 1
rows=0
row() { # STATUS NAME
    rows=$((rows + 1))
    [ "$1" = 0 ] && echo "ok $rows - $2" && return
    echo "not ok $rows - $2"
    sed 's/^/# /' "$dir/said"
}
# FILE SED WANTED NAME: a tree that was changed so is refused, and it is said why.
refused() {
    cp "$dir/$1" "$dir/kept"
    sed -i "$2" "$dir/$1"
    cmp -s "$dir/$1" "$dir/kept" && echo "nothing was changed" >"$dir/said" && row 1 "$4" && return
    "$check" "$dir" >"$dir/said" 2>&1
    [ $? != 0 ] && grep -qF -- "$3" "$dir/said"
    row $? "$4"
    cp "$dir/kept" "$dir/$1"
}
"$check" "$root" >"$dir/said" 2>&1
row $? "DSK II.3-a in full: every column, every setting of the store and every field of the log is in the register, and nothing else"
"$check" "$dir" >"$dir/said" 2>&1
row $? "control: so is a copy of the tree"
refused src/edge/sqlite_schema.c 's/state INTEGER NOT NULL,"/state INTEGER NOT NULL, last_seen_ms INTEGER,"/' \
    'account.last_seen_ms is stored, and has no row' "DSK II.3-a in full: a new column without a row fails the build"
refused src/edge/sqlite_schema.c "s/ALTER TABLE account ADD COLUMN profession.*/&\n    \"CREATE TABLE visits (place TEXT NOT NULL);\"/" \
    'visits.place is stored, and has no row' "DSK II.3-a: so does a new table"
refused src/server/c2s_login.c 's/KS_NUM("tries", login->tries)/KS_NUM("tries", login->tries), KS_NUM("birthday", 0)/' \
    'log:birthday is stored, and has no row' "DSK II.3-a: so does a new field of a log line"
refused src/server/archive_settings.c 's/#define META_FORMAT .*/&\n#define META_MORE KS_STR("archive.more")/' \
    'meta:archive.more is stored, and has no row' "DSK II.3-a: so does a new setting of the store"
refused src/server/data_register.c 's/{ "audit.actor".*/{ "audit.nothing", "audit", "No." },/' \
    'audit.nothing has a row, and nobody stores it' "a row of nothing is refused"
refused src/server/data_register.c 's/"account.name", "account"/"account.name", "acount"/' \
    'belongs to a store that no descriptor has: acount' "so is one without a descriptor's lifetime and readers"
refused src/server/data_register.c 's/"log:status", "log"/"log:status", ""/' \
    'log:status belongs to a store that no descriptor has' "DSK II.3-a: so is one that has neither"
refused src/server/data_register.c 's/"account.name", "account"/"account.name", "*"/' \
    'account.name belongs to a store that no descriptor has' "and a column of its own that leaves it to the row"
echo "1..$rows"
