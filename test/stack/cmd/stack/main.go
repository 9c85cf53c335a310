// Command stack runs Plenary's production shape as plain processes on this machine. The Makefile
// calls it:
//
//	stack up                   start everything, NGINX on 127.0.0.1:8080, and leave it running
//	stack down                 stop it and remove its folder, data included
//	stack status               show it
//	stack with -- command …    run a command with servers for tests, and stop them after it
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/plenary-live/plenary/test/stack"
)

const (
	folder    = ".stack" // in the working directory, which is the repository's
	nginxPort = 8080
)

var manifest = filepath.Join(folder, "stack.json")

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if err := run(os.Args[1:], signals); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			os.Exit(exit.ExitCode()) // the command has said what is wrong
		}
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, signals <-chan os.Signal) error {
	switch {
	case len(args) == 1 && args[0] == "up":
		return up(signals)
	case len(args) == 1 && args[0] == "down":
		return down()
	case len(args) == 1 && args[0] == "status":
		return status()
	case len(args) > 2 && args[0] == "with" && args[1] == "--":
		return with(args[2:], signals)
	}
	return errors.New("usage: stack up | down | status | with -- command …")
}

// until cancels the context at the first signal, so that what is being started is stopped in order.
func until(signals <-chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func up(signals <-chan os.Signal) error {
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	if d, err := stack.LoadDetached(manifest); err == nil {
		if running(d) > 0 {
			fmt.Println("Plenary is up already; make down ends it.")
			return show(d)
		}
		if err := remove(d); err != nil { // the machine was restarted, or somebody ended it by hand
			return err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	dir, err := serversFolder()
	if err != nil {
		return err
	}
	ctx, cancel := until(signals)
	defer cancel()
	s, err := stack.Start(ctx, stack.Config{
		Dir: dir, NGINXPort: nginxPort, Trusted: "127.0.0.0/8", Output: os.Stdout,
		APIEnv: []string{"PLENARY_RATE_LIMIT=100", "PLENARY_BURST_LIMIT=200"}, // as delivered
	})
	if err != nil {
		return err
	}
	d, err := s.Detach(manifest)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return show(d)
}

// serversFolder is .stack. Where the servers' user cannot enter .stack, below a home that is
// closed to others, it is a folder in the system's temporary one.
func serversFolder() (string, error) {
	dir, err := filepath.Abs(folder)
	if err != nil || stack.Reachable(dir) {
		return dir, err
	}
	return os.MkdirTemp("", "plenary-stack-")
}

func down() error {
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	d, err := stack.LoadDetached(manifest)
	if errors.Is(err, os.ErrNotExist) {
		fmt.Println("Plenary is not up.")
		return os.RemoveAll(folder) // what a start that failed left behind
	}
	if err != nil {
		return err
	}
	if err := remove(d); err != nil {
		return err
	}
	fmt.Println("Plenary is down; its data and logs are removed.")
	return nil
}

// remove stops what runs and removes what up made. What was killed for not stopping is gone all the
// same.
func remove(d *stack.Detached) error {
	err := d.Stop()
	if d.Folder != "" && filepath.IsAbs(d.Folder) {
		err = errors.Join(err, os.RemoveAll(d.Folder))
	}
	return errors.Join(err, os.RemoveAll(folder))
}

func status() error {
	d, err := stack.LoadDetached(manifest)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("nothing is up: make up")
	}
	if err != nil {
		return err
	}
	return show(d)
}

func running(d *stack.Detached) int {
	n := 0
	for _, p := range d.Processes {
		if p.Running() {
			n++
		}
	}
	return n
}

func show(d *stack.Detached) error {
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 3, ' ', 0)
	_, _ = fmt.Fprintln(w, "process\tpid\taddress\tlog\t")
	for _, p := range d.Processes {
		state := ""
		if !p.Running() {
			state = "(ended)"
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t127.0.0.1:%d\t%s\t%s\n", p.Name, p.Pid, p.Port,
			relative(p.Log), state)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("\nPlenary is at %s   details: %s   stop: make down\n", d.URL, manifest)
	return nil
}

func relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}

// with runs a command with servers for tests. Its exit code is the command's.
func with(command []string, signals <-chan os.Signal) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	ctx, cancel := until(signals)
	s, err := stack.Start(ctx,
		stack.Config{Parts: stack.Servers, Management: true, Output: os.Stderr})
	defer cancel()
	if err != nil {
		return err
	}
	env, err := s.TestEnv(ctx)
	if ctx.Err() != nil {
		return errors.Join(errors.New("interrupted"), s.Close())
	}
	if err != nil {
		return errors.Join(err, s.Close())
	}
	cancel()
	cmd.Env = append(os.Environ(), env...)
	return errors.Join(s.Run(cmd, signals), s.Close())
}

// lock keeps two of these from working on the same folder. The lock is on the working directory
// itself: nothing of it is left when this program ends, however it ends.
func lock() (func(), error) {
	here, err := os.Open(".")
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(here.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(errors.New("another make up or make down is at work here"),
			here.Close())
	}
	return func() { _ = here.Close() }, nil
}
