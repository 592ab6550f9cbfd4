package takeover

import (
	"net/http"
	"strings"
	"testing"

	"pando/test/fault/keys"
	"pando/test/fixtures"
)

// What etcd 3's own API wrote is not served, and how much of it there is gets said.
func TestEntriesOfEtcd3AreCounted(t *testing.T) {
	const said = `"entries": 11, "by kind": "alarm: 1, auth_role_add: 1, auth_role_grant_permission: 1, auth_user_add: 1, ` +
		`auth_user_grant_role: 1, compaction: 1, delete_range: 1, lease_grant: 1, put: 2, txn: 1"`
	each(t, func(name string) bool { return name == "nosnap" }, func(t *testing.T, v fixtures.Variant, from origin) {
		s := start(t, v)
		do(t, s, http.MethodGet, keys.Path("/")) // keys are served when all of it was said
		log := s.Log()
		if of3 := from.archive != fixtures.Etcd238; strings.Contains(log, said) != of3 {
			t.Errorf("of etcd 3: %v; the log says\n%s", of3, log)
		}
	})
}
