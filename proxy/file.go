package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pando/fsys"
)

// maxFile bounds what is read of the file, in bytes.
const maxFile = 1 << 20

// clusterFile keeps the peer URLs over restarts, as etcd's proxy does: {"PeerURLs":["http://..."]}, readable by the owner
// only. What was saved is durable, and at any moment the file is whole.
type clusterFile struct {
	fs        fsys.FS
	dir, name string
}

func newClusterFile(f fsys.FS, dataDir string) clusterFile {
	dir := filepath.Join(dataDir, "proxy")
	return clusterFile{fs: f, dir: dir, name: filepath.Join(dir, "cluster")}
}

type clusterJSON struct{ PeerURLs []string }

// load reads the URLs. found is false if there is no file yet.
func (c clusterFile) load() (urls []string, found bool, err error) {
	file, err := c.fs.OpenFile(c.name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, c.advise(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, false, c.advise(err)
	}
	var content clusterJSON
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, false, c.advise(err)
	}
	if len(content.PeerURLs) == 0 {
		return nil, false, c.advise(errors.New("it names no member"))
	}
	return content.PeerURLs, true, nil
}

func (c clusterFile) advise(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("the proxy's list of members in %s cannot be used: %w. Remove the file to begin again from the flags", c.name, err)
}

// makeDir makes the directory durable, which marks a data directory as a proxy's.
func (c clusterFile) makeDir() error {
	data := filepath.Dir(c.dir)
	if err := c.fs.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	return errors.Join(c.fs.SyncDir(data), c.fs.SyncDir(filepath.Dir(data)))
}

// save exchanges the file for another.
func (c clusterFile) save(urls []string) error {
	text, err := json.Marshal(clusterJSON{urls})
	if err != nil {
		return err
	}
	scratch := c.name + ".tmp"
	file, err := c.fs.OpenFile(scratch, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = file.Write(text); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := c.fs.Rename(scratch, c.name); err != nil {
		return err
	}
	return c.fs.SyncDir(c.dir)
}
