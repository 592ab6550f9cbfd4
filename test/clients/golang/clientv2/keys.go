package main

import (
	"fmt"
	"log"
	"time"

	client "go.etcd.io/etcd/client/v2"
)

// values sets, reads, updates and deletes one key.
func (r *run) values() {
	key := r.dir + "/value"
	res, err := r.keys.Set(r.ctx, key, "füß <&> \"\n", nil)
	check(err, "set")
	equal("action of set", res.Action, "set")
	equal("created", res.Node.CreatedIndex, res.Node.ModifiedIndex)
	equal("index of set", res.Index, res.Node.ModifiedIndex)
	first := res.Node.CreatedIndex

	res, err = r.keys.Get(r.ctx, key, nil)
	check(err, "get")
	equal("value", res.Node.Value, "füß <&> \"\n")
	equal("key", res.Node.Key, key)
	res, err = r.keys.Update(r.ctx, key, "two")
	check(err, "update")
	equal("action of update", res.Action, "update")
	equal("created by update", res.Node.CreatedIndex, first)
	equal("replaced by update", res.PrevNode.ModifiedIndex, first)
	res, err = r.keys.Get(r.ctx, key, &client.GetOptions{Quorum: true})
	check(err, "quorum get")
	equal("value read with quorum", res.Node.Value, "two")

	res, err = r.keys.Delete(r.ctx, key, nil)
	check(err, "delete")
	equal("deleted value", res.PrevNode.Value, "two")
	_, err = r.keys.Get(r.ctx, key, nil)
	fails("get of a deleted key", err, client.ErrorCodeKeyNotFound)
	if !client.IsKeyNotFound(err) {
		log.Fatalf("IsKeyNotFound does not know %v", err)
	}
}

// directories makes, lists and removes a small tree.
func (r *run) directories() {
	dir := r.dir + "/tree"
	_, err := r.keys.Set(r.ctx, dir, "", &client.SetOptions{Dir: true, PrevExist: client.PrevNoExist})
	check(err, "make a directory")
	for _, name := range []string{"/b", "/a", "/sub/c", "/_hidden"} {
		_, err = r.keys.Set(r.ctx, dir+name, "x", nil)
		check(err, "set "+name)
	}
	res, err := r.keys.Get(r.ctx, dir, &client.GetOptions{Recursive: true, Sort: true})
	check(err, "list")
	got := ""
	for _, n := range res.Node.Nodes {
		got += fmt.Sprintf("%s(%v,%d) ", n.Key[len(dir):], n.Dir, len(n.Nodes))
	}
	equal("sorted listing", got, "/a(false,0) /b(false,0) /sub(true,1) ")

	_, err = r.keys.Get(r.ctx, dir+"/a/below", nil)
	fails("get below a file", err, client.ErrorCodeNotDir)
	_, err = r.keys.Set(r.ctx, dir, "x", nil)
	fails("value for a directory", err, client.ErrorCodeNotFile)
	_, err = r.keys.Delete(r.ctx, dir, &client.DeleteOptions{Dir: true})
	fails("delete of a full directory", err, client.ErrorCodeDirNotEmpty)
	_, err = r.keys.Delete(r.ctx, "/", &client.DeleteOptions{Recursive: true})
	fails("delete of the root", err, client.ErrorCodeRootROnly)
	res, err = r.keys.Delete(r.ctx, dir, &client.DeleteOptions{Recursive: true})
	check(err, "recursive delete")
	equal("deleted a directory", res.PrevNode.Dir, true)
}

// conditions tries compare-and-swap and compare-and-delete, met and not met.
func (r *run) conditions() {
	key := r.dir + "/condition"
	res, err := r.keys.Create(r.ctx, key, "one")
	check(err, "create")
	index := res.Node.ModifiedIndex
	_, err = r.keys.Create(r.ctx, key, "again")
	fails("create of a key that exists", err, client.ErrorCodeNodeExist)
	_, err = r.keys.Set(r.ctx, key, "two", &client.SetOptions{PrevValue: "wrong"})
	fails("swap with the wrong value", err, client.ErrorCodeTestFailed)
	equal("cause", err.(client.Error).Cause, "[wrong != one]")
	res, err = r.keys.Set(r.ctx, key, "two", &client.SetOptions{PrevValue: "one", PrevIndex: index})
	check(err, "swap")
	equal("action of a swap", res.Action, "compareAndSwap")
	equal("created by a swap", res.Node.CreatedIndex, index)

	_, err = r.keys.Delete(r.ctx, key, &client.DeleteOptions{PrevIndex: index})
	fails("delete with an old index", err, client.ErrorCodeTestFailed)
	res, err = r.keys.Delete(r.ctx, key, &client.DeleteOptions{PrevValue: "two"})
	check(err, "compare and delete")
	equal("action of a compare and delete", res.Action, "compareAndDelete")
}

// inOrder puts two keys in a queue and reads them back in their order.
func (r *run) inOrder() {
	queue := r.dir + "/queue"
	for _, value := range []string{"first", "second"} {
		res, err := r.keys.CreateInOrder(r.ctx, queue, value, &client.CreateInOrderOptions{TTL: time.Minute})
		check(err, "create in order")
		equal("name of an in-order key", res.Node.Key, fmt.Sprintf("%s/%020d", queue, res.Node.CreatedIndex))
	}
	res, err := r.keys.Get(r.ctx, queue, &client.GetOptions{Sort: true})
	check(err, "read the queue")
	equal("keys in the queue", len(res.Node.Nodes), 2)
	equal("order", res.Node.Nodes[0].Value+res.Node.Nodes[1].Value, "firstsecond")
}

// noValue checks that a client which does not want the value back is not
// confused: etcd 2.3 ignores its wish, later versions send the action alone.
func (r *run) noValue() {
	key := r.dir + "/novalue"
	res, err := r.keys.Set(r.ctx, key, "kept", &client.SetOptions{NoValueOnSuccess: true})
	check(err, "set with noValueOnSuccess")
	equal("action of set with noValueOnSuccess", res.Action, "set")
	if res.Node != nil && res.Node.Value != "kept" {
		log.Fatalf("set with noValueOnSuccess: neither no node nor the right one: %+v", res.Node)
	}
	res, err = r.keys.Get(r.ctx, key, nil)
	check(err, "get")
	equal("value set with noValueOnSuccess", res.Node.Value, "kept")
}
