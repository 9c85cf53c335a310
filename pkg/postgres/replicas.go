package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/migrations"
	"github.com/plenary-live/plenary/pkg/fault"
)

const (
	// replicaPatience bounds what a replica is asked, also where it is silent.
	replicaPatience = time.Second
	// replicaLook is how long a replica is not looked at.
	replicaLook = time.Second
)

// Reader runs reads. f reads only, and may run again from its beginning.
type Reader interface {
	Read(ctx context.Context, call string, f func(Queryer) error) error
}

// Replicas are databases that follow a primary. What is read from them may be some time behind it.
// They are safe for use by many goroutines.
type Replicas struct {
	primary *DB
	all     []*replica
	turn    atomic.Uint32
	newest  int // version of the schema
	logger  *slog.Logger

	stop    context.CancelFunc
	looking sync.WaitGroup
}

type replica struct {
	db   *DB
	host string

	mu   sync.Mutex
	away bool
}

// OpenReplicas opens the replicas of a primary: any number, also none. It looks at each once, and
// waits for none that is away. An error says in one line what is wrong with the settings. It never
// holds the password.
func OpenReplicas(
	ctx context.Context, primary *DB, replicas []Config, logger *slog.Logger,
) (*Replicas, error) {
	newest, err := migrations.Newest(migrations.Postgres)
	if err != nil {
		return nil, err
	}
	r := &Replicas{primary: primary, newest: newest, logger: logger}
	for _, c := range replicas {
		cfg, err := c.driverConfig()
		if err != nil {
			return nil, errors.Join(err, r.closeAll())
		}
		r.all = append(r.all, &replica{
			db: c.open(cfg), host: fmt.Sprintf("%s:%d/%s", cfg.Host, cfg.Port, cfg.Database),
		})
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	var first sync.WaitGroup
	for _, one := range r.all {
		first.Go(func() { r.look(ctx, one) })
		r.looking.Go(func() { r.watch(watching, one) })
	}
	first.Wait()
	return r, nil
}

// Close closes the connections to replicas. No Read may be under way or come after it.
func (r *Replicas) Close() error {
	r.stop()
	r.looking.Wait()
	return r.closeAll()
}

func (r *Replicas) closeAll() (err error) {
	for _, one := range r.all {
		err = errors.Join(err, one.db.Close())
	}
	return err
}

// Away says whether a replica is away now.
func (r *Replicas) Away() bool {
	for _, one := range r.all {
		if one.isAway() {
			return true
		}
	}
	return false
}

// Read has a replica run f, by turns. Where that gives an error, or all are away, the primary runs
// it. A replica that is Unavailable is away until it answers again.
func (r *Replicas) Read(ctx context.Context, call string, f func(Queryer) error) error {
	if one := r.next(); one != nil {
		err := one.read(ctx, call+"_replica", f)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if fault.Is(err, fault.Unavailable) {
			r.heard(one, err)
		}
	}
	return r.primary.Read(ctx, call, f)
}

// next gives a replica that is not away; nil: there is none.
func (r *Replicas) next() *replica {
	for range r.all {
		one := r.all[int(r.turn.Add(1)%uint32(len(r.all)))]
		if !one.isAway() {
			return one
		}
	}
	return nil
}

// watch looks at a replica again and again until ctx ends.
func (r *Replicas) watch(ctx context.Context, one *replica) {
	for {
		select {
		case <-time.After(replicaLook):
			r.look(ctx, one)
		case <-ctx.Done():
			return
		}
	}
}

// look asks a replica whether it has the schema that statements need.
func (r *Replicas) look(ctx context.Context, one *replica) {
	var version int
	err := one.read(ctx, "look_replica", func(q Queryer) error {
		return q.GetContext(ctx, &version, `SELECT version FROM schema_migrations`)
	})
	if err == nil && version < r.newest {
		err = fmt.Errorf("its schema has version %d, not %d yet", version, r.newest)
	}
	if ctx.Err() == nil {
		r.heard(one, err)
	}
}

// heard takes note of what a call gave. A change is one line of the log.
func (r *Replicas) heard(one *replica, err error) {
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.away == (err != nil) {
		return
	}
	if one.away = err != nil; one.away {
		r.logger.Warn("a replica of the database is away: others read what it would",
			"replica", one.host, "error", err)
	} else {
		r.logger.Info("a replica of the database answers again", "replica", one.host)
	}
}

func (one *replica) isAway() bool {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.away
}

// read has a replica run f within its patience, whatever context f has.
func (one *replica) read(ctx context.Context, call string, f func(Queryer) error) error {
	ctx, cancel := context.WithTimeout(ctx, replicaPatience)
	defer cancel()
	return one.db.Read(ctx, call, func(q Queryer) error { return f(within{ctx, q}) })
}

// within runs statements within its own context.
type within struct {
	ctx context.Context
	q   Queryer
}

func (w within) GetContext(_ context.Context, into any, query string, args ...any) error {
	return w.q.GetContext(w.ctx, into, query, args...)
}

func (w within) SelectContext(_ context.Context, into any, query string, args ...any) error {
	return w.q.SelectContext(w.ctx, into, query, args...)
}
