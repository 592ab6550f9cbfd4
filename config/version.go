package config

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// EtcdVersion is the etcd that Pando stands in for. Clients, dashboards and other members read it as the server's version.
const EtcdVersion = "2.3.8"

// Version is Pando's own. The Makefile sets it when it links; otherwise it is the module's.
var Version = ""

// VersionName is Pando's own version, "" if it is not known.
func VersionName() string {
	if info, ok := debug.ReadBuildInfo(); ok && Version == "" {
		return info.Main.Version
	}
	return Version
}

// versionText is what --version prints: etcd's four lines (server spec, section 1), because scripts cut the version out of
// the first one, then Pando's own version.
func versionText() string {
	commit := "Not provided"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 7 {
				commit = s.Value[:7]
			}
		}
	}
	return fmt.Sprintf("etcd Version: %s\nGit SHA: %s\nGo Version: %s\nGo OS/Arch: %s/%s\nPando Version: %s\n",
		EtcdVersion, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, VersionName())
}
