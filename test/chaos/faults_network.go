package chaos

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/stack"
)

// networkFaults are one for each pair of processes. Each goes through all that a network may do.
var networkFaults = []*Fault{
	network("api", "rabbitmq", 0), network("worker", "rabbitmq", 0), network("api", "postgres", 0), network("worker", "postgres", 0),
	network("nginx", "api", 0),
	// Two APIs are cut off and the third goes on: what they know may be old, and what they hold may come late.
	network("api", "rabbitmq", 1), network("api", "postgres", 1),
}

// troubles are what may happen to a network, and for how long.
var troubles = []struct {
	name, toxic, attributes string
	lasts                   time.Duration
}{
	{"500 ms latency, 300 ms jitter", "latency", `"latency":500,"jitter":300`, 8 * time.Second},
	{"every connection reset", "reset_peer", `"timeout":0`, 3 * time.Second},
	{"black hole", "timeout", `"timeout":0`, 10 * time.Second},
	{"everything held back, and delivered late", "latency", `"latency":8000`, 6 * time.Second},
	{"slow close", "slow_close", `"delay":3000`, 4 * time.Second},
}

// network is the fault of the networks from one kind of process to another. The first good processes keep a good one.
func network(from, to string, good int) *Fault {
	name, some := from+"-"+to, ""
	if good > 0 {
		name, some = "some-"+name, "some "
	}
	return &Fault{
		Name:  "net-" + name,
		What:  fmt.Sprintf("the network from %s%s to %s: latency and jitter, resets, a black hole of 10 s, late delivery, slow closes", some, from, to),
		Shape: func(s *Scene, cfg *stack.Config) { s.route(cfg, name, from, to, good) },
		Strike: func(s *Scene) error {
			for _, t := range troubles {
				s.Measure()
				if err := s.poison(name, t.toxic, t.attributes); err != nil {
					return err
				}
				err := s.Wait(t.lasts)
				s.cure(name)
				if err != nil {
					return err
				}
				s.Measure()
				if err := s.Resumed(); err != nil {
					return fmt.Errorf("after %s: %w", t.name, err)
				}
			}
			return nil
		},
	}
}

// route has one kind of process reach another through networks that have a name.
func (s *Scene) route(cfg *stack.Config, name, from, to string, good int) {
	if from == "nginx" {
		cfg.Upstream = func(address string) string {
			through, err := s.between(name, address)
			if err != nil {
				s.Logf("no network: %v", err)
				return address
			}
			return through
		}
		return
	}
	setting := map[string]string{"rabbitmq": "PLENARY_AMQP_URL", "postgres": "PLENARY_DATABASE_URL"}[to]
	cfg.Each = func(app *stack.App) {
		if app.Kind != from || app.Index < good {
			return
		}
		for i, line := range app.Env {
			key, value, _ := strings.Cut(line, "=")
			if key != setting {
				continue
			}
			u, err := url.Parse(value)
			if err == nil {
				u.Host, err = s.between(name, u.Host)
			}
			if err != nil {
				s.Logf("no network: %v", err)
				return
			}
			app.Env[i] = key + "=" + u.String()
		}
	}
}
