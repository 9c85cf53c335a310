//go:build faultpoints

package work

import (
	"os"
	"syscall"
)

// faultPoint kills the process, as a crash would, when a test has put a file with the point's
// name into the folder that FAULTPOINTS names. Of several processes the one that can remove the
// file dies; the others go on. The file is the only way to arm it: the process must not die
// again when it is started again.
func faultPoint(name string) {
	if dir := os.Getenv("FAULTPOINTS"); dir != "" && os.Remove(dir+"/"+name) == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing runs after it
		select {}
	}
}
