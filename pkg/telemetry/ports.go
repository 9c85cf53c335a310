package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// outcomes are what may become of an entry that is published.
var outcomes = []string{"confirmed", "unknown", "refused"}

// Log measures the streams of a log: sizes of entries, confirms, dead letters.
func (m *Metrics) Log(log queue.Log) queue.Log { return &measuredLog{log, m} }

type measuredLog struct {
	queue.Log
	m *Metrics
}

func (l *measuredLog) Stream(name string) (queue.Stream, error) {
	s, err := l.Log.Stream(name)
	if err != nil {
		return nil, err
	}
	return l.m.stream(name, s), nil
}

// stream measures a stream. Finding its series once costs less than for each entry.
func (m *Metrics) stream(name string, s queue.Stream) queue.Stream {
	return &measuredStream{
		Stream: s, name: name, m: m,
		confirmTime: m.confirmTime.WithLabelValues(name),
		deadLetters: m.deadLetters.WithLabelValues(name),
	}
}

type measuredStream struct {
	queue.Stream
	name        string
	m           *Metrics
	confirmTime prometheus.Observer
	deadLetters prometheus.Counter
}

func (s *measuredStream) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	begun := time.Now()
	if s.name == poll.Stream {
		if n := poll.VotesIn(e); n > 0 {
			s.m.batchVotes.Observe(float64(n))
		}
	}
	err := s.Stream.Publish(ctx, partition, e, func(err error) {
		s.m.confirms.WithLabelValues(outcome(err), s.name).Inc()
		s.confirmTime.Observe(time.Since(begun).Seconds())
		confirmed(err)
	})
	if err != nil {
		s.m.confirms.WithLabelValues(outcome(err), s.name).Inc()
	}
	return err
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "confirmed"
	case errors.Is(err, queue.ErrUnknown):
		return "unknown"
	}
	return "refused"
}

func (s *measuredStream) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	sub, err := s.Stream.Subscribe(ctx, partition)
	if err != nil {
		return nil, err
	}
	return &measuredSubscription{sub, s.deadLetters}, nil
}

type measuredSubscription struct {
	queue.Subscription
	deadLetters prometheus.Counter
}

func (s *measuredSubscription) DeadLetter(ctx context.Context, d queue.Delivery,
	reason string) error {
	err := s.Subscription.DeadLetter(ctx, d, reason)
	if err == nil {
		s.deadLetters.Inc()
	}
	return err
}

// StoreCall takes note of a call of an engine: how long it took, and whether the engine was away or
// too slow. A list, which has no time of its own (0), is left out.
func (m *Metrics) StoreCall(call string, took time.Duration, err error) {
	if took == 0 {
		return
	}
	m.storeTime.WithLabelValues(call).Observe(took.Seconds())
	if fault.Is(err, fault.Unavailable) {
		m.storeErrors.WithLabelValues(call).Inc()
	}
}

// Store counts the verdicts of counting.
func (m *Metrics) Store(store poll.Store) poll.Store { return &measuredStore{store, m} }

type measuredStore struct {
	poll.Store
	m *Metrics
}

func (s *measuredStore) Count(
	ctx context.Context, batches []poll.Batch,
) (o poll.Outcome, err error) {
	o, err = s.Store.Count(ctx, batches)
	if err != nil {
		return o, err
	}
	var n [poll.Rejected + 1]int
	total := 0
	for _, verdicts := range o.Verdicts {
		total += len(verdicts)
		for _, v := range verdicts {
			n[v]++
		}
	}
	for v := poll.Counted; v <= poll.Rejected; v++ {
		s.m.verdicts.WithLabelValues(v.String()).Add(float64(n[v]))
	}
	s.m.countedVotes.Observe(float64(total))
	return o, nil
}
