//go:build !linux && !darwin

package server

// fileLimit gives how many files the process may hold open: elsewhere the limit is far beyond what
// one process serves.
func fileLimit() int { return 1 << 16 }
