# SPDX-License-Identifier: AGPL-3.0-or-later
# bash completion of konsil
_konsil() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --ca | --certificate | --checkpoint | --crl | --dir | --key | --key-passphrase-file | --passphrase-file | --pin-file | --root)
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$word")
        ;;
    pin)
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "set change" -- "$word")
        ;;
    --lang)
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "de en" -- "$word")
        ;;
    --server | --invite | --lock-after) ;;
    *)
        if [ "${COMP_WORDS[1]}" = verify ] && [ "$COMP_CWORD" -gt 1 ]; then
            case $word in -*) ;; *) compopt -o filenames 2>/dev/null ;; esac
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(case $word in
                -*) compgen -W "--root --crl --checkpoint --json --lang --help" -- "$word" ;;
                *) compgen -f -- "$word" ;;
            esac)
            return
        fi
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "pin verify --json --server --direct-tls --websocket --ca --dir --invite \
            --passphrase-file --certificate --key --key-passphrase-file --no-certificate --lock-after --pin-file --lang --version --help" -- "$word")
        ;;
    esac
}
complete -F _konsil konsil
