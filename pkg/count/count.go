// Package count is the worker's job: read the partitions' logs, have the store count what was delivered, acknowledge,
// answer, announce.
package count

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	// maxVotes is the most votes of one transaction.
	maxVotes = 5000
	// countTimeout bounds a transaction, so that a stop is bounded too. The store's own time-outs are shorter.
	countTimeout = 20 * time.Second
	// maxStep is the most that passes at the start between two partitions.
	maxStep = 100 * time.Millisecond
	// provenAfter is how long a partition must have given no entry of a newer version, after it gave one, to count as
	// read again.
	provenAfter = time.Second
	// replyTimeout bounds what comes after the commit and may be lost.
	replyTimeout = 2 * time.Second
)

// Store is the part of poll.Store that a counter needs.
type Store interface {
	Count(ctx context.Context, partition int, batches []poll.Batch) (poll.Outcome, error)
	Closing(ctx context.Context) ([]poll.ClosingPoll, error)
	Refold(ctx context.Context) (changed *bus.Change, more bool, err error)
}

// Memory is the part of an engine that a counter needs: the ids of what was counted.
type Memory interface {
	Forget(ctx context.Context, age time.Duration, limit int) (int, error)
}

// Counter counts the votes of all partitions. Any number of counters may run on one log and store, in any number of
// processes: each partition has one that is active, and every batch has its effect once.
type Counter struct {
	store      Store
	memory     Memory
	log        queue.Log
	news       *news
	partitions int
	logger     *slog.Logger

	mu    sync.Mutex
	state map[int]error // per partition that is not being read: why
}

// New makes a counter.
func New(store Store, memory Memory, log queue.Log, b bus.Bus, partitions int, logger *slog.Logger) *Counter {
	c := &Counter{store: store, memory: memory, log: log, news: newNews(b, logger), partitions: partitions, logger: logger, state: make(map[int]error)}
	for p := range partitions {
		c.state[p] = errors.New("not begun yet")
	}
	return c
}

// Run counts until ctx ends. Then it finishes the transactions under way, acknowledges them, and returns. What was
// delivered beyond them goes to the next counter.
func (c *Counter) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { c.sweep(ctx) })
	running.Go(func() { c.forget(ctx) })
	running.Go(func() { c.refold(ctx) })
	// On RabbitMQ before 4 the first to subscribe is the active one. Of workers that start together, within a step, each in
	// an order of its own, each is the first somewhere.
	step := min(maxStep, time.Second/time.Duration(c.partitions))
	for i, p := range rand.Perm(c.partitions) {
		running.Go(func() {
			select {
			case <-time.After(time.Duration(i) * step):
				c.follow(ctx, p)
			case <-ctx.Done():
			}
		})
	}
	counted := make(chan struct{})
	var announcing sync.WaitGroup
	announcing.Go(func() { c.news.run(counted) })
	running.Wait()
	close(counted)
	announcing.Wait()
}

// Ready tells why not every partition is being read; nil: all are.
func (c *Counter) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for p, err := range c.state {
		errs = append(errs, fmt.Errorf("partition %d: %w", p, err))
	}
	return errors.Join(errs...)
}

func (c *Counter) setState(partition int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.state, partition)
	} else {
		c.state[partition] = err
	}
}

var errEnded = errors.New("the subscription ended")

// follow reads one partition, subscription after subscription.
func (c *Counter) follow(ctx context.Context, partition int) {
	var retry backoff
	newer := false // an entry was found that is left to a newer worker
	for ctx.Err() == nil {
		sub, err := c.log.Subscribe(ctx, partition)
		if err == nil {
			f := follower{Counter: c, partition: partition, sub: sub, doubtful: newer}
			begun := time.Now()
			reading, stop := context.WithCancel(ctx)
			if err = f.run(reading); time.Since(begun) > maxWait {
				retry.reset() // it was no failure to begin
			}
			stop()
			f.aside.Wait()
			if closeErr := sub.Close(); closeErr != nil {
				c.logger.Warn("closing a subscription", "partition", partition, "error", closeErr)
			}
		}
		if ctx.Err() != nil {
			return
		}
		c.setState(partition, err)
		c.logger.Warn("not counting a partition; trying again", "partition", partition, "error", err)
		if newer = errors.Is(err, queue.ErrVersion); newer {
			retry.long()
		}
		retry.wait(ctx)
	}
}

