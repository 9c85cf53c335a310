package committest

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Bubble runs f in a bubble where time passes only while everybody waits. The bubble has one
// processor. Where its timers fire on several at once, the race detector loses its own state and
// ends the process (golang/go#78156).
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, f)
}
