//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
)

// place is what a process of clients is told. A second line tells it when they vote.
type place struct {
	Source  netip.Addr
	Clients int
	Room    room
	Salt    uint64
}

// process is one of clients that are connected.
type process struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout io.Reader
	out    *json.Decoder // of stdout
}

// connect starts processes of clients, and waits until they are connected. Close them in any case.
func (b *Bench) connect(ctx context.Context, r room) (all []*process, err error) {
	for i := range b.Processes {
		cmd := exec.CommandContext(ctx, b.binary("bench"), ClientsCommand)
		cmd.Stderr = os.Stderr
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			return all, err
		}
		all = append(all, &process{cmd, in, out, json.NewDecoder(out)})
		// A source address per process: each has ports of its own, towards one server.
		at := place{netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}),
			(b.Clients + i) / b.Processes, r, b.nextSalt()}
		if err := json.NewEncoder(in).Encode(at); err != nil {
			return all, err
		}
	}
	for _, p := range all {
		var connected bool
		if err := p.out.Decode(&connected); err != nil {
			return all, fmt.Errorf("clients did not connect: %w", err)
		}
	}
	return all, nil
}

// vote has all clients vote at the time signal.
func vote(all []*process, signal int64) (sum crowd.Outcome, err error) {
	for _, p := range all {
		if err := json.NewEncoder(p.stdin).Encode(signal); err != nil {
			return sum, err
		}
	}
	for _, p := range all {
		var a crowd.Outcome
		if err := p.out.Decode(&a); err != nil {
			return sum, fmt.Errorf("clients are gone: %w", err)
		}
		sum.Latencies = append(sum.Latencies, a.Latencies...)
		sum.Repeated += a.Repeated
		sum.Broken += a.Broken
	}
	return sum, nil
}

// end ends the processes, which end with their standard input.
func end(all []*process) error {
	var errs []error
	for _, p := range all {
		_ = p.stdin.Close()
		_, _ = io.Copy(io.Discard, p.stdout)
		errs = append(errs, p.Wait())
	}
	return errors.Join(errs...)
}

// ClientsCommand is the argument with which the program is a process of clients.
const ClientsCommand = "clients"

// Clients is the main of such a process.
func Clients(stdin io.Reader, stdout io.Writer) error {
	in, out := json.NewDecoder(stdin), json.NewEncoder(stdout)
	var at place
	if err := in.Decode(&at); err != nil {
		return err
	}
	l := crowd.Load{Addr: at.Room.addr(), Source: at.Source, Conns: at.Clients, Due: at.Clients,
		Patience: connectPatience,
		Warm:     []byte("GET /api/v1/ping HTTP/1.1\r\nHost: plenary\r\n\r\n"),
		Request:  at.Room.votes(at.Salt), Retry: time.Second}
	if err := l.Connect(); err != nil {
		return err
	}
	if err := out.Encode(true); err != nil {
		return err
	}
	var signal int64
	if err := in.Decode(&signal); err != nil {
		return err // the parent is gone
	}
	answered, err := l.Run(signal)
	if err != nil {
		return err
	}
	return out.Encode(answered)
}
