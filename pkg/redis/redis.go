// Package redis counts in Redis, or in Valkey, what replicas limit together. Its script takes from
// both bounds of a rule at once and in one round trip. No library does that: redis_rate has one
// bound a call, and throttled reads first and tries to write then.
package redis

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

const (
	// prefix is what the name of every key begins with.
	prefix = "plenary:limit:"
	// alive is the key with which Ping counts.
	alive = "plenary:alive"
	// maxConns bounds the connections of a process. A call takes a fraction of a millisecond.
	maxConns = 16
	// maxPings bounds those of Ping, which has its own: it does not wait behind what it judges.
	maxPings = 4
	// dialTimeout bounds a connect. A call has its own time, by its context.
	dialTimeout = time.Second
)

//go:embed take.lua
var take string

// The client writes a line of its own for each try while Redis is away. The error says the same.
func init() { goredis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// Config says where Redis is, and what is counted there.
type Config struct {
	URL  string // redis:// or rediss://, with a user, a password and a database if it has them
	Rule limit.Rule
	// Now is the clock. nil: that of Redis, which is one for all replicas.
	Now func() time.Time
}

// Counter is a limit.Counter that all replicas share, and a limit.Remote.
type Counter struct {
	client *goredis.Client
	pings  *goredis.Client
	script *goredis.Script
	bounds []limit.Bound
	now    func() time.Time
}

// always is a bound that nobody reaches: all of it is back after a millisecond.
var always = []limit.Bound{{Size: 1_000_000, Step: 1_000_000, Every: time.Millisecond}}

// New makes a counter. It connects when it is first needed. An error is final, and shows no
// password.
func New(cfg Config) (*Counter, error) {
	options, err := goredis.ParseURL(cfg.URL)
	if err != nil { // it may quote the URL
		return nil, errors.New("no URL of Redis: its path is the number of a database, or nothing")
	}
	options.DialTimeout, options.DialerRetries = dialTimeout, 1
	options.MaxRetries = -1 // a call that failed may have been counted
	options.ContextTimeoutEnabled = true
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{
		Mode: maintnotifications.ModeDisabled,
	}
	pooled := func(conns int) *goredis.Client {
		options.PoolSize = conns
		return goredis.NewClient(options) // which keeps a copy of them
	}
	return &Counter{
		client: pooled(maxConns), pings: pooled(maxPings),
		script: goredis.NewScript(take), bounds: cfg.Rule.Bounds(), now: cfg.Now,
	}, nil
}

// Take is the promise of limit.Counter.
func (c *Counter) Take(ctx context.Context, key string) (limit.Answer, error) {
	if len(c.bounds) == 0 {
		return limit.Answer{}, nil
	}
	return c.take(ctx, c.client, prefix+key, c.bounds)
}

// Ping asks whether Redis counts, by counting something of its own: one that is full or only reads
// answers a PING still. An error is Unavailable.
func (c *Counter) Ping(ctx context.Context) error {
	_, err := c.take(ctx, c.pings, alive, always)
	return err
}

// take runs the script.
func (c *Counter) take(
	ctx context.Context, client *goredis.Client, key string, bounds []limit.Bound,
) (a limit.Answer, err error) {
	defer func() {
		if recover() != nil { // the client makes room for whatever an answer claims to hold
			err = away(errStrange)
		}
	}()
	args := []any{""}
	if c.now != nil {
		args[0] = c.now().UnixMicro()
	}
	for _, b := range bounds {
		args = append(args, b.Size, b.Step, b.Every.Microseconds())
	}
	said, err := c.script.Run(ctx, client, []string{key}, args...).StringSlice()
	if err != nil {
		return a, away(err)
	}
	return answer(said, bounds)
}

// answer reads what the script gave.
func answer(said []string, bounds []limit.Bound) (limit.Answer, error) {
	if len(said) != 1+2*len(bounds) {
		return limit.Answer{}, away(errStrange)
	}
	numbers := make([]int64, len(said))
	for i, text := range said {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return limit.Answer{}, away(errStrange)
		}
		numbers[i] = n
	}
	now := time.UnixMicro(numbers[0])
	answers := make([]limit.Answer, len(bounds))
	for i, b := range bounds {
		used := limit.Used{
			Tokens: int(numbers[1+2*i]), Since: time.UnixMicro(numbers[2+2*i]),
		}
		answers[i] = used.At(now, b).Answer(now, b) // the script has it as of now already
	}
	return limit.Tightest(answers), nil
}

// Close gives the connections back. No call may be under way or come after it.
func (c *Counter) Close() error { return errors.Join(c.client.Close(), c.pings.Close()) }

var errStrange = errors.New("this is no answer of the script")

func away(err error) error { return fault.Unavailablef(err, "redis does not answer") }
