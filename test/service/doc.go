// Package service tries Pando as what starts and stops it sees it: systemd, a container's runtime, a shell. Its readiness,
// its health, its signals and exit codes, and what becomes of its clients when it stops (server spec, sections 1 and 9).
package service
