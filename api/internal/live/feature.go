package live

import (
	"context"
	"time"

	"github.com/plenary-live/plenary/pkg/bus"
)

// Feature has topics: things that people watch. It is comparable, and safe for use by many
// goroutines.
type Feature interface {
	// Topic gives the key of the topic that a change tells of; nil: none of the feature's.
	Topic(bus.Change) (key any)
	// Open gives the source of a topic that somebody begins to view.
	Open(key any) Source
	// Look asks for the newest of the first n of views: at least one, as many as one statement
	// takes. missed gives what a topic has to read that knows a view. now is a time after the
	// answer: a read that begins then sees all of that.
	Look(ctx context.Context, views []View) (
		n int, missed func(v View, now time.Time) Want, err error,
	)
}

// Name is the name of a topic.
type Name struct {
	Feature Feature
	Key     any // comparable
}

// Source reads one topic: its head, which says what it is about, and its body, which is numbers
// or whatever else changes often. One goroutine at a time uses it.
type Source interface {
	// Head reads the head, by a read that begins at since or later. NotFound ends the topic.
	Head(ctx context.Context, since time.Time) (News, error)
	// Body reads the body. What was read before an error is news all the same.
	Body(ctx context.Context, depth Depth) (News, error)
	// View gives what has been read so far.
	View() View
}

// Follower is a Source that reads several things.
type Follower interface {
	// Follows gives what the topic is told changes of, as Feature.Topic gives it. It is always the
	// same. A source that is no Follower follows its own key alone.
	Follows() []any
}

// News is what a read has brought.
type News struct {
	Changed bool    // View is another one
	Moved   bool    // the head tells of another body, which is to be read at once
	Gone    []any   // parts of which nothing is to be told any more
	Events  []Event // which come after that
}

// View is what a source knows at some moment. It does not change, and is for many goroutines.
type View interface {
	// Behind says whether a client knows more, by the id of the event that it saw last. The client
	// may say anything.
	Behind(lastEventID string) bool
	// Main is the part that the head is about.
	Main() any
	// Heard gives what is to be read after a change.
	Heard(bus.Change) Want
	// Soon says that something may happen of which nobody tells.
	Soon() bool
}

// Depth is how much of a body is read. A larger one contains the smaller ones.
type Depth int

// The depths of a body.
const (
	Nothing  Depth = iota
	Main           // the part that the head is about
	Changing       // and other parts that still change by themselves
	All            // and those that do not
)

// Want is what a topic has to read.
type Want struct {
	Since time.Time // the head, by a read that begins then or later; zero: not for this
	Depth Depth     // of the body
}

// and wants both.
func (w Want) and(more Want) Want {
	return Want{latest(w.Since, more.Since), max(w.Depth, more.Depth)}
}
