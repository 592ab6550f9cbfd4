#!/bin/bash
# Keeps values in a server through crypt, in the open and encrypted:
#
#     bash program.sh http://127.0.0.1:2379
set -u

endpoint=$1
dir=/crypt-$$
scratch=$(mktemp -d)
export GNUPGHOME=$scratch/gnupg
trap 'gpgconf --kill all; rm -rf "$scratch"' EXIT

fail() {
    printf 'crypt: %s\n' "$*" >&2
    exit 1
}

# crypt COMMAND ARGS... runs one of crypt's commands; it prints errors with status 0 or 1.
crypt() { crypt-xordataexchange "$1" -endpoint "$endpoint" "${@:2}" 2>&1; }

# prints WANT COMMAND ARGS...
prints() {
    local want=$1 got
    shift
    got=$(crypt "$@") || fail "$*: status $?: $got"
    [ "$got" = "$want" ] || fail "$*:"$'\nwant: '"$want"$'\ngot:  '"$got"
}

mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Pando test <test@example.org>' rsa2048 sign,cert,encr never 2>"$scratch/log" ||
    fail "a key to encrypt with: $(cat "$scratch/log")"
gpg --batch --armor --export >"$scratch/public"
gpg --batch --armor --export-secret-keys >"$scratch/secret"

printf '{"füß": "& <x> + 100%%"}\n' >"$scratch/value"
value=$(cat "$scratch/value")
head -c 3000 /dev/urandom | base64 >"$scratch/long"

prints '' set -plaintext $dir/open "$scratch/value"
prints "$value" get -plaintext $dir/open

for name in value long; do
    prints '' set -keyring "$scratch/public" $dir/secret/$name "$scratch/$name"
    prints "$(cat "$scratch/$name")" get -secret-keyring "$scratch/secret" $dir/secret/$name
    stored=$(crypt get -plaintext $dir/secret/$name)
    [[ $stored =~ ^[A-Za-z0-9+/]+=*$ ]] || fail "$name is kept as it is: $stored"
done
listed=$(crypt list -secret-keyring "$scratch/secret" $dir/secret) || fail "list: $listed"
[[ $listed == *"$dir/secret/value"*"$value"* ]] || fail "list: $listed"
[[ $(crypt get -plaintext $dir/none) == *"100: Key not found"* ]] || fail "a key that is not there: $(crypt get -plaintext $dir/none)"
echo "ok set, get, list"
curl --silent --show-error --fail --output /dev/null -XDELETE "$endpoint/v2/keys$dir?recursive=true" || fail "remove the program's keys"
