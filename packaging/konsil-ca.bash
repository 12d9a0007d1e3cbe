# SPDX-License-Identifier: AGPL-3.0-or-later
# bash completion of konsil-ca
_konsil_ca() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --directory | --ca | --socket)
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$word")
        ;;
    --lang)
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "de en" -- "$word")
        ;;
    --server | --host) ;;
    *)
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "--directory --server --direct-tls --ca --host --socket --lang \
            --help --version" -- "$word")
        ;;
    esac
}
complete -F _konsil_ca konsil-ca
