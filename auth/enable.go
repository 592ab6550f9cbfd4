package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"pando/store"
)

// Enable makes requests need credentials from now on. As in the reference it needs a user root, and makes a role guest
// that may do everything unless there is one. The errors are an *Error or those of Member.
func (s *Service) Enable(ctx context.Context, from string) error {
	v := s.member.View()
	if v.AuthEnabled() {
		return refused(http.StatusConflict, "already enabled")
	}
	t := s.table(v)
	if t.users[RootName] == nil {
		return refused(http.StatusConflict, "No root user available, please create one")
	}
	if t.role(GuestName) == nil {
		var exists *Error // somebody else was faster
		if err := s.createRole(ctx, from, *everything(GuestName)); err != nil && !errors.As(err, &exists) {
			return err
		}
	}
	if err := s.set(ctx, "true"); err != nil {
		return err
	}
	s.log.Info("enabled authentication", zap.String("from", from))
	s.WarnOfGuest()
	return nil
}

// Disable lets everybody do everything again. The errors are an *Error or those of Member.
func (s *Service) Disable(ctx context.Context, from string) error {
	if !s.member.View().AuthEnabled() {
		return refused(http.StatusConflict, "already disabled")
	}
	if err := s.set(ctx, "false"); err != nil {
		return err
	}
	s.log.Warn("disabled authentication: everybody may do everything", zap.String("from", from))
	return nil
}

func (s *Service) set(ctx context.Context, enabled string) error {
	return s.change(ctx, store.Command{Method: store.MethodPut, Path: enabledPath, Val: enabled, PrevExist: &yes})
}

// WarnOfGuest tells the log if authentication is enabled and requests without credentials may do something all the same,
// which is the reference's default and surprises everybody.
func (s *Service) WarnOfGuest() {
	v := s.member.View()
	if !v.AuthEnabled() {
		return
	}
	guest := s.table(v).role(GuestName)
	if guest == nil || guest.Permissions.Empty() {
		return
	}
	kv := guest.Permissions.KV
	if slices.Contains(kv.Write, "/*") || slices.Contains(kv.Write, "*") {
		s.log.Warn("authentication is enabled, but whoever sends no credentials may still read and write: " +
			"the role guest allows it. Take its permissions away, or delete it")
		return
	}
	s.log.Warn("authentication is enabled, and the role guest allows something to whoever sends no credentials",
		zap.Strings("read", kv.Read), zap.Strings("write", kv.Write))
}
