package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Stream is an answer's body that a goroutine writes while the server reads it.
type Stream struct {
	*io.PipeReader
	leaving leaving
	cancel  context.CancelFunc
	done    chan struct{}
	closed  atomic.Bool // by the server, which reads it no further
	release func()
}

// NewStream runs write in a goroutine of its own. It returns when the first buffer is full or write
// has ended, with its error if it ended with one. If neither happens in time, it is Unavailable:
// until then the answer's status is not sent. The server closes the stream. That ends the
// goroutine, waits for it, and releases what the stream was made of; so does an error. A later
// error cuts the answer off, so that the client sees that it is not whole. It is logged, since the
// access log has called the answer a success.
//
// write takes the turn before each line: a buffer is filled in a turn at what is costly, which
// ends while the client takes it.
func (s *Site) NewStream(
	c *fiber.Ctx, write func(ctx context.Context, w *bufio.Writer,
		turn *Turn) error, release func(),
) (*Stream, error) {
	ctx, cancel := context.WithTimeout(s.Streaming, WriteTimeout)
	r, w := io.Pipe()
	// also while nobody reads
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	st := &Stream{
		PipeReader: r, leaving: s.Answers.leave(c), cancel: cancel,
		done: make(chan struct{}), release: release,
	}
	begun := make(chan error, 1)
	var once sync.Once
	begin := func(err error) { once.Do(func() { begun <- err }) }
	s.Sending.Go(func() {
		defer close(st.done)
		turn := &Turn{ctx: ctx, turns: s.Costly, late: cancel}
		buffer := bufio.NewWriterSize(beginner{w, begin, turn}, 32<<10)
		err := write(ctx, buffer, turn)
		begin(err)
		if err == nil {
			err = buffer.Flush()
		}
		turn.Pause()
		_ = w.CloseWithError(err) // never fails
		switch {
		case err == nil:
		case st.closed.Load() && s.Streaming.Err() == nil:
			s.Logger.Debug("a list was not sent whole: its client went away",
				"status", StatusAborted, "error", err)
		default:
			s.Logger.Warn("a list was not sent whole", "error", err)
		}
	})
	var err error
	select {
	case err = <-begun:
	case <-time.After(CallTimeout):
		err = fault.Errorf(fault.Unavailable, "the list did not begin in time")
	}
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// beginner says that there is something to send before it is sent: nobody reads before. While it
// is sent there is no turn.
type beginner struct {
	io.Writer
	begin func(error)
	turn  *Turn
}

func (b beginner) Write(p []byte) (int, error) {
	b.begin(nil)
	b.turn.Pause()
	return b.Writer.Write(p)
}

// Turn is a turn at what is costly for a list, which comes and goes. It is for use by one
// goroutine.
type Turn struct {
	ctx   context.Context
	turns *budget.Turns
	// ends a list whose turn lasts longer than a call may, since others wait; nil: ctx does
	late  func()
	timer *time.Timer
	end   func() // nil: there is no turn
}

// take waits for a turn, unless there is one.
func (t *Turn) Take() (err error) {
	if t.end != nil {
		return nil
	}
	if t.end, err = t.turns.TakeLong(t.ctx); err == nil && t.late != nil {
		t.timer = time.AfterFunc(CallTimeout, t.late)
	}
	return err
}

// Pause ends the turn, if there is one.
func (t *Turn) Pause() {
	if t.end == nil {
		return
	}
	if t.timer != nil {
		t.timer.Stop()
	}
	t.end()
	t.end = nil
}

// Close ends the writer and waits for it.
func (s *Stream) Close() error {
	s.closed.Store(true)
	s.leaving.unwatch()
	s.cancel()
	err := s.PipeReader.Close()
	<-s.done
	s.release()
	return err
}

// NewTurn makes turns for what is written while the request waits. They end with ctx.
func NewTurn(ctx context.Context, turns *budget.Turns) *Turn {
	return &Turn{ctx: ctx, turns: turns}
}
