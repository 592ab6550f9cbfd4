// Clientv2 drives a server through etcd's own Go client for the v2 API:
//
//	clientv2 http://127.0.0.1:2379
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	client "go.etcd.io/etcd/client/v2"
)

// run is one pass of the program: its client, and the directory it works in.
type run struct {
	ctx      context.Context
	endpoint string
	client   client.Client
	keys     client.KeysAPI
	dir      string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("clientv2: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: clientv2 ENDPOINT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	c, err := client.New(client.Config{Endpoints: os.Args[1:], HeaderTimeoutPerRequest: 5 * time.Second})
	check(err, "client")
	r := &run{ctx: ctx, endpoint: os.Args[1], client: c, keys: client.NewKeysAPI(c), dir: fmt.Sprintf("/clientv2-%d", os.Getpid())}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"cluster", r.cluster},
		{"keys", r.values},
		{"directories", r.directories},
		{"conditions", r.conditions},
		{"in-order keys", r.inOrder},
		{"TTL and refresh", r.refresh},
		{"noValueOnSuccess", r.noValue},
		{"watcher", r.watcher},
		{"recursive watcher", r.recursiveWatcher},
		{"watcher on history that is gone", r.historyGone},
	} {
		step.do()
		fmt.Println("ok", step.name)
	}
	_, err = r.keys.Delete(ctx, r.dir, &client.DeleteOptions{Recursive: true})
	check(err, "remove the program's keys")
}

// cluster asks what this client asks before it works: members, leader,
// version, and the endpoints that a sync leaves it with.
func (r *run) cluster() {
	members, err := client.NewMembersAPI(r.client).List(r.ctx)
	check(err, "list members")
	if len(members) != 1 || members[0].ID == "" || members[0].Name == "" || len(members[0].PeerURLs) == 0 {
		log.Fatalf("members: want one with id, name and peer URLs, got %+v", members)
	}
	leader, err := client.NewMembersAPI(r.client).Leader(r.ctx)
	check(err, "leader")
	equal("leader", leader.ID, members[0].ID)
	check(r.client.Sync(r.ctx), "sync")
	if got := r.client.Endpoints(); !slices.Equal(got, members[0].ClientURLs) {
		log.Fatalf("endpoints after sync: want the member's %q, got %q", members[0].ClientURLs, got)
	}
	if !slices.Contains(r.client.Endpoints(), r.endpoint) {
		log.Fatalf("endpoints after sync: %q lack %q", r.client.Endpoints(), r.endpoint)
	}
	v, err := r.client.GetVersion(r.ctx)
	check(err, "version")
	if v.Server == "" || v.Cluster == "" {
		log.Fatalf("version: want both of them, got %+v", v)
	}
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

// fails ends the program unless err is the v2 error of that code.
func fails(what string, err error, code int) {
	e, ok := err.(client.Error)
	if !ok || e.Code != code {
		log.Fatalf("%s: want error %d, got %v", what, code, err)
	}
}
