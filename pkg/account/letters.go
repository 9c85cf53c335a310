package account

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
)

// Mailer sends letters. It is safe for use by many goroutines.
type Mailer interface {
	// Send gives a letter of plain text to a server that takes it on, or gives up when ctx ends.
	// Unavailable: trying again may help. No error names the address or has a part of the text.
	Send(ctx context.Context, to, subject, text string) error
}

// What letters may use of a process.
const (
	maxLetters   = 1000 // that wait
	writers      = 4    // letters under way at once
	letterTries  = 3
	letterTime   = 15 * time.Second // of a try
	letterPause  = time.Second      // after the first try; the next one is four times as long
	lettersRetry = 10 * time.Second // after what somebody asks again who found no place
)

// letter is a letter that was asked for.
type letter struct{ to, languages string }

// Letters sends links by which people set a password anew. A letter waits in memory: whoever gets
// none asks again. It is a life.Service. A Stop sends what waits, as long as it has time.
type Letters struct {
	store  Store
	mailer Mailer
	site   string
	logger *slog.Logger
	tasks  *life.Tasks

	mu       sync.RWMutex // held while a letter gets its place
	stopping chan struct{}
	waiting  chan letter
	stopped  bool

	unsent, sent, failed atomic.Int64
}

// NewLetters makes letters whose links begin with the address site.
func NewLetters(store Store, mailer Mailer, site string, logger *slog.Logger) *Letters {
	return &Letters{
		store: store, mailer: mailer, site: site, logger: logger, tasks: life.NewTasks(),
		stopping: make(chan struct{}), waiting: make(chan letter, maxLetters),
	}
}

// Forgot has a link sent to an e-mail address, as CleanEmail gives it, if an account has it. It
// looks nothing up and never waits, so nobody learns from it who has an account. languages are
// those that the person reads, as in Accept-Language. Unavailable: too many letters wait.
func (l *Letters) Forgot(email, languages string) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.stopped {
		return fault.Errorf(fault.Unavailable, "stopping: send it again")
	}
	l.unsent.Add(1)
	select {
	case l.waiting <- letter{email, languages}:
		return nil
	default:
		l.unsent.Add(-1)
		return &fault.Error{
			Code: fault.Unavailable, Detail: "too many letters wait: send it again",
			Wait: lettersRetry,
		}
	}
}

// Counts gives how many letters were asked for and are not done yet, how many the mail server took,
// and how many it did not. A letter that nobody is there for is neither sent nor failed.
func (l *Letters) Counts() (waiting, sent, failed int64) {
	return l.unsent.Load(), l.sent.Load(), l.failed.Load()
}

// Start implements life.Service.
func (l *Letters) Start() error {
	if err := l.tasks.Start(); err != nil {
		return err
	}
	for range writers {
		if !l.tasks.Go(l.write) {
			return life.ErrStopped
		}
	}
	return nil
}

// Stop implements life.Service. A letter that failed is not tried again.
func (l *Letters) Stop(ctx context.Context) error {
	l.mu.Lock()
	if !l.stopped {
		l.stopped = true
		close(l.stopping)
		close(l.waiting)
	}
	l.mu.Unlock()
	_ = l.tasks.Wait(ctx) // what has not left when the time is over is cut off
	return l.tasks.Stop(ctx)
}

// write sends letters until there are none any more.
func (l *Letters) write(ctx context.Context) {
	for next := range l.waiting {
		if err := l.send(ctx, next); err != nil {
			l.failed.Add(1)
			l.logger.Warn("a letter was not sent", "error", err)
		}
		l.unsent.Add(-1)
	}
}

// send sends one letter. Where nobody has its address there is nothing to do.
func (l *Letters) send(ctx context.Context, to letter) error {
	var token string
	return l.again(ctx, func(ctx context.Context) error {
		if token == "" {
			made, err := NewReset(ctx, l.store, to.to)
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			if err != nil { // nobody knows whether the store has it
				return err
			}
			token = made
		}
		subject, text := resetLetter(to.languages, ResetLink(l.site, token))
		err := l.mailer.Send(ctx, to.to, subject, text)
		if err == nil {
			l.sent.Add(1)
		}
		return err
	})
}

// again tries something again while that may help.
func (l *Letters) again(ctx context.Context, try func(context.Context) error) (err error) {
	pause := letterPause
	for n := 1; ; n++ {
		err = within(ctx, try)
		if n == letterTries || !fault.Is(err, fault.Unavailable) {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 4
		case <-l.stopping:
			return err
		case <-ctx.Done():
			return err
		}
	}
}

func within(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, letterTime)
	defer cancel()
	return try(ctx)
}
