package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"pando/httpapi"
	"pando/raft"
	"pando/raft/transport"
)

// membersPath is where a member hands a change of the membership to the leader. It
// is Pando's own and only on the peer port.
const membersPath = "/pando/members"

var (
	errNoAnswer    = errors.New("the leader did not say what became of it")
	errMisdirected = errors.New("the member does not lead any more")
)

// askAgain is how long to wait before a leader is looked for again.
const askAgain = 20 * time.Millisecond

// changeMembership brings a change to whoever leads, until it is known what became
// of it or the request timeout ends.
func (s *server) changeMembership(ctx context.Context, c memberChange) error {
	ctx, cancel := context.WithTimeout(ctx, s.requestTimeout())
	defer cancel()
	doubtful := false // it may have been carried out already
	for {
		err := s.changeHere(ctx, c)
		var other *raft.NotLeaderError
		if errors.As(err, &other) {
			err = s.handToLeader(ctx, other.Leader, c)
		}
		if !errors.Is(err, errNoAnswer) && !errors.Is(err, errMisdirected) {
			return secondTime(err, c, doubtful)
		}
		doubtful = doubtful || errors.Is(err, errNoAnswer)
		s.log.Debug("the membership change is tried again", zap.Error(err))
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return ctx.Err()
		case <-s.node.Done():
			return httpapi.ErrStopped
		}
	}
}

// secondTime takes a second attempt for what it is: the refusal to do again what the first
// one did.
func secondTime(err error, c memberChange, doubtful bool) error {
	var refused *httpapi.MemberError
	if !doubtful || !errors.As(err, &refused) {
		return err
	}
	switch {
	case c.Method == http.MethodPost && refused.Message == idExists, c.Method == http.MethodDelete && refused.Status == http.StatusGone:
		return nil
	}
	return err
}

// handToLeader lets the leader carry out a change, and waits until it shows here.
func (s *server) handToLeader(ctx context.Context, leader uint64, c memberChange) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	status, answer, err := s.transport.Ask(ctx, leader, membersPath, body)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, transport.ErrNoPeer): // the list of members here is behind
		return errMisdirected
	case err != nil:
		return errors.Join(errNoAnswer, err)
	}
	switch status {
	case http.StatusNoContent:
		s.showChange(ctx)
		return nil
	case http.StatusMisdirectedRequest:
		return errMisdirected
	case http.StatusInternalServerError:
		return errors.New("the leader could not carry it out")
	}
	var refused struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer, &refused); err != nil || refused.Message == "" {
		return errors.Join(errNoAnswer, errors.New(http.StatusText(status)))
	}
	return &httpapi.MemberError{Status: status, Message: refused.Message}
}

// showChange waits until this member has applied what the leader has, so that the
// client finds its change here. It has been carried out in any case.
func (s *server) showChange(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Election)
	defer cancel()
	if err := s.node.ReadIndex(ctx); err != nil {
		s.log.Debug("a membership change may not show here yet", zap.Error(err))
	}
}

// takeChange answers a change that another member handed over: 204, or the status
// and body that /v2/members has for it.
func (s *server) takeChange(ctx context.Context, body []byte) (status int, answer []byte) {
	var c memberChange
	if err := json.Unmarshal(body, &c); err != nil || !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodDelete}, c.Method) {
		return http.StatusBadRequest, message("no membership change")
	}
	ctx, cancel := context.WithTimeout(ctx, s.requestTimeout())
	defer cancel()
	err := s.changeHere(ctx, c)
	var refused *httpapi.MemberError
	var other *raft.NotLeaderError
	switch {
	case err == nil:
		return http.StatusNoContent, nil
	case errors.As(err, &refused):
		return refused.Status, message(refused.Message)
	case errors.As(err, &other):
		return http.StatusMisdirectedRequest, message(other.Error())
	}
	s.log.Warn("a membership change handed over by another member was not carried out", zap.Error(err))
	if errors.Is(err, httpapi.ErrStopped) || errors.Is(err, context.Canceled) || errors.Is(err, errNoAnswer) {
		return http.StatusServiceUnavailable, nil // the other asks the next leader
	}
	return http.StatusInternalServerError, message("Internal Server Error")
}

func message(text string) []byte {
	b, _ := json.Marshal(struct { // a string can be encoded
		Message string `json:"message"`
	}{text})
	return b
}
