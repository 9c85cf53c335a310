// Package queuetest is the conformance suite of the log's port: every adapter passes it, with
// its differences declared.
package queuetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Partitions is how many the log under test must be opened with, in each of Streams.
const Partitions = 3

// Streams are the names of those that the log under test must have. All but a few promises are
// about the first one, of which Env speaks.
var Streams = []string{"votes", "others"}

// Capabilities are the ways in which adapters differ. The suite tests both what one says and
// what it denies.
type Capabilities struct {
	// Durable: entries are kept by something that outlives a Log. Every Log of an Env writes and
	// reads the same ones, as the processes of a deployment do. An entry is confirmed when it is
	// kept. Without Durable a Log is alone, and an entry is confirmed when it was acknowledged,
	// since nothing else would survive. One that was set aside is refused to its publisher then.
	Durable bool

	// Open: others may write to the log, so there may be entries whose envelope cannot be decoded.
	Open bool

	// Remote: there is a connection that can stall and break, and an operator who can delete the
	// log.
	Remote bool
}

// Env is an empty log, and what a test may do to it. Open must be there, the others where a
// capability asks for them.
type Env struct {
	// Open opens the log, as another process would. The test closes it.
	Open func(testing.TB) queue.Log

	// OpenSmall opens a log (not the one of Open) whose partitions take some entries of 36 kB,
	// but not 500.
	OpenSmall func(testing.TB) queue.Log

	// Capability Open: Inject writes an entry that is not ours. DeadLetters takes all that is
	// kept.
	Inject      func(tb testing.TB, partition int, messageID string, raw []byte)
	DeadLetters func(testing.TB) []DeadLetter

	// Remote has three functions:
	//   - Stall holds back everything that comes from the log.
	//   - Cut breaks every connection, also stalled ones, and lets new ones be made.
	//   - Delete deletes a partition's log.
	Stall  func()
	Cut    func()
	Delete func(tb testing.TB, partition int)
}

// DeadLetter is a kept entry.
type DeadLetter struct {
	MessageID string
	Reason    string
	Raw       []byte
}

// promise is one claim of the port.
type promise struct {
	name string
	asks func(Capabilities) bool // nil: every adapter
	test func(*testing.T, *suite)
}

type suite struct {
	Capabilities
	Env
}

// Run tests every promise against a new environment. Goroutines that live longer than the
// environment are leaks, but for those that ignore names.
func Run(t *testing.T, caps Capabilities, env func(*testing.T) Env, ignore ...goleak.Option) {
	for _, group := range [][]promise{publishing, meeting, consuming, settingAside, replaying,
		answering, streaming, ending, closing, failing} {
		for _, p := range group {
			if p.asks != nil && !p.asks(caps) {
				continue
			}
			t.Run(strings.ReplaceAll(p.name, " ", "_"), func(t *testing.T) {
				e := env(t)
				before := goleak.IgnoreCurrent()
				t.Run("", func(t *testing.T) { p.test(t, &suite{caps, e}) })
				goleak.VerifyNone(t, append(ignore, before)...)
			})
		}
	}
}

func durable(c Capabilities) bool { return c.Durable }
func alone(c Capabilities) bool   { return !c.Durable }
func foreign(c Capabilities) bool { return c.Open }
func remote(c Capabilities) bool  { return c.Remote }

// patience is how long something may take that must happen.
const patience = 30 * time.Second

// log is a log, and its first stream.
type log struct {
	queue.Log
	queue.Stream
}

// other gives the log with its other stream.
func (l log) other(t *testing.T) log { return logOf(t, l.Log, Streams[1]) }

func logOf(t *testing.T, l queue.Log, name string) log {
	s, err := l.Stream(name)
	require.NoError(t, err)
	return log{l, s}
}

// open opens the log for the time of the test.
func (s *suite) open(t *testing.T) log {
	l := s.Env.Open(t)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return logOf(t, l, Streams[0])
}

// another opens the log as another process would, or is the same one where a log is alone.
func (s *suite) another(t *testing.T, l log) log {
	if !s.Durable {
		return l
	}
	return s.open(t)
}
