package takeover

import (
	"crypto/sha256"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/fixtures"
	"pando/test/server"
)

// A directory of etcd 3.x is exchanged for a new one and kept, also when the server is killed on the way.
func TestEtcd3DirectoriesAreKept(t *testing.T) {
	t.Parallel()
	served := func(name string) bool { return name == "nosnap" || name == "snap" }
	for _, stage := range []string{"member.pando-new", "member.before-pando"} {
		t.Run("killed at "+stage, func(t *testing.T) {
			each(t, served, func(t *testing.T, v fixtures.Variant, from origin) {
				if from.archive == fixtures.Etcd238 {
					start(t, v)
					if exists(t, v.Dir, "member.before-pando") {
						t.Error("a directory of etcd 2.3 is used in place")
					}
					return
				}
				member := filepath.Join(v.Dir, "member")
				original := sums(t, member)
				s := server.Launch(t, server.Options{Dir: v.Dir, Name: "node0"})
				awaitDirectory(t, s, filepath.Join(v.Dir, stage))
				s.Kill()

				for range 2 {
					s = start(t, v)
					checkValues(t, s, v)
					if err := s.Stop(); err != nil {
						t.Error(err)
					}
					if kept := sums(t, member+".before-pando"); !maps.Equal(kept, original) {
						t.Errorf("kept are %q", slices.Sorted(maps.Keys(kept)))
					}
				}
				if exists(t, v.Dir, "member.pando-new") || exists(t, v.Dir, "member.before-pando.2") || exists(t, member, "snap", "db") {
					t.Error("there is something that should not be there")
				}
			})
		})
	}
}

// checkValues compares the tree, at whatever index.
func checkValues(t *testing.T, s *server.Server, v fixtures.Variant) {
	t.Helper()
	a := do(t, s, http.MethodGet, keys.Path("/", "recursive", "true", "sorted", "true", "quorum", "true"))
	got, want := counting.ReplaceAllString(string(a.Body), ""), counting.ReplaceAllString(string(v.Answer(t, fixtures.Tree)), "")
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("the tree is\n%s\nrecorded was\n%s", got, want)
	}
}

func exists(t *testing.T, path ...string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(path...))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

// awaitDirectory looks for a directory without a pause: it may be gone in a millisecond. It gives up when the server
// serves.
func awaitDirectory(t *testing.T, s *server.Server, dir string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !exists(t, dir); {
		if strings.Contains(s.Log(), "published") || time.Now().After(deadline) {
			return
		}
	}
}

// sums are the checksums of all files of a directory.
func sums(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	files := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		rest, err := filepath.Rel(dir, name)
		files[rest] = [sha256.Size]byte(h.Sum(nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
