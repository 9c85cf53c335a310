package rabbitmq

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Prefetch is how many unacknowledged entries of a partition a consumer may hold. It must be the
// same in every worker and version. A quorum queue with a single active consumer reorders entries
// when a consumer with another prefetch takes over. The product with the largest batch bounds a
// worker's memory.
const Prefetch = 500

// maxUnconfirmed bounds the batches of a partition that wait for their confirm. One more waits for
// a slot. The buffers between the client library and our reader are as large, since the library
// drops what does not fit within seconds. A dropped return would turn a refused batch into a
// confirmed one.
const maxUnconfirmed = 1024

// Config says how to reach RabbitMQ and what to find there.
type Config struct {
	// amqp:// or amqps://, nodes of one cluster; each attempt takes the next one
	URLs       []string
	Streams    []string // their names, of small letters
	Partitions int      // of each stream at the start, 1 or more: queues PREFIX.STREAM.0 and so on

	Prefix string // of queue and exchange names; "": plenary
	// per partition; more is refused; 0: 256 MiB. Part of the queue: another value stops Open
	MaxQueueBytes int64
	// whole seconds; we give up a silent broker after 1.5, it gives up us after 2 to 3; 0: 5 s
	Heartbeat    time.Duration
	DialTimeout  time.Duration // to connect, to shake hands and to set up, each; 0: 5 s
	WriteTimeout time.Duration // a connection that takes no byte for so long is given up; 0: 10 s
	// ConfirmTimeout is how long the broker may owe a confirm while it takes messages; 0: 10 s.
	// After that the connection is given up, and what is unconfirmed is unknown. A healthy broker
	// takes milliseconds. A broker may lose a message on its way to the queue's leader. It sends
	// it again only when it hears of a new leader or a new message (rabbitmq-server 14589).
	ConfirmTimeout time.Duration
	// Settle is how long a partition's queue that Open or Publish had to make is left alone;
	// 0: 2 s.
	//
	// The broker writes the name of a new queue's log to disk up to a second later (dets, auto_save
	// 500 ms). Killed before that, it begins an empty log for the queue when it starts again. It
	// loses what it has confirmed and elects nobody, so that the partition hangs (rabbitmq-server
	// issue 15725).
	Settle     time.Duration
	MinBackoff time.Duration // upper bound of the first wait before connecting again; 0: 100 ms
	MaxBackoff time.Duration // upper bound of all of them; 0: 5 s

	Logger *slog.Logger     // nil: slog.Default
	Rand   func() float64   // in [0, 1), for jitter; nil: math/rand/v2
	Now    func() time.Time // for the time written on dead letters; nil: time.Now
}

// check fills in the defaults. No error shows a password.
func (c Config) check() (Config, error) {
	if len(c.URLs) == 0 {
		return c, errors.New("rabbitmq: a URL is missing")
	}
	for i, u := range c.URLs {
		if _, err := amqp.ParseURI(u); err != nil {
			if e, ok := errors.AsType[*url.Error](err); ok {
				err = e.Err
			}
			return c, fmt.Errorf("rabbitmq: URL %d is not one: %w", i+1, err)
		}
	}
	if c.Partitions < 1 || c.Partitions > queue.MaxPartitions || c.MaxQueueBytes < 0 {
		return c, fmt.Errorf("rabbitmq: %d partitions of %d bytes cannot be", c.Partitions,
			c.MaxQueueBytes)
	}
	for _, name := range c.Streams {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
			return c, fmt.Errorf("rabbitmq: a stream cannot be called %q", name)
		}
	}
	byDefault(&c.Prefix, "plenary")
	byDefault(&c.MaxQueueBytes, 256<<20)
	byDefault(&c.Heartbeat, 5*time.Second)
	byDefault(&c.DialTimeout, 5*time.Second)
	byDefault(&c.WriteTimeout, 10*time.Second)
	byDefault(&c.ConfirmTimeout, 10*time.Second)
	byDefault(&c.Settle, 2*time.Second)
	byDefault(&c.MinBackoff, 100*time.Millisecond)
	byDefault(&c.MaxBackoff, 5*time.Second)
	byDefault(&c.Logger, slog.Default())
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

func byDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// backoff gives the wait before attempt n (from 0) to connect again: full jitter below a bound that
// doubles.
func (c Config) backoff(n int) time.Duration {
	bound := c.MaxBackoff
	if n < 30 {
		bound = min(bound, c.MinBackoff<<n)
	}
	return time.Duration(c.Rand() * float64(bound))
}
