package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"syscall"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"
)

// serveLogLevel sets the level for as long as the process runs.
func (h *handler) serveLogLevel(w http.ResponseWriter, r *http.Request) {
	const longest = 4 << 10 // of a body, in bytes
	var in struct{ Level string }
	err := json.NewDecoder(io.LimitReader(r.Body, longest)).Decode(&in)
	if err != nil {
		cutIfSlow(err)
		writeMessage(w, http.StatusBadRequest, "Invalid json body")
		return
	}
	if !h.setLogLevel(in.Level) {
		writeMessage(w, http.StatusBadRequest, "Invalid log level "+in.Level)
		return
	}
	h.log.Info("the log level was set", zap.String("level", in.Level), zap.String("remote", r.RemoteAddr))
	w.WriteHeader(http.StatusNoContent)
}

// serveVars answers as package expvar does, with etcd's names. It is written by hand because expvar is one for the process,
// and there may be several servers in it.
func (h *handler) serveVars(w http.ResponseWriter, r *http.Request) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		h.log.Debug("no limit of open files", zap.Error(err))
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	engine, err := h.engine(r)
	if err != nil && !errors.Is(err, r.Context().Err()) {
		h.log.Debug("the engine did not say how it is", zap.Error(err))
	}
	w.Header()["Content-Type"] = []string{"application/json; charset=utf-8"}
	separator := "{\n"
	for _, v := range []struct {
		name  string
		value any
	}{{"cmdline", os.Args}, {"file_descriptor_limit", files.Cur}, {"memstats", memory}, {"raft.status", engine}} {
		text, err := json.Marshal(v.value)
		if err != nil {
			h.log.Error("a variable does not encode", zap.String("name", v.name), zap.Error(err))
			text = []byte("null")
		}
		_, _ = io.WriteString(w, separator+`"`+v.name+`": `+string(text))
		separator = ",\n"
	}
	_, _ = io.WriteString(w, "\n}\n")
}

// engine is the state of the replication engine as JSON, null if it cannot be had.
func (h *handler) engine(r *http.Request) (json.RawMessage, error) {
	if h.engineStatus == nil {
		return nil, nil
	}
	return h.engineStatus(r.Context())
}

const pprofPath = "/debug/pprof"

// routeProfiles serves the profiles of the whole process. Nothing else may reach the handlers: one of them holds a processor
// for as long as it is told to.
func routeProfiles(mux *chi.Mux) {
	get := func(f http.HandlerFunc) http.HandlerFunc { return allow(f, http.MethodGet, http.MethodPost) }
	mux.HandleFunc(pprofPath, get(pprof.Index))
	mux.HandleFunc(pprofPath+"/", get(pprof.Index))
	mux.HandleFunc(pprofPath+"/cmdline", get(pprof.Cmdline))
	mux.HandleFunc(pprofPath+"/profile", get(pprof.Profile))
	mux.HandleFunc(pprofPath+"/symbol", get(pprof.Symbol))
	mux.HandleFunc(pprofPath+"/trace", get(pprof.Trace))
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		mux.HandleFunc(pprofPath+"/"+name, get(pprof.Handler(name).ServeHTTP))
	}
}
