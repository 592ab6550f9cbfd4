#!/bin/bash
# Drives a server through etcdctl's v2 commands for users, roles and
# authentication (Debian's etcd-client):
#
#     bash auth.sh http://127.0.0.1:2379
#
# Output, errors and exit status of each command are compared with what
# etcdctl 3.4 shows against etcd. The server must have no users, and has none
# afterwards; nobody else may use it meanwhile. Indexes show as N.
set -u

endpoint=$1
key=/etcdctl-auth-$$
login=
. "${BASH_SOURCE[0]%/*}/expect.sh"

# run ARGS... runs etcdctl as $login and keeps what it printed, and its status.
run() {
    command=$*
    output=$(etcdctl ${login:+-u "$login"} "$@" 2>&1)
    status=$?
    output=$(sed -E 's/ \[[0-9]+\]$/ [N]/; s/^Roles: +/Roles: /' <<<"$output")
}

# passwd USER PASSWORD answers the prompt.
passwd() {
    output=$(printf '%s\n' "$2" | etcdctl ${login:+-u "$login"} user passwd "$1" 2>&1)
    [[ $output == *'Password updated' ]] || fail "user passwd $1: $output"
}

roles() {
    prints root role list
    prints 'Role r created' role add r
    fails 1 'Role r already exists' role add r
    prints 'Role r updated' role grant r --path "$key/*" --readwrite
    prints 'Role r updated' role grant r --path "$key" --read
    fails 1 "auth: Granting duplicate read permission $key" role grant r --path "$key" --read
    prints 'Role: r
KV Read:
	'"$key"'
	'"$key"'/*
KV Write:
	'"$key"'/*' role get r
    prints 'Role r updated' role revoke r --path "$key" --read
    prints 'Role: r
KV Read:
	'"$key"'/*
KV Write:
	'"$key"'/*' role get r
    prints 'Role: root
KV Read:
	/*
KV Write:
	/*' role get root
    fails 1 'auth: Role none does not exist.' role get none
    fails 1 "auth: Role none doesn't exist." role remove none
    fails 1 'auth: Cannot modify role root: is root role.' role remove root
    prints 'Role s created' role add s
    prints $'r\nroot\ns' role list
}

users() {
    prints '' user list
    prints 'User u created' user add u:first
    prints $'User: u\nRoles: ' user get u
    prints 'User u updated' user grant u --roles s
    prints 'User u updated' user grant u --roles r
    prints $'User: u\nRoles: r s' user get u
    fails 1 'auth: Granting duplicate role r for user u' user grant u --roles r
    prints 'User u updated' user revoke u --roles s
    fails 1 'auth: Revoking ungranted role s for user u' user revoke u --roles s
    prints $'User: u\nRoles: r' user get u
    passwd u second
    prints u user list
    fails 1 'auth: User none does not exist.' user get none
    fails 1 'auth: User none does not exist' user remove none
}

enabled() {
    fails 1 'auth: already disabled' auth disable
    fails 1 'auth: No root user available, please create one' auth enable
    prints 'User root created' user add root:secret
    prints $'User: root\nRoles: root' user get root
    prints 'Authentication Enabled' auth enable
    fails 1 'Insufficient credentials' user list
    login=u:second
    prints value set $key/k value
    prints value get $key/k
    prints $key/k ls $key/
    fails 4 "Error:  110: The request requires user authentication (Insufficient credentials) [N]" get $key
    fails 4 "Error:  110: The request requires user authentication (Insufficient credentials) [N]" set $key-other value
    fails 1 'unexpected status code 401' role list
    login=u:first
    fails 4 "Error:  110: The request requires user authentication (Insufficient credentials) [N]" get $key/k
    login=root:secret
    fails 1 'auth: already enabled' auth enable
    fails 1 'auth: Cannot delete root user while auth is enabled.' user remove root
    prints $'guest\nr\nroot\ns' role list
    prints 'Role guest updated' role revoke guest --path '/*' --readwrite
    login=
    fails 4 "Error:  110: The request requires user authentication (Insufficient credentials) [N]" get $key/k
    login=root:secret
    passwd root changed
    fails 1 'Insufficient credentials' auth disable
    login=root:changed
    prints '' rm --recursive $key
    prints 'Authentication Disabled' auth disable
    login=
}

removed() {
    prints 'Role r removed' role remove r
    fails 1 'auth: Role r does not exist.' user get u
    prints 'User u removed' user remove u
    prints 'User root removed' user remove root
    prints 'Role s removed' role remove s
    prints 'Role guest removed' role remove guest
    prints '' user list
    prints root role list
}

for step in roles users enabled removed; do
    $step
    echo "ok $step"
done
