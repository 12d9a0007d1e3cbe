#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/tree/test_manuals.sh PROGRAMS MANUALS COMPLETIONS: manual pages are well formed, have every option of their program and
# no other, and so have the completions. Each list is one argument, separated by blanks. Speaks TAP.
set -u
read -ra programs <<<"$1"
read -ra manuals <<<"$2"
read -ra completions <<<"$3"
rows=0
row() { # NAME; the exit status of the last command decides
    local status=$?
    rows=$((rows + 1))
    [ $status = 0 ] && echo "ok $rows - $1" && return
    echo "not ok $rows - $1"
    printf '%s\n' "${seen:-}" | sed 's/^/# /' | head -20
}
skip() { rows=$((rows + 1)) && echo "ok $rows - $1 # SKIP $2"; }
# The file of a list that is about this program.
of() {
    local name=$1 file
    shift
    for file in "$@"; do case ${file##*/} in "$name".[0-9] | "$name".bash) echo "$file" ;; esac; done
}
# Options in a text: --word, but for those that only the build uses.
options() { grep -oE -- '--[a-z][a-z-]+' | grep -vxE -- '--print-(manual|next)' | sort -u; }

if command -v mandoc >/dev/null; then
    ! seen=$(printf '.Dd November 22, 2026\n.Dt X 1\n.Os\n.Sh NAME\n.Nm x\n.Nd y\n.Sh DESCRIPTION\n.Nonsense\n' | mandoc -Tlint -Wwarning)
    row "control: mandoc finds fault with a macro that does not exist"
    for manual in "${manuals[@]}"; do
        seen=$(mandoc -Tlint -Wwarning "$manual")
        row "${manual##*/}: mandoc finds no fault"
    done
else
    skip "mandoc finds no fault" "mandoc is not installed"
fi
for program in "${programs[@]}"; do
    name=${program##*/}
    # Of konsil, --help names most; the manual and the completion name all, and the program takes each.
    wanted=$("$program" --help | options)
    written=$(sed -n 's/^\.It Fl -\([a-z-]*\).*/--\1/p' "$(of "$name" "${manuals[@]}")" | sort -u)
    seen=$(comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$written" --help --version | sort -u))
    [ -n "$wanted" ] && [ -z "$seen" ]
    row "$name: the manual has every option that --help has"
    seen=$(for option in $written; do "$program" "$option" x y z 2>&1 </dev/null | grep -E "unrecognized|invalid"; done)
    [ -n "$written" ] && [ -z "$seen" ] && "$program" --nonsense x y z 2>&1 | grep -q unrecognized
    row "$name: the program takes every option that the manual has"
done
for completion in "${completions[@]}"; do
    seen=$(bash -n "$completion" 2>&1)
    row "${completion##*/}: bash accepts it"
done

# What completing these words offers.
complete_words() {
    local name=$1 program
    program=$(for program in "${programs[@]}"; do [ "${program##*/}" = "$name" ] && echo "$program"; done)
    shift
    # shellcheck disable=SC1090
    seen=$(. "$(of "$name" "${completions[@]}")" && COMP_WORDS=("$program" "$@") COMP_CWORD=$# &&
        "_$name" 2>&1 && printf '%s\n' "${COMPREPLY[@]}")
}
offers() { printf '%s\n' "$seen" | grep -qxF -- "$1"; }
complete_words konsilctl user "" && offers add && offers import && ! offers kill
row "konsilctl user: add is offered, and nothing of sessions"
complete_words konsilctl --lang en --dry-run us && [ "$seen" = user ]
row "konsilctl --lang en --dry-run us: user is offered"
complete_words konsilctl user add --na && [ "$seen" = --name ]
row "konsilctl user add --na: --name is offered"
complete_words konsilctl user list --na && [ -z "$seen" ]
row "konsilctl user list --na: nothing is, as it does not take that"
cd "${0%/*}" && complete_words konsilctl backup verify test_man && [ "$seen" = test_manuals.sh ]
row "konsilctl backup verify: files are offered"
complete_words konsilctl --lang "" && offers de && offers en
row "konsilctl --lang: de and en are offered"
complete_words konsild --ch && [ "$seen" = --check ]
row "konsild --ch: --check is offered"
complete_words konsil --pass && [ "$seen" = --passphrase-file ]
row "konsil --pass: --passphrase-file is offered"
for name in konsil konsild; do
    written=$(sed -n 's/^\.It Fl -\([a-z-]*\).*/--\1/p' "$(of "$name" "${manuals[@]}")" | sort -u)
    complete_words "$name" -- && seen=$(comm -23 <(printf '%s\n' "$written") <(printf '%s\n' "$seen" | sort -u)) && [ -z "$seen" ]
    row "$name: every option of the manual is offered"
done
echo "1..$rows"
