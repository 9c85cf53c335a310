package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
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

// Store measures a store: the time of each call, and the verdicts of counting.
func (m *Metrics) Store(store poll.Store) poll.Store { return &measuredStore{store, m} }

type measuredStore struct {
	poll.Store
	m *Metrics
}

// took is deferred with the call's beginning and error.
func (s *measuredStore) took(call string, begun time.Time, err *error) {
	s.m.storeTime.WithLabelValues(call).Observe(time.Since(begun).Seconds())
	if fault.CodeOf(*err) == fault.Unavailable {
		s.m.storeErrors.WithLabelValues(call).Inc()
	}
}

func (s *measuredStore) Create(ctx context.Context, p poll.Presentation) (err error) {
	defer s.took("create", time.Now(), &err)
	return s.Store.Create(ctx, p)
}

func (s *measuredStore) Display(ctx context.Context, id uuid.UUID) (d poll.Display, err error) {
	defer s.took("display", time.Now(), &err)
	return s.Store.Display(ctx, id)
}

func (s *measuredStore) Newest(ctx context.Context, presentations, polls []uuid.UUID) (n poll.Newest, err error) {
	defer s.took("newest", time.Now(), &err)
	return s.Store.Newest(ctx, presentations, polls)
}

func (s *measuredStore) Transit(ctx context.Context, id uuid.UUID, mv poll.Move, ifMatch *int64) (t poll.Turn, err error) {
	defer s.took("transit", time.Now(), &err)
	return s.Store.Transit(ctx, id, mv, ifMatch)
}

func (s *measuredStore) Edit(ctx context.Context, id uuid.UUID, e poll.Edit) (edited poll.Edited, err error) {
	defer s.took("edit", time.Now(), &err)
	return s.Store.Edit(ctx, id, e)
}

func (s *measuredStore) Hide(
	ctx context.Context, presentationID, pollID uuid.UUID, text string, hidden bool,
) (w question.WordCount, edited poll.Edited, err error) {
	defer s.took("hide", time.Now(), &err)
	return s.Store.Hide(ctx, presentationID, pollID, text, hidden)
}

func (s *measuredStore) Delete(ctx context.Context, id uuid.UUID, seen poll.Seen) (err error) {
	defer s.took("delete", time.Now(), &err)
	return s.Store.Delete(ctx, id, seen)
}

func (s *measuredStore) History(ctx context.Context, id uuid.UUID, after int64, limit int) (m []poll.Mend, err error) {
	defer s.took("history", time.Now(), &err)
	return s.Store.History(ctx, id, after, limit)
}

func (s *measuredStore) Results(ctx context.Context, presentationID, pollID uuid.UUID) (r poll.Results, err error) {
	defer s.took("results", time.Now(), &err)
	return s.Store.Results(ctx, presentationID, pollID)
}

func (s *measuredStore) Present(ctx context.Context, replica uuid.UUID, rooms map[uuid.UUID]poll.Presence, age time.Duration) (err error) {
	defer s.took("present", time.Now(), &err)
	return s.Store.Present(ctx, replica, rooms, age)
}

func (s *measuredStore) Audiences(ctx context.Context, ids []uuid.UUID, age time.Duration) (a map[uuid.UUID]poll.Audience, err error) {
	defer s.took("audiences", time.Now(), &err)
	return s.Store.Audiences(ctx, ids, age)
}

func (s *measuredStore) Count(ctx context.Context, partition int, batches []poll.Batch) (o poll.Outcome, err error) {
	defer s.took("count", time.Now(), &err)
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
