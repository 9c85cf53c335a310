package backend

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/redis"
)

// Limits counts requests. It is a limit.Counter, which counts also before its start and after its
// stop, and a life.Service: it looks after what replicas share.
type Limits struct {
	limit.Counter
	life.Service
	shared *limit.Shared // nil: this replica counts alone
	close  func() error
}

// Limits makes the counter of requests that the settings ask for. It never waits: while what
// replicas share is away, each counts for itself. It is called before Operators and Open, at most
// once, by a process that limits. An error is final.
func (b *Backend) Limits() (*Limits, error) {
	rule := limit.Rule{PerMinute: b.cfg.RateLimit, PerSecond: b.cfg.BurstLimit}
	b.limits = &Limits{
		Counter: limit.NewMemory(rule, time.Now), Service: life.InOrder(),
		close: func() error { return nil },
	}
	if b.cfg.RedisURL != "" {
		remote, err := redis.New(redis.Config{URL: b.cfg.RedisURL, Rule: rule})
		if err != nil {
			return nil, fmt.Errorf("PLENARY_REDIS_URL: %w", err)
		}
		shared := limit.NewShared(remote, rule, b.logger)
		b.limits = &Limits{
			shared, life.Loop(shared.Watch), shared, sync.OnceValue(remote.Close),
		}
	}
	b.metrics.Gauge("plenary_limits_alone",
		"1 while this replica counts requests for itself, since what replicas share is away.",
		func() float64 {
			if b.limits.away() {
				return 1
			}
			return 0
		})
	return b.limits, nil
}

// Degraded names what the process does without, and still does its work: "limits", "replicas".
func (b *Backend) Degraded() (names []string) {
	if b.limits.away() {
		names = append(names, "limits")
	}
	if b.replicasAway() {
		names = append(names, "replicas")
	}
	return names
}

// away says whether what replicas share is away.
func (l *Limits) away() bool { return l != nil && l.shared != nil && l.shared.Away() }

// Stop is the promise of life.Service.
func (l *Limits) Stop(ctx context.Context) error {
	if err := l.Service.Stop(ctx); err != nil {
		return err
	}
	return l.close()
}

// Part is something that a process works with.
type Part struct {
	Name    string // as Away and Degraded name it
	Kind    string // what it is: "postgresql", "rabbitmq", "redis" …
	Answers bool
}

// Parts tells what the process works with, and whether each answers. Nothing of it is secret. It
// may be called at any time.
func (b *Backend) Parts(ctx context.Context) []Part {
	parts := []Part{{Name: "database", Kind: "postgresql"}, {Name: "queue", Kind: "rabbitmq"}}
	if _, ok := b.cfg.SQLitePath(); ok {
		parts[0].Kind = "sqlite"
	}
	if b.Embedded() {
		parts[1].Kind = "memory"
	}
	if b.limits != nil {
		kind := "memory"
		if b.limits.shared != nil {
			kind = "redis"
		}
		parts = append(parts, Part{Name: "limits", Kind: kind})
	}
	if len(b.cfg.ReadURLs) > 0 {
		parts = append(parts, Part{Name: "replicas", Kind: "postgresql"})
	}
	missing := map[string]bool{}
	for _, name := range append(b.Away(ctx), b.Degraded()...) {
		missing[name] = true
	}
	for i := range parts {
		parts[i].Answers = !missing[parts[i].Name]
	}
	return parts
}
