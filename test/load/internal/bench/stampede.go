//go:build linux

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

const (
	stampedePatience = 30 * time.Second
	// connectPatience: a client that is connected must not be forgotten before the signal. NGINX keeps an idle one 75 s.
	connectPatience = 40 * time.Second
)

// stampede has clients that are connected already vote at one signal, through NGINX to three replicas.
func (b *Bench) stampede(ctx context.Context, run report.Run) (*report.Stampede, error) {
	s := &report.Stampede{Run: run, Clients: b.Clients, Processes: b.Processes}
	for round := range b.Rounds {
		names := []string{report.NoOpNGINX, report.PlenaryNGINX}
		if round%2 == 1 {
			slices.Reverse(names)
		}
		for _, name := range names {
			burst, err := b.burst(ctx, name, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			s.Bursts = append(s.Bursts, burst)
			b.say("round %d  %d clients, %-16s connected %5.0f  sent %5.0f  first %5.0f  p50 %5.0f  p99 %5.0f  last %5.0f  counted %5.0f ms  %v, lost connections %d",
				round+1, b.Clients, name, burst.Connect, burst.Sent, burst.First, burst.Ms["50"], burst.Ms["99"], burst.Last, burst.CountedAt, burst.Answers, burst.Broken)
			if len(burst.NGINX) > 0 {
				b.say("         NGINX says: %v", burst.NGINX)
			}
		}
	}
	return s, nil
}

// order is what a process of clients is told, on a line of its standard input; a second line is the time of the signal.
type order struct {
	Addr               netip.AddrPort
	Source             netip.Addr
	Clients            int
	Warm               []byte
	Presentation, Poll string
	Salt               uint64
}

// told is what it answers when it is done, after a line "connected".
type told struct {
	crowd.Answered
	Error string
}

func (b *Bench) burst(ctx context.Context, name string, round int) (r report.Burst, err error) {
	if err := b.quiet(ctx); err != nil {
		return r, err
	}
	counts := name == report.PlenaryNGINX
	at := noRoom(b.noop.NGINX.URL)
	if counts {
		if at, err = newRoom(ctx, b.plenary.NGINX.URL); err != nil {
			return r, err
		}
	}
	proxy := b.noop.NGINX
	if counts {
		proxy = b.plenary.NGINX
	}
	logged, err := os.Stat(proxy.Log)
	if err != nil {
		return r, err
	}
	defer func() { r.NGINX = complaints(proxy.Log, logged.Size()) }()
	r = report.Burst{Contestant: name, Round: round, Answers: map[string]int{}, Ms: map[string]float64{}}
	ctx, cancel := context.WithTimeout(ctx, connectPatience+stampedePatience+20*time.Second)
	defer cancel()
	began := time.Now()
	var clients []*clients
	defer func() {
		for _, c := range clients {
			err = errors.Join(err, c.close())
		}
	}()
	for i := range b.Processes {
		n := b.Clients / b.Processes
		if i < b.Clients%b.Processes {
			n++
		}
		// A source address per process: each has a range of ports of its own, for clients towards one server.
		c, err := startClients(ctx, b.binary("bench"), ClientsCommand, order{Addr: at.addr(), Source: netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}),
			Clients: n, Warm: at.get("/api/v1/ping"), Presentation: at.presentation, Poll: at.poll, Salt: b.nextSalt()})
		if err != nil {
			return r, err
		}
		clients = append(clients, c)
	}
	for _, c := range clients {
		if err := c.connected(); err != nil {
			return r, err
		}
	}
	r.Connect = ms(time.Since(began))

	signal := crowd.Now() + int64(300*time.Millisecond)
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	series := make(chan []seen, 1)
	go func() { series <- b.watch(watching, at, signal, counts) }()
	for _, c := range clients {
		if _, err := fmt.Fprintln(c.in, signal); err != nil {
			return r, err
		}
	}
	var latencies []int64
	for _, c := range clients {
		t, err := c.result()
		if err != nil {
			return r, err
		}
		latencies = append(latencies, t.Latencies...)
		for status, n := range t.Answers {
			r.Answers[fmt.Sprint(status)] += n
		}
		r.Broken += t.Broken
		r.Sent = max(r.Sent, float64(t.Sent)/1e6)
	}
	slices.Sort(latencies)
	r.Acknowledged = len(latencies)
	if r.Acknowledged == 0 {
		return r, errors.New("nobody was answered")
	}
	r.First, r.Last = float64(latencies[0])/1e6, float64(latencies[len(latencies)-1])/1e6
	for _, p := range []float64{50, 90, 99, 99.9} {
		r.Ms[fmt.Sprint(p)] = ms(crowd.Percentile(latencies, p))
	}
	for i := range 101 {
		if at := i * (len(latencies) - 1) / 100; at >= 0 {
			r.Curve = append(r.Curve, [2]float64{float64(latencies[at]) / 1e6, float64(at+1) / float64(b.Clients)})
		}
	}
	if !counts {
		stopWatching()
		<-series
		r.Counted, r.CountedAt = int64(r.Acknowledged), r.Last
		return r, nil
	}
	if err := b.allCounted(ctx, at, int64(r.Acknowledged)); err != nil {
		return r, err
	}
	time.Sleep(50 * time.Millisecond) // the watcher, too, sees the last one
	stopWatching()
	for _, s := range <-series {
		if s.counted != r.Counted {
			r.Counted, r.CountedAt = s.counted, s.at
		}
	}
	if r.Counted < int64(r.Acknowledged) || r.Counted > int64(b.Clients) {
		return r, fmt.Errorf("%d clients have voted, %d were acknowledged, %d votes are counted", b.Clients, r.Acknowledged, r.Counted)
	}
	return r, nil
}

