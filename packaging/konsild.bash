# SPDX-License-Identifier: AGPL-3.0-or-later
# bash completion of konsild
_konsild() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --config | --check | --sandbox-probe)
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$word")
        ;;
    *)
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "--config --check --print-options --print-defaults \
            --sandbox-probe --no-sandbox --version --help" -- "$word")
        ;;
    esac
}
complete -F _konsild konsild
