package server

import "google.golang.org/protobuf/encoding/protowire"

// v3Fields names the requests of etcd 3's own API by their field in the log's
// InternalRaftRequest record (etcd-compat spec, section 3). Field 100 is their header.
var v3Fields = map[protowire.Number]string{
	3: "range", 4: "put", 5: "delete_range", 6: "txn", 7: "compaction",
	8: "lease_grant", 9: "lease_revoke", 10: "alarm", 11: "lease_checkpoint",
	1000: "auth_enable", 1011: "auth_disable", 1012: "authenticate", 1013: "auth_status",
	1100: "auth_user_add", 1101: "auth_user_delete", 1102: "auth_user_get",
	1103: "auth_user_change_password", 1104: "auth_user_grant_role", 1105: "auth_user_revoke_role",
	1106: "auth_user_list", 1107: "auth_role_list",
	1200: "auth_role_add", 1201: "auth_role_delete", 1202: "auth_role_get",
	1203: "auth_role_grant_permission", 1204: "auth_role_revoke_permission",
	1300: "cluster_version_set", 1301: "cluster_member_attr_set", 1302: "downgrade_info_set",
	9900: "downgrade_version_test",
}

const (
	v3HeaderField = 100
	v3IDField     = 1
)

// v3Kind tells which request of etcd 3's API an entry holds; false if it is none.
func v3Kind(data []byte) (kind string, ok bool) {
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return "", false
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(num, typ, data); n < 0 {
			return "", false
		}
		data = data[n:]
		name, known := v3Fields[num]
		switch {
		case known && kind == "" && typ == protowire.BytesType:
			kind = name
		case num == v3HeaderField && typ == protowire.BytesType:
		case num == v3IDField && typ == protowire.VarintType:
		default:
			return "", false
		}
	}
	return kind, kind != ""
}
