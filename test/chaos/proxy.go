package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// proxy is the network between two processes.
type proxy struct{ *toxiproxy.Proxy }

// between puts a network between two kinds of processes, whose name finds it again. It gives the
// address to use in place of the one behind it.
func (s *Scene) between(name, address string) (string, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()),
		zerolog.Nop())
	p := toxiproxy.NewProxy(server, name, "127.0.0.1:0", address)
	if err := p.Start(); err != nil {
		return "", err
	}
	s.cleanup = append(s.cleanup, func() {
		stopped := make(chan struct{})
		go func() { defer close(stopped); p.Stop() }()
		if !within(stopped, time.Minute) {
			s.Logf("the proxy %s does not stop", name)
		}
	})
	s.proxies[name] = append(s.proxies[name], &proxy{p})
	return p.Listen, nil
}

// poison makes the networks of a name bad in both directions.
func (s *Scene) poison(name string, t trouble) error {
	for _, p := range s.proxies[name] {
		for direction, attributes := range map[string]string{"upstream": t.there,
			"downstream": t.back} {
			text := fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":{%s}}`, t.toxic,
				direction, attributes)
			if _, err := p.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
				return fmt.Errorf("%s on %s: %w", t.toxic, name, err)
			}
		}
	}
	return nil
}

// cure makes the networks of a name good again.
func (s *Scene) cure(name string) error {
	cured := make(chan struct{})
	go func() {
		defer close(cured)
		for _, p := range s.proxies[name] {
			p.Toxics.ResetToxics(context.WithoutCancel(s))
		}
	}()
	if !within(cured, time.Minute) {
		return errors.New(
			"the proxy is stuck, and no network can be cured: that is no fault of the product")
	}
	return nil
}

// within says whether done is closed in time.
func within(done <-chan struct{}, limit time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// late is toxiproxy's latency, of which a network can be cured whatever became of its connections.
// The original waits 5 s for each chunk that it holds for a peer that has gone. It waits with the
// lock on all connections (toxiproxy's issues 412 and 558). What is held back is delivered, late,
// unless nobody takes it; then the connection ends.
type late struct {
	Latency int64 `json:"latency"` // milliseconds
	Jitter  int64 `json:"jitter"`  // milliseconds, more or less
}

func init() { toxics.Register("late", new(late)) }

// GetBufferSize is the number of chunks that can be under way.
func (t *late) GetBufferSize() int { return 1024 }

// Pipe delivers each chunk once it is old enough, until it is interrupted.
func (t *late) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			delay := t.Latency
			if t.Jitter > 0 {
				delay += rand.Int64N(2*t.Jitter) - t.Jitter
			}
			wait := time.NewTimer(
				time.Until(chunk.Timestamp.Add(time.Duration(delay) * time.Millisecond)))
			select {
			case <-wait.C:
				select {
				case stub.Output <- chunk:
					continue
				case <-stub.Interrupt:
				}
			case <-stub.Interrupt:
			}
			wait.Stop()
			deliver(stub, chunk)
			return
		}
	}
}

// Cleanup delivers what is held back when the network is cured.
func (t *late) Cleanup(stub *toxics.ToxicStub) {
	for !stub.Closed() && len(stub.Input) > 0 {
		deliver(stub, <-stub.Input)
	}
}

// deliver hands a chunk on, or ends the connection.
func deliver(stub *toxics.ToxicStub, chunk *stream.StreamChunk) {
	if chunk == nil || stub.WriteOutput(chunk, time.Second) != nil {
		stub.Close()
	}
}
