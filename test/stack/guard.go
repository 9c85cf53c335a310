package stack

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// guard ends the servers and removes the folder when the process that started them dies without
// Close. A process dies so of a panic in a test, the test binary's time limit or SIGKILL. The
// guard is a shell that reads on a pipe which servers run, and acts when the pipe ends. (The
// kernel's parent-death signal would not do. It follows the thread that forked, reaches no
// grandchildren, and removes no folder.)
type guard struct {
	mu   sync.Mutex
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

const guardScript = `
procs= dir=
trap '' INT TERM HUP
while read -r what arg; do
  case $what in
  dir) dir=$arg ;;
  run) procs="$procs $arg" ;;
  end) rest=
    for p in $procs; do [ "${p%%:*}" = "$arg" ] || rest="$rest $p"; done
    procs=$rest ;;
  forget) procs= dir= ;;
  esac
done
for p in $procs; do kill -s "${p#*:}" -- "-${p%%:*}"; done
for _ in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29; do
  left=
  for p in $procs; do kill -s 0 -- "-${p%%:*}" && left=1; done
  [ -z "$left" ] && break
  sleep 0.1
done
for p in $procs; do kill -s KILL -- "-${p%%:*}"; done
[ -z "$dir" ] || rm -rf -- "$dir"
`

// newGuard starts the shell in a session of its own, so that Ctrl-C does not reach it. The shell
// has no standard output, so that "go test" does not wait for it.
func newGuard(dir string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	g := &guard{cmd: cmd, pipe: pipe}
	g.tell("dir " + dir)
	return g, nil
}

func (g *guard) started(pid int,
	quit syscall.Signal) {
	g.tell(fmt.Sprintf("run %d:%d", pid, quit))
}
func (g *guard) ended(pid int) { g.tell(fmt.Sprintf("end %d", pid)) }
func (g *guard) forget()       { g.tell("forget") }

func (g *guard) tell(line string) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	// a guard that somebody killed guards nothing; the stack works without
	_, _ = io.WriteString(g.pipe, line+"\n")
}

// close lets the guard do what is left (nothing, when every server was stopped, but remove the
// folder) and waits for it.
func (g *guard) close() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.pipe.Close()
	_ = g.cmd.Wait() // its end is all that matters: somebody may have killed it
}
