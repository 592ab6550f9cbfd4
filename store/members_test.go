package store_test

import (
	"fmt"
	"reflect"
	"testing"

	"pando/store"
)

func member(kind store.MemberChangeKind, id uint64, urls string) store.MemberChange {
	return store.MemberChange{Kind: kind, ID: id, Context: fmt.Appendf(nil, `{"id":%d,"peerURLs":[%s],"name":"n"}`, id, urls)}
}

// TestApplyMember walks through the changes that etcd 2.3.8 takes and refuses: etcd-compat spec, section 3.
func TestApplyMember(t *testing.T) {
	s := store.New(store.Options{})
	for _, tt := range []struct {
		name    string
		change  store.MemberChange
		indexes uint64 // 0: refused
	}{
		{"the first", member(store.AddMember, 0x1f, `"http://a"`), 1},
		{"an ID again", member(store.AddMember, 0x1f, `"http://z"`), 0},
		{"a URL in use", member(store.AddMember, 0x2f, `"http://b","http://a"`), 0},
		{"a learner", member(store.AddLearner, 0xffffffffffffffff, `"http://b"`), 1},
		{"another ID in the context", store.MemberChange{Kind: store.AddMember, ID: 3, Context: []byte(`{"id":4,"peerURLs":["http://x"]}`)}, 0},
		{"no JSON", store.MemberChange{Kind: store.AddMember, ID: 3, Context: []byte(`{`)}, 0},
		{"no ID", member(store.AddMember, 0, `"http://x"`), 0},
		{"update of nobody", member(store.UpdateMember, 5, `"http://x"`), 0},
		{"update to a URL of another", member(store.UpdateMember, 0x1f, `"http://b"`), 0},
		{"update to its own URL and one more", member(store.UpdateMember, 0x1f, `"http://a","http://c<>"`), 1},
		{"removal of nobody", store.MemberChange{Kind: store.RemoveMember, ID: 5}, 0},
		{"removal", store.MemberChange{Kind: store.RemoveMember, ID: 0xffffffffffffffff}, 2},
		{"removal again", store.MemberChange{Kind: store.RemoveMember, ID: 0xffffffffffffffff}, 0},
		{"return of a removed ID", member(store.AddMember, 0xffffffffffffffff, `"http://q"`), 0},
		{"its URL for another", member(store.AddMember, 0x2f, `"http://b"`), 1},
		{"a kind that there is not", member(9, 7, `"http://x"`), 0},
	} {
		s.Publish(1, 1)
		before := s.View().Index
		valid := s.ApplyMember(tt.change)
		s.Publish(1, 1)
		if got := s.View().Index - before; valid != (tt.indexes > 0) || got != tt.indexes {
			t.Errorf("%s: valid %v, %d indexes; want %d", tt.name, valid, got, tt.indexes)
		}
	}

	v := s.View()
	want := []store.Member{{ID: 0x1f, PeerURLs: []string{"http://a", "http://c<>"}}, {ID: 0x2f, PeerURLs: []string{"http://b"}}}
	if got := v.Members(); !reflect.DeepEqual(got, want) {
		t.Errorf("members are %+v", got)
	}
	if !v.Removed(0xffffffffffffffff) || v.Removed(0x1f) {
		t.Error("the wrong member is removed")
	}
	n, err := v.Lookup("/0/members/1f/raftAttributes")
	if want := `{"peerURLs":["http://a","http://c\u003c\u003e"]}`; err != nil || n.Value() != want || n.Created() == n.Modified() {
		t.Errorf("raftAttributes are %v, %v", n, err)
	}
	if n, err := v.Lookup("/0/removed_members/ffffffffffffffff"); err != nil || n.Value() != "" || n.Dir() {
		t.Errorf("the removed member left %v, %v", n, err)
	}
}

// TestAttributes: a plain PUT publishes a member; of one that is not there it is passed over without an index.
func TestAttributes(t *testing.T) {
	s := store.New(store.Options{})
	s.ApplyMember(member(store.AddMember, 0x1f, `"http://a"`))
	s.ApplyMember(member(store.AddMember, 0x2f, `"http://b"`))
	s.ApplyMember(store.MemberChange{Kind: store.RemoveMember, ID: 0x2f})
	s.Publish(1, 1)
	yes := true
	for _, tt := range []struct {
		path, value string
		prevExist   *bool
		passedOver  bool
	}{
		{"/0/members/1f/attributes", `{"name":"one","clientURLs":["http://c"],"pando":1}`, nil, false},
		{"/0/members/2f/attributes", `{"name":"removed"}`, nil, true},
		{"/0/members/3f/attributes", `{"name":"never known"}`, nil, true},
		{"/0/members/01f/attributes", `{"name":"written otherwise"}`, nil, true},
		{"/0/members/1f/attributes", `{`, nil, true},
		{"/0/members/1f/attributes", `{"name":"two","clientURLs":["http://c"],"pando":1}`, &yes, false},
		{"/1/0/members/2f/attributes", `a key of a user`, nil, false},
	} {
		before := s.View().Index
		r := s.Apply(1, 1, store.Command{Method: store.MethodPut, Path: tt.path, Val: tt.value, PrevExist: tt.prevExist})
		s.Publish(1, 1)
		if passed := r.Event == nil && s.View().Index == before; r.Err != nil || passed != tt.passedOver {
			t.Errorf("PUT %s %s: %+v, index %d to %d", tt.path, tt.value, r, before, s.View().Index)
		}
	}
	want := []store.Member{{ID: 0x1f, Name: "two", ClientURLs: []string{"http://c"}, PeerURLs: []string{"http://a"}, Pando: 1}}
	if got := s.View().Members(); !reflect.DeepEqual(got, want) {
		t.Errorf("members are %+v", got)
	}
}

// TestRecordsOfOthers: a View exists whatever stands below /0 and /2.
func TestRecordsOfOthers(t *testing.T) {
	s := store.New(store.Options{})
	if v := s.View(); v.AuthEnabled() || v.ClusterVersion() != "" || len(v.Members()) != 0 || v.Removed(1) {
		t.Error("a new store knows of a cluster")
	}
	apply(t, s, put("/0/version", "2.3.0"), put("/2/enabled", "true"), put("/0/members/xyz/raftAttributes", "{}"),
		put("/0/members/5/other", ""), put("/0/members/6/raftAttributes", "{"), put("/0/removed_members/07", ""), put("/0/members/8", ""))
	v := s.View()
	if !v.AuthEnabled() || v.ClusterVersion() != "2.3.0" || len(v.Members()) != 0 || v.Removed(7) {
		t.Errorf("auth %v, version %q, members %v", v.AuthEnabled(), v.ClusterVersion(), v.Members())
	}
	apply(t, s, put("/2/enabled", "false"))
	if !v.AuthEnabled() || s.View().AuthEnabled() {
		t.Error("auth was not disabled, or in a View that was taken before")
	}
}
