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
	// maxConns bounds the connections of a process. A call takes a fraction of a millisecond.
	maxConns = 16
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

// Counter is a limit.Counter that all replicas share.
type Counter struct {
	client *goredis.Client
	script *goredis.Script
	bounds []limit.Bound
	args   []any // of the script, for the bounds
	now    func() time.Time
}

// New makes a counter. It connects when it is first needed. An error is final, and shows no
// password.
func New(cfg Config) (*Counter, error) {
	options, err := goredis.ParseURL(cfg.URL)
	if err != nil { // it may quote the URL
		return nil, errors.New("no URL of Redis: its path is the number of a database, or nothing")
	}
	options.PoolSize = maxConns
	options.DialTimeout, options.DialerRetries = dialTimeout, 1
	options.MaxRetries = -1 // a call that failed may have been counted
	options.ContextTimeoutEnabled = true
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{
		Mode: maintnotifications.ModeDisabled,
	}
	c := &Counter{
		client: goredis.NewClient(options), script: goredis.NewScript(take),
		bounds: cfg.Rule.Bounds(), now: cfg.Now,
	}
	for _, b := range c.bounds {
		c.args = append(c.args, b.Size, b.Step, b.Every.Microseconds())
	}
	return c, nil
}

// Take is the promise of limit.Counter.
func (c *Counter) Take(ctx context.Context, key string) (limit.Answer, error) {
	if len(c.bounds) == 0 {
		return limit.Answer{}, nil
	}
	at := any("")
	if c.now != nil {
		at = c.now().UnixMicro()
	}
	args := append([]any{at}, c.args...)
	said, err := c.script.Run(ctx, c.client, []string{prefix + key}, args...).StringSlice()
	if err != nil {
		return limit.Answer{}, away(err)
	}
	return c.answer(said)
}

// answer reads what the script gave.
func (c *Counter) answer(said []string) (limit.Answer, error) {
	numbers := make([]int64, len(said))
	for i, text := range said {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return limit.Answer{}, away(err)
		}
		numbers[i] = n
	}
	if len(numbers) != 1+2*len(c.bounds) {
		return limit.Answer{}, away(errors.New("the script gave another answer"))
	}
	now := time.UnixMicro(numbers[0])
	answers := make([]limit.Answer, len(c.bounds))
	for i, b := range c.bounds {
		used := limit.Used{
			Tokens: int(numbers[1+2*i]), Since: time.UnixMicro(numbers[2+2*i]),
		}
		answers[i] = used.Answer(now, b)
	}
	return limit.Tightest(answers), nil
}

// Ping asks whether Redis answers. An error is Unavailable.
func (c *Counter) Ping(ctx context.Context) error {
	if err := c.client.Ping(ctx).Err(); err != nil {
		return away(err)
	}
	return nil
}

// Close gives the connections back. No call may be under way or come after it.
func (c *Counter) Close() error { return c.client.Close() }

func away(err error) error { return fault.Unavailablef(err, "redis does not answer") }
