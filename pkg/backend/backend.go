// Package backend opens what the settings ask for, waits for what is away, and closes it in
// reverse. It is where the adapters are chosen.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountlite"
	"github.com/plenary-live/plenary/pkg/account/accountpg"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/chat/chatlite"
	"github.com/plenary-live/plenary/pkg/chat/chatpg"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/feed/feedlite"
	"github.com/plenary-live/plenary/pkg/feed/feedpg"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polllite"
	"github.com/plenary-live/plenary/pkg/poll/pollpg"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/talk"
	"github.com/plenary-live/plenary/pkg/talk/talklite"
	"github.com/plenary-live/plenary/pkg/talk/talkpg"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// streams are the features' logs.
var streams = []string{
	poll.Stream,
	talk.Stream, // feature: talk
	feed.Stream, // feature: feed
	chat.Stream, // feature: chat
}

// retryEvery is about how long passes between two attempts to open what is away.
const retryEvery = 500 * time.Millisecond

// Engine is what keeps the stores of all features.
type Engine interface {
	// Partitions sees to it that there are n partitions at least. The first call writes the
	// original ones, and a later one adds what is missing.
	Partitions(ctx context.Context, n int) error

	// CountPartitions gives how many partitions there are: 0 before the first call of Partitions.
	CountPartitions(ctx context.Context) (int, error)

	// OriginalPartitions gives how many the first call of Partitions wrote: 0 before it.
	OriginalPartitions(ctx context.Context) (int, error)

	// Forget drops the ids of entries that were applied more than age ago, at most limit of them,
	// and gives how many.
	Forget(ctx context.Context, age time.Duration, limit int) (int, error)

	// Ping asks whether the engine answers.
	Ping(ctx context.Context) error

	// Close gives back what the engine holds. No call of a store may be under way or come after it.
	Close() error
}

// Backend is the opened adapters. Engine, Partitions, Spread, stores, Log and Bus are there once
// Open returned nil.
type Backend struct {
	Engine     Engine
	Partitions int // how many there are: as many as the settings say, or more
	// Spread is over how many of them new things lie: as many as the settings say, and no fewer
	// than there were at first. A process of before spreads them over those.
	Spread   int
	Store    poll.Store
	Talks    talk.Store    // feature: talk
	Feed     feed.Store    // feature: feed
	Chats    chat.Store    // feature: chat
	Accounts account.Store // feature: account
	Log      queue.Log
	Votes    queue.Stream // of the Log
	Bus      bus.Bus

	polls   poll.RecountStore // as Store, for recounts
	streams map[string]queue.Stream

	cfg     config.Config
	metrics *telemetry.Metrics
	logger  *slog.Logger

	limits *Limits    // nil: the process does not limit
	failed chan error // holds why what is under the process could not begin
	close  func() error

	mu   sync.Mutex
	away map[string]bool // not opened yet
	// replicas of the database; nil: they are not opened
	replicas *postgres.Replicas
}

// New makes a backend that is not opened yet.
func New(cfg config.Config, metrics *telemetry.Metrics, logger *slog.Logger) *Backend {
	b := &Backend{
		cfg: cfg, metrics: metrics, logger: logger, failed: make(chan error, 1),
		away: map[string]bool{"database": true, "queue": true},
	}
	b.close = sync.OnceValue(b.closeAll)
	return b
}

// Embedded says whether votes are counted in this process.
func (b *Backend) Embedded() bool { return len(b.cfg.AMQPURLs) == 0 }

// Open opens the database and then the queue, waiting as long as one of them is away and saying so,
// until ctx ends. An error is final: wrong settings, or a schema that is not ours. Close is needed
// also after an error.
//
// The database comes first since it knows how many partitions there are. It is told of more only
// when their queues stand and have settled: workers follow what it knows.
func (b *Backend) Open(ctx context.Context) error {
	if err := b.OpenDatabase(ctx); err != nil {
		return err
	}
	if err := b.OpenQueue(ctx); err != nil {
		return err
	}
	return b.await(ctx, "database", func() error {
		if err := b.Engine.Partitions(ctx, b.cfg.Partitions); err != nil {
			return err
		}
		original, err := b.Engine.OriginalPartitions(ctx)
		b.Spread = max(b.cfg.Partitions, original)
		return err
	})
}

// OpenDatabase opens the database only, in the same way: Log, Votes and Bus stay nil.
func (b *Backend) OpenDatabase(ctx context.Context) error {
	return b.await(ctx, "database", func() error {
		engine, store, err := b.openEngine(ctx)
		if err != nil {
			return err
		}
		found, err := engine.CountPartitions(ctx)
		if err != nil {
			_ = engine.Close() // nothing was written
			return err
		}
		b.Engine, b.Store, b.polls = engine, b.metrics.Store(store), store
		b.Partitions = max(found, b.cfg.Partitions)
		return nil
	})
}

// pollStore is what keeps polls.
type pollStore interface {
	poll.Store
	poll.RecountStore
}

