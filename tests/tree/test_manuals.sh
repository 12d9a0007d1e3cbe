#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/tree/test_manuals.sh PROGRAMS MANUALS COMPLETIONS SERVICE: manual pages are well formed, have every option of their program
# and no other, and so have the completions; all of them and the service name the same place for the settings. Each list is one
# argument, separated by blanks. Speaks TAP.
set -u
. "$(dirname "$0")/../tap.sh"
unset LC_ALL LC_MESSAGES
export LANG=en # whether that is installed or not
top=$(cd "${0%/*}/../.." && pwd)
read -ra programs <<<"$1"
read -ra manuals <<<"$2"
read -ra completions <<<"$3"
say_why() { printf '%s
' "${seen:-}"; }
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
    seen=$(for option in $written; do "$program" "$option" x y z 2>&1 </dev/null | grep "There is no option"; done)
    [ -n "$written" ] && [ -z "$seen" ]
    row "$name: the program takes every option that the manual has"
    # Each wrong option, and what is said of it in German and in English.
    valued=$(printf '%s\n' "$written" | grep -m1 -xE -- '--(socket|dir|config)')
    seen=$(while IFS='|' read -r option german english; do
        for language in de en; do
            says=$(env LC_ALL=$language "$program" "$option" 2>&1)
            case $language$says in
            "de$name: $german"* | "en$name: $english"*) ;;
            *) echo "$language $option: $says" ;;
            esac
        done
    done <<END
--nonsense|Die Option --nonsense gibt es nicht.|There is no option --nonsense.
--nonsense=x|Die Option --nonsense gibt es nicht.|There is no option --nonsense.
-x|Die Option -x gibt es nicht.|There is no option -x.
--help=x|Die Option --help nimmt keinen Wert an.|The option --help takes no value.
--version|Die|The
$valued|Der Option $valued fehlt ihr Wert.|The option $valued lacks its value.
END
    )
    [ "$(printf '%s\n' "$seen" | cut -d: -f1 | sort -u)" = "$(printf 'de --version\nen --version')" ] # the control
    row "$name: a wrong option gets a sentence, in German and in English"
    if printf '%s\n' "$written" | grep -qx -- --lang; then
        seen=$(for language in de en; do LC_ALL=$language "$program" --lang fr --help 2>&1 && echo taken; done)
        [ "$(printf '%s' "$seen" | tr -s ' \n' ' ')" = \
            "$name: Die Sprache fr gibt es nicht. Es gibt de und en. $name: There is no language fr. There are de and en." ]
        row "$name: a language that it does not speak is refused, and those that it speaks are named"
        seen=$(LC_ALL=de "$program" --lang en --lang fr --help 2>&1; echo $?)
        [ "$(printf '%s' "$seen" | tr -s ' \n' ' ')" = "$name: There is no language fr. There are de and en. 64" ]
        row "$name: as wrong usage, in the language that was asked for before"
    fi
    all="${all:-} $written"
done
# Manuals and service name the settings that konsild looks for by itself, and no others.
for program in "${programs[@]}"; do [ "${program##*/}" = konsild ] && settings=$("$program" --help | sed -n 's/^Without .* //p'); done
seen=$(for file in "${manuals[@]}" "$4"; do
    case ${file##*/} in konsild.*) grep -oE '[^ =]*/konsild\.conf' "$file" | grep -vxF "$settings" | sed "s,^,${file##*/} says ,"
        grep -qF "$settings" "$file" || echo "${file##*/} does not say $settings" ;; esac
done)
[ -n "$settings" ] && [ -z "$seen" ]
row "konsild, its manuals and its service name one place for the settings"
seen=$(cat "$4")
[ "$(grep -c "^ExecStart=/.*/sbin/konsild --config $settings\$" "$4")" = 1 ] && ! grep -q '@[A-Z]*@' "$4"
row "the service starts what is installed, with those settings"
# adduser has two of its own.
# The requirements of others (dsk.ID) name what is to come.
named=$(sed "/^\[dsk\./,/^$/d" "$top/lang/catalogue.txt" | options | grep -vxE -- "--(system|group)")
seen=$(comm -23 <(printf '%s\n' "$named") <(printf '%s\n' $all --help --version | sort -u))
printf '%s\n' "$named" | grep -qx -- --server && [ -z "$seen" ]
row "lang/catalogue.txt: every option that a sentence names is one of a program"
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