// complaints counts what NGINX has logged as errors after an offset, by what it says.
func complaints(path string, offset int64) map[string]int {
	raw, err := os.ReadFile(path)
	if err != nil || int64(len(raw)) <= offset {
		return nil
	}
	kinds := map[string]int{}
	for _, found := range complaint.FindAllSubmatch(raw[offset:], -1) {
		kinds[string(found[1])]++
	}
	return kinds
}

var complaint = regexp.MustCompile(`(?m)\[(?:error|crit|alert|emerg)\] [\d#]+: (?:\*\d+ )?([^,\n]*)`)

type seen struct {
	at      float64 // milliseconds from the signal
	counted int64
}

// watch looks at how much is counted, no more often than it must: it asks during Plenary's burst only.
func (b *Bench) watch(ctx context.Context, r room, signal int64, counts bool) (all []seen) {
	for counts {
		var n int64
		if err := b.admin.QueryRowContext(ctx, countedVotes, r.poll).Scan(&n); err == nil {
			all = append(all, seen{float64(crowd.Now()-signal) / 1e6, n})
		}
		select {
		case <-ctx.Done():
			return all
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// clients is a process of them, or of viewers.
type clients struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startClients(ctx context.Context, binary, command string, order any) (*clients, error) {
	cmd := exec.CommandContext(ctx, binary, command)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &clients{cmd, in, bufio.NewReader(out)}
	if err := json.NewEncoder(in).Encode(order); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *clients) connected() error {
	line, err := c.out.ReadString('\n')
	if err == nil && line == "connected\n" {
		return nil
	}
	return errors.Join(fmt.Errorf("clients did not connect: %q", line), err)
}

func (c *clients) result() (t told, err error) {
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(line, &t); err != nil {
		return t, err
	}
	if t.Error != "" {
		return t, errors.New(t.Error)
	}
	return t, nil
}

// close ends the process, which ends by itself when it is done.
func (c *clients) close() error {
	_ = c.in.Close()
	_, _ = io.Copy(io.Discard, c.out)
	return c.cmd.Wait()
}

// ClientsCommand is the argument with which the program is such a process.
const ClientsCommand = "clients"

// Clients is its main.
func Clients(stdin io.Reader, stdout io.Writer) error {
	in := bufio.NewReader(stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return err
	}
	r := room{presentation: o.Presentation, poll: o.Poll}
	b := crowd.Burst{Addr: o.Addr, Sources: []netip.Addr{o.Source}, Clients: o.Clients, Warm: o.Warm, Request: r.votes(o.Salt), Patience: connectPatience}
	if err := b.Connect(); err != nil {
		_, _ = fmt.Fprintln(stdout, err)
		return err
	}
	if _, err := fmt.Fprintln(stdout, "connected"); err != nil {
		return err
	}
	var at int64
	if _, err := fmt.Fscan(in, &at); err != nil {
		return err // whoever would have told us is gone
	}
	b.Patience = stampedePatience
	var t told
	if t.Answered, err = b.Go(at); err != nil {
		t.Error = err.Error()
	}
	return json.NewEncoder(stdout).Encode(t)
}
