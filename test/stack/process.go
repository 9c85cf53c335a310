package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	readyTimeout = 90 * time.Second // a cold RabbitMQ on a busy machine of two cores needs 20 s
	tailBytes    = 4 << 10
)

// Process is one server of the stack. It keeps its port, its folder and its log over restarts. Its
// methods are safe for use by several goroutines, one at a time.
type Process struct {
	Name string // "api-0", "postgres", …; the log file's name too
	URL  string // where it answers
	// OperatorsURL is where an API or a worker tells its metrics, and what is away.
	OperatorsURL string
	Port         int
	Log          string // path of its log file; stdout and stderr of every run

	path  string
	args  []string
	env   []string
	dir   string
	as    *account
	quit  syscall.Signal              // asks it to stop
	crash syscall.Signal              // stops it when the stack's owner died: as fast as is clean
	grace time.Duration               // how long stopping may take
	ready func(context.Context) error // nil error: it does its work
	guard *guard

	mu     sync.Mutex
	id     procID
	done   chan struct{} // closed when the process has ended; nil before the first start
	paused []procID
}

// Set has the process run with further "KEY=value" settings from its next start on. The last of
// several counts.
func (p *Process) Set(settings ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.env = append(slices.Clip(p.env), settings...)
}

// Start runs the process and returns when it is ready. The error says why it is not, with the last
// lines of its log; the process is then stopped.
func (p *Process) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.launch(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	if err := p.await(ctx); err != nil {
		p.kill()
		return err
	}
	return nil
}

// Restart stops the process if it runs, and starts it again on the same port with the same data.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Stop(); err != nil {
		return err
	}
	return p.Start(ctx)
}

// Stop asks the process to stop (SIGTERM, or what the server takes for it) and returns when it and
// all its children have ended. When they do not within its grace they are killed, and that is an
// error.
func (p *Process) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return nil
	}
	p.resume()
	family := append(descendants(p.id.pid), p.id)
	_ = syscall.Kill(p.id.pid, p.quit)
	select {
	case <-p.done:
	case <-time.After(p.grace):
		p.kill()
		return fmt.Errorf("%s did not stop within %v of %v and was killed\n%s", p.Name, p.grace,
			p.quit, p.tail())
	}
	if !gone(family, 5*time.Second) {
		killAll(family)
	}
	return nil
}

// Kill ends the process and all its children with SIGKILL, as a crash would, and returns when they
// are gone.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill()
}

// Pause suspends the process and its children with SIGSTOP: it keeps its connections and answers
// nothing.
func (p *Process) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() && p.paused == nil {
		p.paused = p.freeze()
	}
}

// Resume lets a paused process go on.
func (p *Process) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resume()
}

// Running tells whether the process has been started and has not ended.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running()
}

// Pid is the process id of the current or last run; 0 before the first.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id.pid
}

// Done is closed when the current run has ended, for whatever reason; nil before the first start.
func (p *Process) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// LogTail returns the last lines of the log, about 4 KiB.
func (p *Process) LogTail() string { return p.tail() }

func (p *Process) running() bool {
	if p.done == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *Process) launch() error {
	if p.running() {
		return errors.New("it runs already")
	}
	// The file itself is the process's stdout, not a pipe that this program copies: nothing is lost
	// when either ends, and "make up" can leave.
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.Stdout, cmd.Stderr = log, log
	// A session of its own: Ctrl-C in the terminal goes to the program that owns the stack, which
	// then stops the servers in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: p.as.credential()}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.guard.started(cmd.Process.Pid, p.crash)
	id, err := identify(cmd.Process.Pid) // cannot be gone: nobody has waited for it yet
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return err
	}
	done := make(chan struct{})
	p.id, p.done, p.paused = id, done, nil
	go p.wait(cmd, done)
	return nil
}

// wait reaps the process. It lives as long as the process does.
func (p *Process) wait(cmd *exec.Cmd, done chan struct{}) {
	_ = cmd.Wait()
	p.guard.ended(cmd.Process.Pid)
	close(done)
}

func (p *Process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var told error // what it said last, rather than that time was up while it was asked
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		if told == nil || ctx.Err() == nil {
			told = err
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended before it was ready; its log ends with\n%s",
				p.Name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (%w); its log ends with\n%s", p.Name, told,
				ctx.Err(), p.tail())
		case <-tick.C:
		}
	}
}

func (p *Process) kill() {
	if !p.running() {
		return
	}
	killAll(p.freeze())
	<-p.done
	p.paused = nil
}

// freeze stops the process before it looks for its children: a stopped process forks no more.
func (p *Process) freeze() []procID {
	_ = syscall.Kill(p.id.pid, syscall.SIGSTOP)
	family := append([]procID{p.id}, descendants(p.id.pid)...)
	for _, id := range family[1:] {
		id.signal(syscall.SIGSTOP)
	}
	return family
}

func (p *Process) resume() {
	for _, id := range p.paused {
		id.signal(syscall.SIGCONT)
	}
	p.paused = nil
}

func killAll(family []procID) {
	for _, id := range family {
		id.signal(syscall.SIGKILL)
	}
	gone(family, 10*time.Second)
}

func (p *Process) tail() string { return tail(p.Log) }

func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	raw, _ := io.ReadAll(f)
	if _, rest, cut := bytes.Cut(raw, []byte("\n")); cut && len(raw) == tailBytes {
		raw = rest
	}
	return strings.TrimSpace(string(raw))
}
