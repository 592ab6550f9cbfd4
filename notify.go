package main

import (
	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// notify tells the service manager that started this process, if it is one that
// listens on NOTIFY_SOCKET, what the process is about to do: sd_notify(3).
func notify(state string, log *zap.Logger) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager was not told", zap.String("state", state), zap.Error(err))
	}
}
