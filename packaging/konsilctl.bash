# SPDX-License-Identifier: AGPL-3.0-or-later
# bash completion of konsilctl: it knows its commands itself.
_konsilctl() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        if [ "$word" = "<files>" ]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
        else
            COMPREPLY+=("$word")
        fi
    done < <("${COMP_WORDS[0]}" --print-next -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _konsilctl konsilctl
