package conformance

import (
	"fmt"

	"pando/test/conformance/rawhttp"
)

// index asks for the server's index, by way of a key that does not exist.
func (r *run) index() (uint64, error) {
	reply, err := r.ask("GET", "/v2/keys/{dir}")
	if err != nil {
		return 0, err
	}
	n, ok := etcdIndex(reply)
	if !ok {
		return 0, fmt.Errorf("the server does not tell its index: status %d, %v", reply.Status, reply.Err)
	}
	return n, nil
}

// cleanup deletes what the case has made. Much of it is gone already, so failures say nothing.
func (r *run) cleanup() {
	if r.c.Cleanup.none {
		return
	}
	for _, path := range append([]string{"/v2/keys/{dir}?recursive=true"}, r.c.Cleanup.paths...) {
		_, _ = r.ask("DELETE", path)
	}
}

// ask makes a request that is no step of the case.
func (r *run) ask(method, path string) (rawhttp.Reply, error) {
	req, err := r.scope.request(&Step{Method: method, Path: path}, 0)
	if err != nil {
		return rawhttp.Reply{}, err
	}
	c, err := rawhttp.Dial(r.scope.host)
	if err != nil {
		return rawhttp.Reply{}, err
	}
	defer c.Close()
	return c.RoundTrip(req.bytes, req.head, answerTime)
}
