//go:build linux || darwin

package server

import "syscall"

// fileLimit gives how many files the process may hold open. Go raises the soft limit to the hard
// one at its start.
func fileLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}
