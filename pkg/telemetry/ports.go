package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Log measures a log: batch sizes, confirms, dead letters.
func (m *Metrics) Log(log queue.Log) queue.Log { return &measuredLog{log, m} }

type measuredLog struct {
	queue.Log
	m *Metrics
}

func (l *measuredLog) Publish(ctx context.Context, partition int, b poll.Batch, confirmed func(error)) error {
	begun := time.Now()
	if len(b.Votes) > 0 {
		l.m.batchVotes.Observe(float64(len(b.Votes)))
	}
	err := l.Log.Publish(ctx, partition, b, func(err error) {
		l.m.confirms.WithLabelValues(outcome(err)).Inc()
		l.m.confirmTime.Observe(time.Since(begun).Seconds())
		confirmed(err)
	})
	if err != nil {
		l.m.confirms.WithLabelValues(outcome(err)).Inc()
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

func (l *measuredLog) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	sub, err := l.Log.Subscribe(ctx, partition)
	if err != nil {
		return nil, err
	}
	return &measuredSubscription{sub, l.m}, nil
}

type measuredSubscription struct {
	queue.Subscription
	m *Metrics
}

func (s *measuredSubscription) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	err := s.Subscription.DeadLetter(ctx, d, reason)
	if err == nil {
		s.m.deadLetters.Inc()
	}
	return err
}

// StoreCall takes note of a call of an engine: how long it took, and whether the engine was away or too slow.
func (m *Metrics) StoreCall(call string, took time.Duration, err error) {
	m.storeTime.WithLabelValues(call).Observe(took.Seconds())
	if fault.CodeOf(err) == fault.Unavailable {
		m.storeErrors.WithLabelValues(call).Inc()
	}
}

// Store counts the verdicts of counting.
func (m *Metrics) Store(store poll.Store) poll.Store { return &measuredStore{store, m} }

type measuredStore struct {
	poll.Store
	m *Metrics
}

func (s *measuredStore) Count(ctx context.Context, partition int, batches []poll.Batch) (o poll.Outcome, err error) {
	o, err = s.Store.Count(ctx, partition, batches)
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
