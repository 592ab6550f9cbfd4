package etcd238

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"pando/test/fixtures"
	"pando/test/server"
	"pando/test/server/content"
)

// What Pando made of a directory of etcd 3.x, etcd 2.3.8 can go on with: the log is in its format, and the snapshot has
// none of what only etcd 3.x knows.
func TestFromEtcd3ToEtcd238(t *testing.T) {
	etcd := etcd238(t)
	if etcd == "" {
		return
	}
	for _, archive := range []string{fixtures.Etcd34, fixtures.Etcd35} {
		for _, v := range fixtures.Variants(t, fixtures.Unpack(t, archive)) {
			t.Run(archive+" "+v.Name, func(t *testing.T) {
				o := server.Options{Dir: v.Dir, Name: "node0"}
				s := server.Start(t, o)
				writer := s.Endpoint
				if v.Name == "authsnap" { // where guests may read
					writer = strings.Replace(s.Endpoint, "http://", "http://root:rootpw@", 1)
				}
				last := content.Fill(t, writer, rand.New(rand.NewPCG(1, 2)), 30)
				left := content.Read(t, s.Endpoint, last)
				if err := s.Stop(); err != nil {
					t.Fatal(err)
				}
				if names, err := filepath.Glob(filepath.Join(v.Dir, "member", "snap", "*.snap")); err != nil || len(names) == 0 {
					t.Fatalf("no snapshot: %v", err)
				}
				o.Binary = etcd
				s = server.Start(t, o)
				content.WaitFor(t, s.Endpoint, left.Index+1)
				if d := left.Same(content.Read(t, s.Endpoint, left.Last), 1); d != "" {
					t.Errorf("etcd found\n%s", d)
				}
			})
		}
	}
}
