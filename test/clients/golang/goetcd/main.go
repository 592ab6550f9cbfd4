// Goetcd drives a server through github.com/coreos/go-etcd, the oldest Go
// client, in the parts that its own test suite tests only now and then:
// syncing the cluster, the curl lines it reports, and watches.
//
//	goetcd http://127.0.0.1:2379
package main

import (
	"fmt"
	"log"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-etcd/etcd"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("goetcd: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: goetcd ENDPOINT")
	}
	// The client takes no deadline for a watch, so the program has one.
	time.AfterFunc(50*time.Second, func() { log.Fatal("not done within 50 seconds") })
	c := etcd.NewClient(os.Args[1:])
	dir := fmt.Sprintf("goetcd-%d", os.Getpid())
	for _, step := range []struct {
		name string
		do   func(c *etcd.Client, dir string)
	}{
		{"sync", syncCluster},
		{"curl lines", curlLines},
		{"watch", watch},
		{"recursive watch", watchAll},
		{"watch that is stopped", watchStopped},
	} {
		step.do(c, dir)
		fmt.Println("ok", step.name)
	}
	_, err := c.Delete(dir, true)
	check(err, "remove the program's keys")
}

// syncCluster fetches the members' URLs, and keeps them when it is pointed at
// machines that do not exist.
func syncCluster(c *etcd.Client, _ string) {
	if !c.SyncCluster() {
		log.Fatal("sync with the server failed")
	}
	synced := c.GetCluster()
	if !slices.Equal(synced, os.Args[1:]) {
		log.Fatalf("machines after sync: want %q, got %q", os.Args[1:], synced)
	}
	for _, machine := range synced {
		u, err := url.Parse(machine)
		check(err, "machine")
		equal("scheme of a machine", u.Scheme, "http")
	}
	if c.SetCluster([]string{"nowhere.invalid"}) {
		log.Fatal("sync with a machine that does not exist succeeded")
	}
	if got := c.GetCluster(); !slices.Equal(got, synced) {
		log.Fatalf("machines after a failed sync: want %q, got %q", synced, got)
	}
	if !c.SetCluster([]string{synced[0] + "/"}) {
		log.Fatal("sync with a trailing slash failed")
	}
}

// curlLines checks the commands that the client says its requests amount to.
func curlLines(c *etcd.Client, dir string) {
	key := dir + "/curl"
	c.OpenCURL()
	_, err := c.Set(key, "bar", 5)
	check(err, "set")
	// The client prints a form's fields in any order.
	line := c.RecvCURL()
	head := fmt.Sprintf("curl -X PUT %s/v2/keys/%s", os.Args[1], key)
	if !strings.HasPrefix(line, head+" ") || len(line) != len(head+" -d value=bar -d ttl=5") ||
		!strings.Contains(line, " -d value=bar") || !strings.Contains(line, " -d ttl=5") {
		log.Fatalf("curl line of set: %q", line)
	}
	check(c.SetConsistency(etcd.STRONG_CONSISTENCY), "consistency")
	res, err := c.Get(key, false, false)
	check(err, "get")
	equal("value", res.Node.Value, "bar")
	equal("curl line of get", c.RecvCURL(),
		fmt.Sprintf("curl -X GET %s/v2/keys/%s?quorum=true&recursive=false&sorted=false", os.Args[1], key))
	c.CloseCURL()
}

// watch waits for the next change of a key, then for one from an index on.
func watch(c *etcd.Client, dir string) {
	key := dir + "/watch"
	res := watchLive(c, key, key, false)
	event("live watch", res, "set", "/"+key)

	set, err := c.Set(key, "later", 100)
	check(err, "set")
	res, err = c.Watch(key, set.Node.ModifiedIndex, false, nil, nil)
	check(err, "watch from an index")
	event("watch from an index", res, "set", "/"+key)
	equal("value of the event", res.Node.Value, "later")
}

// watchAll does the same for all that lies below a directory.
func watchAll(c *etcd.Client, dir string) {
	tree, key := dir+"/watchall", dir+"/watchall/foo"
	res := watchLive(c, tree, key, true)
	event("live recursive watch", res, "set", "/"+key)

	set, err := c.Set(key, "one", 100)
	check(err, "set")
	_, err = c.CompareAndSwap(key, "two", 100, "one", 0)
	check(err, "swap")
	res, err = c.Watch(tree, set.Node.ModifiedIndex+1, true, nil, nil)
	check(err, "recursive watch from an index")
	event("recursive watch from an index", res, "compareAndSwap", "/"+key)
}

// watchLive watches path while another goroutine sets key, again and again
// because nothing tells when the watch has begun, until the watch returns.
func watchLive(c *etcd.Client, path, key string, recursive bool) *etcd.Response {
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_, err := c.Set(key, "live", 100)
				check(err, "set")
			}
		}
	})
	res, err := c.Watch(path, 0, recursive, nil, nil)
	check(err, "live watch")
	close(done)
	writer.Wait()
	equal("value watched", res.Node.Value, "live")
	return res
}

// watchStopped follows a key through ten changes and then stops the watch.
func watchStopped(c *etcd.Client, dir string) {
	key := dir + "/stopped"
	first, err := c.Set(key, "0", 0)
	check(err, "set")
	for i := 1; i <= 10; i++ {
		_, err = c.Set(key, fmt.Sprint(i), 0)
		check(err, "set")
	}
	events := make(chan *etcd.Response)
	stop := make(chan bool, 1)
	stopped := make(chan error)
	go func() {
		_, err := c.Watch(key, first.Node.ModifiedIndex, true, events, stop)
		stopped <- err
	}()
	for i := range 11 {
		res := <-events
		if res == nil {
			log.Fatalf("the watch ended before event %d: %v", i, <-stopped)
		}
		equal("value of an event", res.Node.Value, fmt.Sprint(i))
	}
	stop <- true
	equal("error of a stopped watch", <-stopped, etcd.ErrWatchStoppedByUser)
}

// event ends the program unless res is that event.
func event(what string, res *etcd.Response, action, key string) {
	equal(what, res.Action+" "+res.Node.Key, action+" "+key)
}

// check ends the program if an operation that has to succeed did not.
func check(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

// equal ends the program if an answer is not what it has to be.
func equal[T comparable](what string, got, want T) {
	if got != want {
		log.Fatalf("%s: want %v, got %v", what, want, got)
	}
}
