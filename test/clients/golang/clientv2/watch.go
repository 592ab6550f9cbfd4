package main

import (
	"fmt"
	"log"
	"sync"
	"time"

	client "go.etcd.io/etcd/client/v2"
)

// historySize is how many events a server promises to keep, at the least.
const historySize = 1000

// next waits for a watcher's next event and ends the program if it is not
// the one named.
func (r *run) next(w client.Watcher, action, key, value string) *client.Response {
	res, err := w.Next(r.ctx)
	check(err, "watch "+key)
	equal("event", fmt.Sprint(res.Action, " ", res.Node.Key, " ", res.Node.Value), action+" "+key+" "+value)
	return res
}

// watcher follows one key through events that are past and one to come.
func (r *run) watcher() {
	key := r.dir + "/watched"
	res, err := r.keys.Set(r.ctx, key, "0", nil)
	check(err, "set")
	w := r.keys.Watcher(key, &client.WatcherOptions{AfterIndex: res.Index})
	for _, value := range []string{"1", "2"} {
		_, err = r.keys.Set(r.ctx, key, value, nil)
		check(err, "set")
	}
	_, err = r.keys.Delete(r.ctx, key, nil)
	check(err, "delete")
	r.next(w, "set", key, "1")
	r.next(w, "set", key, "2")
	equal("value before the delete", r.next(w, "delete", key, "").PrevNode.Value, "2")

	var writer sync.WaitGroup
	writer.Go(func() {
		_, err := r.keys.Create(r.ctx, key, "live")
		check(err, "create")
	})
	r.next(w, "create", key, "live")
	writer.Wait()
}

// recursiveWatcher sees what happens below a directory, but for hidden keys.
func (r *run) recursiveWatcher() {
	dir := r.dir + "/watchedtree"
	res, err := r.keys.Set(r.ctx, dir+"/start", "", nil)
	check(err, "set")
	w := r.keys.Watcher(dir, &client.WatcherOptions{AfterIndex: res.Index, Recursive: true})
	for _, key := range []string{"/a", "/b/c"} {
		_, err = r.keys.Set(r.ctx, dir+key, "x", nil)
		check(err, "set")
	}
	_, err = r.keys.Delete(r.ctx, dir, &client.DeleteOptions{Recursive: true})
	check(err, "delete")
	r.next(w, "set", dir+"/a", "x")
	r.next(w, "set", dir+"/b/c", "x")
	r.next(w, "delete", dir, "")
}

// refresh prolongs a key's life without waking its watcher, which then sees
// the key expire.
func (r *run) refresh() {
	key := r.dir + "/lease"
	_, err := r.keys.Set(r.ctx, key, "", &client.SetOptions{TTL: time.Second, Refresh: true, PrevExist: client.PrevExist})
	fails("refresh of a missing key", err, client.ErrorCodeKeyNotFound)
	res, err := r.keys.Set(r.ctx, key, "held", &client.SetOptions{TTL: 100 * time.Second})
	check(err, "set with TTL")
	equal("TTL", res.Node.TTL, 100)
	w := r.keys.Watcher(key, &client.WatcherOptions{AfterIndex: res.Index})

	res, err = r.keys.Set(r.ctx, key, "", &client.SetOptions{
		TTL: time.Second, Refresh: true, PrevExist: client.PrevExist, PrevValue: "held"})
	check(err, "refresh")
	equal("value after a refresh", res.Node.Value, "held")
	equal("TTL after a refresh", res.Node.TTL, 1)
	if res.Node.Expiration == nil {
		log.Fatal("a key with a TTL has no expiration")
	}
	event := r.next(w, "expire", key, "")
	equal("value of the expired key", event.PrevNode.Value, "held")
	if late := time.Since(*res.Node.Expiration); late > 5*time.Second {
		log.Fatalf("the key expired %v late", late)
	}
}

// historyGone writes more events than the server keeps, sees a watch from
// before them refused, and goes on from the index of a fresh read.
func (r *run) historyGone() {
	key := r.dir + "/busy"
	res, err := r.keys.Set(r.ctx, key, "start", nil)
	check(err, "set")
	old := r.keys.Watcher(key, &client.WatcherOptions{AfterIndex: res.Index})
	var writers sync.WaitGroup
	for i := range 11 {
		writers.Go(func() {
			for range historySize / 10 {
				_, err := r.keys.Set(r.ctx, fmt.Sprintf("%s-%d", key, i), "x", nil)
				check(err, "set")
			}
		})
	}
	writers.Wait()
	_, err = old.Next(r.ctx)
	fails("watch on history that is gone", err, client.ErrorCodeEventIndexCleared)

	res, err = r.keys.Get(r.ctx, key, nil)
	check(err, "get")
	w := r.keys.Watcher(key, &client.WatcherOptions{AfterIndex: res.Index})
	_, err = r.keys.Set(r.ctx, key, "again", nil)
	check(err, "set")
	r.next(w, "set", key, "again")
}