// follower reads one subscription.
type follower struct {
	*Counter
	partition int
	sub       queue.Subscription
	aside     sync.WaitGroup  // entries on their way to the dead letters
	held      *queue.Delivery // came, and was too much for the transaction before
	doubtful  bool            // the last subscription ended at an entry that only a newer worker can read
}

// run counts what is delivered, a transaction at a time, each over all that is there, until the subscription or ctx
// ends.
func (f *follower) run(ctx context.Context) error {
	var proven <-chan time.Time
	if f.doubtful { // that entry is delivered at once, unless a newer worker has it: until then this one is not ready
		proven = time.After(provenAfter)
	} else {
		f.setState(f.partition, nil)
	}
	for ctx.Err() == nil { // asked first: select picks any of what is ready
		if held := f.held; held != nil {
			f.held = nil
			if err := f.process(ctx, f.gather(*held)); err != nil {
				return err
			}
			continue
		}
		select {
		case d, ok := <-f.sub.Deliveries():
			if !ok {
				return errEnded
			}
			if err := f.process(ctx, f.gather(d)); err != nil {
				return err
			}
		case <-proven:
			f.setState(f.partition, nil)
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// gather adds to a first delivery what else is there already and fits into a transaction.
func (f *follower) gather(first queue.Delivery) []queue.Delivery {
	all, votes := []queue.Delivery{first}, len(first.Batch.Votes)
	for votes < maxVotes {
		select {
		case d, ok := <-f.sub.Deliveries():
			if !ok {
				return all // still counted: it is known by its batch ids when it comes again
			}
			if votes += len(d.Batch.Votes); votes > maxVotes {
				f.held = &d
				return all
			}
			all = append(all, d)
		default:
			return all
		}
	}
	return all
}

// process deals with deliveries in their order. Those that are no batch are set aside; the runs between them are
// counted.
func (f *follower) process(ctx context.Context, all []queue.Delivery) error {
	from := 0
	for i, d := range all {
		if d.Err == nil {
			continue
		}
		if err := f.count(ctx, all[from:i]); err != nil {
			return err
		}
		if errors.Is(d.Err, queue.ErrVersion) {
			return d.Err
		}
		f.aside.Go(func() { // what follows does not wait for it
			if f.deadLetter(ctx, d, d.Err) == nil {
				f.ack(d)
			}
		})
		from = i + 1
	}
	return f.count(ctx, all[from:])
}

// count commits a run of batches, acknowledges, answers and announces.
func (f *follower) count(ctx context.Context, run []queue.Delivery) error {
	if len(run) == 0 {
		return nil
	}
	outcome, err := f.commit(ctx, run)
	if ctx.Err() == nil && fault.CodeOf(err) == fault.Invalid {
		return f.isolate(ctx, run, err)
	}
	if err != nil {
		return err
	}
	faultPoint("committed")
	return f.conclude(ctx, run, outcome)
}

// conclude acknowledges what was counted, answers and announces. The commit stands: nothing here may fail it, and a stop does
// not cut it short.
func (f *follower) conclude(ctx context.Context, run []queue.Delivery, outcome poll.Outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyTimeout)
	defer cancel()
	ackErr := f.sub.Ack(run[len(run)-1].Tag)
	f.reply(ctx, run, outcome)
	f.news.add(outcome.Changed)
	return ackErr
}

// commit has the store count a run, as often as it takes: the batch ids make that safe. Acknowledged votes are kept
// whatever the database says, but for data that it cannot take (Invalid); after a fault that is no passing one, such as
// a schema that is not ours, the partition waits, and the worker is not ready. A transaction under way is finished
// when ctx ends; no new one is begun.
func (f *follower) commit(ctx context.Context, run []queue.Delivery) (poll.Outcome, error) {
	batches := make([]poll.Batch, len(run))
	for i, d := range run {
		batches[i] = d.Batch
	}
	var retry backoff
	faulty := false
	for {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTimeout)
		outcome, err := f.store.Count(once, f.partition, batches)
		cancel()
		if err == nil || fault.CodeOf(err) == fault.Invalid {
			if faulty {
				f.setState(f.partition, nil)
			}
			return outcome, err
		}
		level := slog.LevelWarn
		if fault.CodeOf(err) != fault.Unavailable {
			level, faulty = slog.LevelError, true
			f.setState(f.partition, err)
			retry.long()
		}
		f.logger.Log(ctx, level, "counting failed; trying again", "partition", f.partition, "batches", len(run), "error", err)
		if !retry.wait(ctx) {
			return poll.Outcome{}, err
		}
	}
}

// isolate counts the batches of a run one by one, after the store could not take the data of one of them, and the votes of
// that one in parts, so that nobody suffers for the vote that is to blame.
func (f *follower) isolate(ctx context.Context, run []queue.Delivery, cause error) error {
	if len(run) > 1 {
		for i := range run {
			if err := f.count(ctx, run[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	d := run[0]
	if len(d.Batch.Votes) < 2 || d.Batch.Replayed { // of a replayed batch the votes must be seen together
		if err := f.deadLetter(ctx, d, cause); err != nil {
			return err
		}
		f.ack(d)
		return nil
	}
	outcome := poll.Outcome{Verdicts: [][]poll.Verdict{nil}}
	if err := f.split(ctx, d, d.Batch, &outcome); err != nil {
		return err
	}
	// Now the whole is recorded as well, last: until then a redelivery finds its way through the same parts again.
	if _, err := f.commit(ctx, []queue.Delivery{{Batch: poll.Batch{ID: d.Batch.ID}}}); err != nil {
		return err
	}
	return f.conclude(ctx, run, outcome)
}

// split counts the halves of a batch that the store refuses, and their halves, in order, each under an id that follows from
// the batch's. A vote that is refused alone is set aside as a batch of its own and has no verdict: it was acknowledged, may
// be, and whoever mends the store can replay it. Nothing overtakes it on its way there, since it has a place in the order.
func (f *follower) split(ctx context.Context, d queue.Delivery, b poll.Batch, whole *poll.Outcome) error {
	half := len(b.Votes) / 2
	for i, votes := range [][]poll.Vote{b.Votes[:half], b.Votes[half:]} {
		part := d
		part.Batch = poll.Batch{ID: uuid.NewSHA1(b.ID, []byte{byte(i)}), Votes: votes}
		outcome, err := f.commit(ctx, []queue.Delivery{part})
		verdicts := make([]poll.Verdict, len(votes)) // not known
		switch {
		case err == nil:
			copy(verdicts, outcome.Verdicts[0]) // nil: counted before
			whole.Changed = append(whole.Changed, outcome.Changed...)
		case ctx.Err() != nil || fault.CodeOf(err) != fault.Invalid:
			return err
		case len(votes) > 1:
			if err := f.split(ctx, d, part.Batch, whole); err != nil {
				return err
			}
			continue
		default:
			f.logger.Error("a vote cannot be counted", "partition", f.partition, "vote_id", votes[0].ID, "poll_id", votes[0].PollID, "error", err)
			if err := f.deadLetter(ctx, part, err); err != nil {
				return err
			}
		}
		whole.Verdicts[0] = append(whole.Verdicts[0], verdicts...)
	}
	return nil
}

// deadLetter sets an entry aside. After a nil error it is kept, and may be acknowledged.
func (f *follower) deadLetter(ctx context.Context, d queue.Delivery, reason error) error {
	f.logger.Error("setting an entry of the log aside", "partition", f.partition, "reason", reason)
	var retry backoff
	for {
		err := f.sub.DeadLetter(ctx, d, reason.Error())
		if err == nil {
			return nil
		}
		f.logger.Warn("not set aside; trying again", "partition", f.partition, "error", err)
		if !retry.wait(ctx) {
			return err
		}
	}
}

// ack acknowledges an entry that was set aside. If that fails the subscription has ended, which is noticed elsewhere.
func (f *follower) ack(d queue.Delivery) {
	if err := f.sub.Ack(d.Tag); err != nil {
		f.logger.Warn("an entry that was set aside will come again", "partition", f.partition, "error", err)
	}
}

// reply answers every batch that was counted now and whose publisher may wait: one message for each publisher.
func (f *follower) reply(ctx context.Context, run []queue.Delivery, outcome poll.Outcome) {
	replies := map[string][]queue.Reply{}
	for i, d := range run {
		if d.ReplyTo != "" && len(outcome.Verdicts[i]) > 0 {
			replies[d.ReplyTo] = append(replies[d.ReplyTo], queue.Reply{BatchID: d.Batch.ID, Verdicts: outcome.Verdicts[i]})
		}
	}
	for to, rs := range replies {
		if err := f.sub.Reply(ctx, to, rs...); err != nil {
			f.logger.Debug("verdicts lost", "partition", f.partition, "batches", len(rs), "error", err)
		}
	}
}
