package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/stack"
)

// networkFaults are one for each pair of processes. Each goes through all that a network may do.
var networkFaults = []*Fault{
	network("api", "rabbitmq", 0), network("worker", "rabbitmq", 0), network("api", "postgres", 0),
	network("worker", "postgres", 0),
	network("nginx", "api", 0),
	// Two APIs are cut off and the third goes on: what they know may be old, and what they hold may
	// come late.
	network("api", "rabbitmq", 1), network("api", "postgres", 1),
}

// trouble is what may happen to a network.
type trouble struct {
	name, toxic string
	there, back string // attributes of the toxic for what is sent, and for what is answered
	lasts       time.Duration
	// evidence: an answer takes at least so long; none comes for so long
	least, silent time.Duration
	dead          bool // evidence: the connection ends
	// evidence: one that we end is ended by the other side so much later; the product's are ended,
	// too
	lingers time.Duration
}

// twice is a trouble that is the same in both directions.
func twice(name, toxic, attributes string, lasts time.Duration) trouble {
	return trouble{name: name, toxic: toxic, there: attributes, back: attributes, lasts: lasts}
}

func (t trouble) slow(least time.Duration) trouble   { t.least = least; return t }
func (t trouble) quiet(silent time.Duration) trouble { t.silent = silent; return t }
func (t trouble) ended() trouble                     { t.dead = true; return t }
func (t trouble) late(lingers time.Duration) trouble { t.lingers = lingers; return t }

// troubles is all that is tried on each network.
var troubles = []trouble{
	twice("500 ms latency, 300 ms jitter", "late", `"latency":500,"jitter":300`, 8*time.Second).
		slow(400 * time.Millisecond),
	twice("every connection reset", "reset_peer", `"timeout":0`, 3*time.Second).ended(),
	twice("black hole", "timeout", `"timeout":0`, 10*time.Second).quiet(2 * time.Second),
	twice("everything held back, and delivered late", "late", `"latency":8000`, 6*time.Second).
		quiet(2 * time.Second),
	// A vote comes behind the seal that another replica sent, and its confirm in time for an
	// answer. The window is what keeps it from being acknowledged.
	trouble{
		name: "sent 3 s late, answered 1 s late", toxic: "late", there: `"latency":3000`,
		back: `"latency":1000`, lasts: 10 * time.Second,
	}.slow(4 * time.Second),
	twice("slow close", "slow_close", `"delay":3000`, 4*time.Second).late(2500 * time.Millisecond),
}

// network is the fault of the networks from one kind of process to another. The first good
// processes keep a good one.
func network(from, to string, good int) *Fault {
	name, some := from+"-"+to, ""
	if good > 0 {
		name, some = "some-"+name, "some "
	}
	return &Fault{
		Name: "net-" + name,
		What: fmt.Sprintf(
			"the network from %s%s to %s: latency and jitter, resets, a black hole of 10 s, late "+
				"delivery, slow closes", some, from, to),
		Shape: func(s *Scene, cfg *stack.Config) { s.route(cfg, name, from, to, good) },
		Strike: func(s *Scene) error {
			for _, t := range troubles {
				s.Measure()
				if err := s.poison(name, t); err != nil {
					return err
				}
				began := time.Now()
				err := s.struck(name, to, t)
				if t.lingers > 0 {
					err = errors.Join(err, s.hangUp(to))
				}
				err = errors.Join(err, s.Wait(t.lasts-time.Since(began)))
				err = errors.Join(err, s.cure(name))
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
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

// struck is evidence of a trouble: what it does to a connection of our own through one of the
// networks. The processes have no other way to each other, and a toxic is of all connections, old
// and new.
func (s *Scene) struck(name, to string, t trouble) error {
	if len(s.proxies[name]) == 0 {
		return errors.New("there is no such network")
	}
	took, lingered, err := greet(s.proxies[name][0].Listen, to, cmp.Or(t.silent, 8*time.Second))
	if err == nil && lingered < t.lingers {
		return fmt.Errorf("a connection was ended after %v", lingered)
	}
	switch silent := errors.Is(err, os.ErrDeadlineExceeded); {
	case t.silent > 0 && silent, t.dead && err != nil && !silent:
		return nil
	case t.silent == 0 && !t.dead && err == nil && took >= t.least:
		return nil
	}
	return fmt.Errorf("the network shows no trouble: an answer after %v, or %w", took,
		cmp.Or(err, errors.New("none")))
}

// hangUp ends the product's connections to a server, from there. Those from NGINX to an API end by
// themselves.
func (s *Scene) hangUp(to string) error {
	switch to {
	case "rabbitmq":
		_, err := s.Rabbitmqctl(s, 0, "close_all_connections", "chaos")
		return err
	case "postgres":
		admin, err := s.admin()
		if err != nil {
			return err
		}
		defer func() { _ = admin.Close() }()
		_, err = admin.ExecContext(s, cutSessions)
		return err
	}
	return nil
}

// route has one kind of process reach another through networks that have a name.
func (s *Scene) route(cfg *stack.Config, name, from, to string, good int) {
	if from == "nginx" {
		cfg.Upstream = func(address string) string {
			through, err := s.between(name, address)
			if err != nil {
				s.broken = err
				return address
			}
			return through
		}
		return
	}
	setting := map[string]string{"rabbitmq": "PLENARY_AMQP_URL",
		"postgres": "PLENARY_DATABASE_URL"}[to]
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
				s.broken = err
				return
			}
			app.Env[i] = key + "=" + u.String()
		}
	}
}
