package conformance

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// fake is a server that gives to a case's request the answer it is told to. To the runner's own requests, the first and
// the last of a case, it answers as etcd at index 100 does.
type fake struct {
	addr   string
	answer func(dir string) string // a whole HTTP answer; dir is what {dir} stands for
}

func newFake(t *testing.T, answer func(dir string) string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{l.Addr().String(), answer}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); f.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return f
}

// serve answers one request and closes.
func (f *fake) serve(c net.Conn) {
	in := bufio.NewReader(c)
	line, err := in.ReadString('\n')
	for err == nil {
		var header string
		if header, err = in.ReadString('\n'); strings.TrimSpace(header) == "" {
			break
		}
	}
	_, rest, _ := strings.Cut(line, "/v2/keys/")
	dir := rest[:strings.IndexAny(rest+" ", "/? ")]
	if !strings.Contains(rest, "/") || !strings.HasPrefix(rest, dir+"/") {
		fmt.Fprint(c, whole(404, "X-Etcd-Index: 100", ""))
		return
	}
	fmt.Fprint(c, f.answer(dir))
}

// whole is an answer with a length.
func whole(status int, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%s\r\nContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
}

// judge plays a case of one step against a server that gives this answer, in which DIR stands for the directory.
func judge(t *testing.T, caseJSON, answer string) Result {
	t.Helper()
	return Run(newFake(t, func(dir string) string { return strings.ReplaceAll(answer, "DIR", dir) }).addr,
		parseCase(t, caseJSON), false)
}
