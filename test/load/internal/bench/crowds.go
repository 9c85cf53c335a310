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

// connectPatience: a client that is connected must not be forgotten before its turn. NGINX keeps an idle one 75 s.
const connectPatience = 40 * time.Second

// place is what a process of clients is told of what they connect with, on a line of its standard input.
type place struct {
	Addr    netip.AddrPort
	Source  netip.Addr
	Clients int
	Request []byte // the first one of each
	Room    room   // that they vote in
	Salt    uint64
}

// crowds are processes of clients that are connected.
type crowds []*process

type process struct {
	cmd  *exec.Cmd
	in   *json.Encoder
	end  io.Closer // of in
	out  *json.Decoder
	rest io.Reader // of out
}

// connect starts processes of n clients together, and waits until they are connected. Close them in any case.
func (b *Bench) connect(ctx context.Context, command string, n int, first func(room) []byte, r room) (all crowds, err error) {
	processes := min(b.Processes, n)
	for i := range processes {
		// A source address per process: each has ports of its own, towards one server.
		at := place{Addr: r.addr(), Source: netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}), Clients: (n + i) / processes,
			Request: first(r), Room: r, Salt: b.nextSalt()}
		cmd := exec.CommandContext(ctx, b.binary("bench"), command)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return all, err
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return all, err
		}
		p := &process{cmd, json.NewEncoder(in), in, json.NewDecoder(out), out}
		all = append(all, p)
		if err := p.in.Encode(at); err != nil {
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

// ask tells all the same, and takes what each answers.
func ask[Q, A any](all crowds, question Q, take func(A)) error {
	for _, p := range all {
		if err := p.in.Encode(question); err != nil {
			return err
		}
	}
	for _, p := range all {
		var answer A
		if err := p.out.Decode(&answer); err != nil {
			return fmt.Errorf("clients are gone: %w", err)
		}
		take(answer)
	}
	return nil
}

// close ends the processes, which end with their standard input.
func (all crowds) close() error {
	var errs []error
	for _, p := range all {
		_ = p.end.Close()
		_, _ = io.Copy(io.Discard, p.rest)
		errs = append(errs, p.cmd.Wait())
	}
	return errors.Join(errs...)
}

// The arguments with which the program is a process of clients that vote, or of viewers.
const (
	ClientsCommand = "clients"
	ViewersCommand = "viewers"
)

// Clients is the main of a process of clients. They vote at the time that it is told.
func Clients(stdin io.Reader, stdout io.Writer) error {
	in, out := json.NewDecoder(stdin), json.NewEncoder(stdout)
	var at place
	if err := in.Decode(&at); err != nil {
		return err
	}
	b := crowd.Burst{Addr: at.Addr, Source: at.Source, Clients: at.Clients, Warm: at.Request,
		Request: at.Room.votes(at.Salt), Patience: connectPatience}
	if err := b.Connect(); err != nil {
		return err
	}
	if err := out.Encode(true); err != nil {
		return err
	}
	var signal int64
	if err := in.Decode(&signal); err != nil {
		return err // the parent is gone
	}
	b.Patience = stampedePatience
	answered, err := b.Go(signal)
	if err != nil {
		return err
	}
	return out.Encode(answered)
}
