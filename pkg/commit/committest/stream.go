// Package committest has a log for tests of what commits: the in-memory one, where a test says
// what becomes of each entry.
package committest

import (
	"context"
	"errors"
	"sync"

	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Stream is a stream of the in-memory log. A test receives its entries and says what becomes of
// each. It also has the faults that no log in memory has.
type Stream struct {
	queue.Publisher
	Entries chan *Entry // published, in the order of their partitions; closed by Close

	log     *inproc.Log
	reading sync.WaitGroup
	lost    sync.Map // ids of entries whose confirm is lost

	mu   sync.Mutex
	deaf bool
	err  error
}

// Open makes a stream of so many partitions.
func Open(partitions int) *Stream {
	const name = "committest"
	log, err := inproc.Open(inproc.Config{Streams: []string{name}, Partitions: partitions})
	if err != nil {
		panic(err)
	}
	stream, err := log.Stream(name)
	if err != nil {
		panic(err)
	}
	s := &Stream{Publisher: stream, Entries: make(chan *Entry, 1000), log: log}
	for partition := range partitions {
		sub, err := stream.Subscribe(context.Background(), partition)
		if err != nil {
			panic(err)
		}
		p := &reader{
			stream: s, sub: sub, partition: partition, do: make(chan func()), ended: make(
				chan struct{}),
		}
		s.reading.Go(p.run)
	}
	return s
}

// Publish is the promise of queue.Publisher.
func (s *Stream) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	s.mu.Lock()
	deaf, err := s.deaf, s.err
	s.mu.Unlock()
	if deaf {
		<-ctx.Done()
		return queue.ErrRefused
	}
	if err != nil {
		return err
	}
	return s.Publisher.Publish(ctx, partition, e, func(err error) {
		if _, lost := s.lost.LoadAndDelete(e.ID); lost {
			err = queue.ErrUnknown
		}
		confirmed(err)
	})
}

// Fail has every Publish return err. Nil: no longer.
func (s *Stream) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Deafen has the stream take nothing, as a connection whose peer does not read.
func (s *Stream) Deafen(deaf bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = deaf
}

// Close closes the log: entries without a confirm get queue.ErrUnknown.
func (s *Stream) Close() {
	if err := s.log.Close(); err != nil {
		panic(err)
	}
	s.reading.Wait()
	close(s.Entries)
}

// Entry is an entry that was published.
type Entry struct {
	queue.Entry
	Partition int

	from *reader
	tag  uint64
	to   string
}

// Confirm has the entry confirmed: nil, queue.ErrRefused or queue.ErrUnknown.
func (e *Entry) Confirm(become error) {
	e.from.serve(func(sub queue.Subscription) error {
		switch {
		case errors.Is(become, queue.ErrRefused):
			d := queue.Delivery{Tag: e.tag, Entry: e.Entry}
			if err := sub.DeadLetter(context.Background(), d, "as its test wants"); err != nil {
				return err
			}
		case errors.Is(become, queue.ErrUnknown):
			e.from.stream.lost.Store(e.ID, nil)
		}
		return sub.Ack(e.tag)
	})
}

// Reply answers the entry.
func (e *Entry) Reply(body []byte) {
	e.from.serve(func(sub queue.Subscription) error {
		return sub.Reply(context.Background(), e.to, queue.Reply{EntryID: e.ID, Body: body})
	})
}

// reader is a partition's subscription and the one goroutine that uses it.
type reader struct {
	stream    *Stream
	sub       queue.Subscription
	partition int
	do        chan func()
	ended     chan struct{}
}

func (r *reader) run() {
	defer close(r.ended)
	for {
		select {
		case d, ok := <-r.sub.Deliveries():
			if !ok {
				return
			}
			r.sub.Hold(d.Tag) // a test confirms in any order
			r.stream.Entries <- &Entry{d.Entry, r.partition, r, d.Tag, d.ReplyTo}
		case f := <-r.do:
			f()
		}
	}
}

// serve has the goroutine do something, and waits for it. After Close it does nothing.
func (r *reader) serve(f func(queue.Subscription) error) {
	done := make(chan error)
	select {
	case r.do <- func() { done <- f(r.sub) }:
		if err := <-done; err != nil {
			panic(err)
		}
	case <-r.ended:
	}
}
