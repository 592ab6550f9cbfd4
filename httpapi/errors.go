package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"pando/auth"
	"pando/eventhistory"
	"pando/store"
)

// fail answers a request on the keys API with an error: the one place where that is done (keys-api spec, section 11). What
// nobody could use as an answer cuts the connection instead: the server stops, or the client has gone. It returns the status.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) int {
	var v2 *store.Error
	var failure *Failure
	var cleared *eventhistory.ClearedError
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, auth.ErrDenied):
		v2, status = store.NewError(store.CodeUnauthorized, causeCredentials, 0), http.StatusUnauthorized
	case errors.Is(err, auth.ErrBusy):
		v2, status = store.NewError(store.CodeRaftInternal, causeTooMany, 0), http.StatusServiceUnavailable
	case errors.As(err, &v2):
		status = v2.Status()
	case errors.As(err, &cleared):
		v2 = store.NewError(store.CodeIndexCleared, cleared.Error(), cleared.Index)
		status = v2.Status()
	case errors.As(err, &failure):
		v2, status = store.NewError(store.CodeRaftInternal, failure.Cause, 0), failure.Status
	case isOver(err):
		panic(http.ErrAbortHandler)
	default:
		h.log.Error("request failed", zap.String("method", r.Method), zap.Error(err))
		v2 = store.NewError(store.CodeRaftInternal, err.Error(), 0)
	}
	h.writeError(w, r, v2, status)
	return status
}

func isOver(err error) bool {
	return errors.Is(err, ErrStopped) || errors.Is(err, context.Canceled) ||
		errors.Is(err, eventhistory.ErrStopped) || errors.Is(err, eventhistory.ErrCleared)
}

// failMessage answers a request for members, users or roles that failed. What the client cannot help is told to the log
// alone, as the reference does.
func (h *handler) failMessage(w http.ResponseWriter, r *http.Request, err error) {
	var change *MemberError
	var record *auth.Error
	var failure *Failure
	switch {
	case errors.As(err, &change):
		writeMessage(w, change.Status, change.Message)
	case errors.As(err, &record):
		writeMessage(w, record.Status, record.Message)
	case errors.Is(err, auth.ErrDenied):
		writeMessage(w, http.StatusUnauthorized, causeCredentials)
	case errors.Is(err, auth.ErrBusy):
		writeMessage(w, http.StatusServiceUnavailable, causeTooMany)
	case errors.As(err, &failure) && failure.Status != http.StatusInternalServerError:
		writeMessage(w, failure.Status, failure.Cause)
	case isOver(err):
		panic(http.ErrAbortHandler)
	default:
		h.log.Error("nothing was changed, or nobody knows", zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.Error(err))
		writeMessage(w, http.StatusInternalServerError, "Internal Server Error")
	}
}

// writeError sends an error. Its index is the etcd index where the store found the error, else 0; the raft headers are
// missing in either case.
func (h *handler) writeError(w http.ResponseWriter, r *http.Request, e *store.Error, status int) {
	header := w.Header()
	header["Content-Type"] = typeJSON
	header["X-Etcd-Cluster-Id"] = h.clusterID
	header["X-Etcd-Index"] = []string{strconv.FormatUint(e.Index, 10)}
	enc := newEncoder(w)
	defer enc.free()
	enc.head = r.Method == http.MethodHead
	enc.status = status
	enc.error(e)
	enc.end()
}
