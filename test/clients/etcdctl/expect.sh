# What the programs for etcdctl share; they source it. Each has a function run, which
# runs etcdctl and leaves command, output and status.
export ETCDCTL_API=2 ETCDCTL_ENDPOINTS=$endpoint

fail() {
    printf 'etcdctl: %s\n' "$*" >&2
    exit 1
}

# result STATUS OUTPUT compares both with what the last run gave.
result() {
    [ "$status" = "$1" ] || fail "$command: want status $1, got $status: $output"
    [ "$output" = "$2" ] || fail "$command:"$'\nwant: '"$2"$'\ngot:  '"$output"
}

# prints WANT ARGS... is for a command that succeeds.
prints() {
    local want=$1
    shift
    run "$@"
    result 0 "$want"
}

# fails STATUS WANT ARGS... is for one that fails.
fails() {
    local code=$1 want=$2
    shift 2
    run "$@"
    result "$code" "$want"
}