// passSecret is the name under which the store keeps the key of voters' passes.
const passSecret = "voters' passes"

// Passes gives voters' passes, signed with the key that every replica shares, after Open. It waits
// as Open does.
func (b *Backend) Passes(ctx context.Context) (passes *access.Passes, err error) {
	err = b.await(ctx, "database", func() error {
		key, err := b.Store.Secret(ctx, passSecret, access.NewPassKey())
		if err == nil {
			passes = access.NewPasses(key)
		}
		return err
	})
	return passes, err
}

// OpenQueue opens the queue only, in the same way: Engine and Store stay nil.
func (b *Backend) OpenQueue(ctx context.Context) error {
	partitions := max(b.Partitions, b.cfg.Partitions)
	return b.await(ctx, "queue", func() error {
		log, bus, err := b.openQueue(ctx, partitions)
		if err != nil {
			return err
		}
		b.Log, b.Bus = b.metrics.Log(log), bus
		b.streams = map[string]queue.Stream{}
		for _, name := range streams {
			if b.streams[name], err = b.Log.Stream(name); err != nil {
				return err
			}
		}
		b.Votes = b.streams[poll.Stream]
		return nil
	})
}

// await opens something, again and again while it is Unavailable.
func (b *Backend) await(ctx context.Context, name string, open func() error) error {
	said := ""
	for {
		err := open()
		if err == nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.away, name)
			return nil
		}
		if !fault.Is(err, fault.Unavailable) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if said != err.Error() { // a line per reason, not per attempt
			said = err.Error()
			b.logger.Warn("waiting for the "+name, "error", err)
		}
		select {
		case <-time.After(retryEvery/2 + rand.N(retryEvery)):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// openEngine opens the engine that the settings ask for, with the stores that it keeps.
func (b *Backend) openEngine(ctx context.Context) (Engine, pollStore, error) {
	if path, ok := b.cfg.SQLitePath(); ok {
		db, err := sqlite.Open(ctx, sqlite.Config{Path: path, Observe: b.metrics.StoreCall})
		if err != nil {
			return nil, nil, err
		}
		// older versions made it so
		if info, err := os.Stat(path); err == nil && info.Mode()&0o007 != 0 {
			b.logger.Warn(
				"every user of this machine can open the database file: chmod o= takes that away",
				"path", path, "mode", info.Mode().String())
		}
		b.Talks = talklite.New(db)       // feature: talk
		b.Feed = feedlite.New(db)        // feature: feed
		b.Chats = chatlite.New(db)       // feature: chat
		b.Accounts = accountlite.New(db) // feature: account
		return db, polllite.New(db), nil
	}
	db, err := postgres.Open(ctx, postgres.Config{
		URL: b.cfg.DatabaseURL, MaxConns: b.cfg.DatabaseConns, Pooler: b.cfg.DatabasePooler,
		Observe: b.metrics.StoreCall,
	})
	if err != nil {
		return nil, nil, err
	}
	b.Talks = talkpg.New(db)       // feature: talk
	b.Accounts = accountpg.New(db) // feature: account
	engine, err := b.follow(ctx, db)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	b.Feed = feedpg.New(db, engine.reads) // feature: feed
	b.Chats = chatpg.New(db)              // feature: chat
	return engine, pollpg.New(db), nil
}

func (b *Backend) openQueue(ctx context.Context, partitions int) (queue.Log, bus.Bus, error) {
	if b.Embedded() {
		log, err := inproc.Open(inproc.Config{Streams: streams, Partitions: partitions})
		return log, inproc.NewBus(), err
	}
	log, err := rabbitmq.Open(ctx, rabbitmq.Config{
		URLs: b.cfg.AMQPURLs, Streams: streams, Partitions: partitions,
		MaxQueueBytes: b.cfg.QueueBytes, Logger: b.logger,
	})
	if err != nil {
		return nil, nil, err
	}
	return log, log.Bus(), nil
}

// Away names what is not opened yet or does not answer: "database", "queue". It may be called at
// any time.
func (b *Backend) Away(ctx context.Context) []string {
	b.mu.Lock()
	waiting := map[string]bool{"database": b.away["database"], "queue": b.away["queue"]}
	b.mu.Unlock()
	var database, queue bool
	// both at once: one that is silent must not use up the time of the other
	var asking sync.WaitGroup
	asking.Go(func() { database = waiting["database"] || b.Engine.Ping(ctx) != nil })
	asking.Go(func() { queue = waiting["queue"] || b.Log.Ping(ctx) != nil })
	asking.Wait()
	var names []string
	if database {
		names = append(names, "database")
	}
	if queue {
		names = append(names, "queue")
	}
	return names
}

// Close closes what is open, in reverse. A second Close gives what the first one did.
func (b *Backend) Close() error { return b.close() }

func (b *Backend) closeAll() (err error) {
	if b.Log != nil {
		err = errors.Join(b.Log.Close(), b.Bus.Close())
	}
	if b.Engine != nil {
		err = errors.Join(err, b.Engine.Close())
	}
	return err
}
