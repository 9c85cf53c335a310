package work

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

const (
	// maxItems is the most items of one transaction, of all partitions together.
	maxItems = 5000
	// applyTimeout bounds a transaction, so that a stop is bounded too. The store's own
	// time-outs are shorter.
	applyTimeout = 20 * time.Second
	// provenAfter is how long a partition must have given no entry of a newer version, after it
	// gave one, to count as followed again.
	provenAfter = time.Second
	// replyTimeout bounds what comes after the commit and may be lost.
	replyTimeout = 2 * time.Second
)

var errEnded = errors.New("the subscription ended")

// follow follows one partition, subscription after subscription.
func (w *Worker) follow(ctx context.Context, partition int) {
	var retry backoff
	newer := false // an entry was found that is left to a newer worker
	for ctx.Err() == nil {
		sub, err := w.stream.Subscribe(ctx, partition)
		if err == nil {
			f := follower{Worker: w, partition: partition, sub: sub, doubtful: newer}
			begun := time.Now()
			reading, stop := context.WithCancel(ctx)
			if err = f.run(reading); time.Since(begun) > maxWait {
				retry.reset() // it was no failure to begin
			}
			stop()
			f.aside.Wait()
			if closeErr := sub.Close(); closeErr != nil {
				w.logger.Warn("closing a subscription", "partition", partition, "error", closeErr)
			}
		}
		if ctx.Err() != nil {
			return
		}
		w.note(partition, err)
		w.logger.Warn("a partition is not followed; trying again",
			"partition", partition, "error", err)
		if newer = errors.Is(err, queue.ErrVersion); newer {
			retry.long()
		}
		retry.wait(ctx)
	}
}

// follower reads one subscription.
type follower struct {
	*Worker
	partition int
	sub       queue.Subscription
	aside     sync.WaitGroup  // entries on their way to the dead letters
	ahead     *queue.Delivery // came, and was too much for the transaction before
	doubtful  bool            // the last subscription ended at an entry of a newer version
	alone     bool            // what is at hand has failed: others are not applied with it
}

// run applies what is delivered, each time all that is there, until the subscription or ctx ends.
func (f *follower) run(ctx context.Context) error {
	var proven <-chan time.Time
	if f.doubtful { // that entry is delivered at once, unless a newer worker has it
		proven = time.After(provenAfter)
	} else {
		f.note(f.partition, nil)
	}
	for ctx.Err() == nil { // asked first: select picks any of what is ready
		if ahead := f.ahead; ahead != nil {
			f.ahead = nil
			if err := f.process(ctx, f.gather(*ahead)); err != nil {
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
			f.note(f.partition, nil)
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// gather adds to a first delivery what else is there already and fits into a transaction.
func (f *follower) gather(first queue.Delivery) []queue.Delivery {
	all, items := []queue.Delivery{first}, f.applier.Size(first.Entry)
	for items < maxItems {
		select {
		case d, ok := <-f.sub.Deliveries():
			if !ok {
				return all // still applied: it is known by its ids when it comes again
			}
			if items += f.applier.Size(d.Entry); items > maxItems {
				f.ahead = &d
				return all
			}
			all = append(all, d)
		default:
			return all
		}
	}
	return all
}

// process deals with deliveries in their order. Those that are no entry are set aside; the runs
// between them are applied.
func (f *follower) process(ctx context.Context, all []queue.Delivery) error {
	f.alone = false
	from := 0
	for i, d := range all {
		if d.Err == nil {
			continue
		}
		if err := f.apply(ctx, all[from:i]); err != nil {
			return err
		}
		if errors.Is(d.Err, queue.ErrVersion) {
			return d.Err
		}
		f.setAside(ctx, d, d.Err)
		from = i + 1
	}
	return f.apply(ctx, all[from:])
}

// apply commits a run of entries, acknowledges, replies and announces.
func (f *follower) apply(ctx context.Context, run []queue.Delivery) error {
	if len(run) == 0 {
		return nil
	}
	entries := make([]Partitioned, len(run))
	for i, d := range run {
		entries[i] = Partitioned{Entry: d.Entry, Partition: f.partition}
	}
	applied, err := f.commit(ctx, entries)
	if ctx.Err() == nil && blamesOne(err) {
		return f.isolate(ctx, run, err)
	}
	if err != nil {
		return err
	}
	faultPoint("committed")
	return f.conclude(ctx, run, applied)
}

// blamesOne says whether an error of the Applier is about the data of one entry.
func blamesOne(err error) bool {
	return fault.Is(err, fault.Invalid) || errors.Is(err, queue.ErrMalformed)
}

// conclude acknowledges what was applied, replies and announces. The commit stands: nothing here
// may fail it, and a stop does not cut it short.
func (f *follower) conclude(ctx context.Context, run []queue.Delivery, applied Applied) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyTimeout)
	defer cancel()
	ackErr := f.sub.Ack(run[len(run)-1].Tag)
	f.news.add(applied.Changed) // of other partitions too, whoever is slow to take replies
	f.reply(ctx, run, applied)
	return ackErr
}

// commit has entries applied, as often as it takes: their ids make that safe. What was
// confirmed is kept whatever the store says, but for data that it cannot take. After a fault
// that is no passing one, such as a schema that is not ours, the partition waits, and the worker
// is not ready. A transaction under way is finished when ctx ends; no new one is begun.
func (f *follower) commit(ctx context.Context, entries []Partitioned) (Applied, error) {
	var retry backoff
	faulty := false
	for {
		applied, err := f.combiner.apply(ctx, entries, f.alone)
		if err != nil && errors.Is(err, ctx.Err()) {
			return Applied{}, err // none was begun
		}
		if err == nil || blamesOne(err) {
			if faulty {
				f.note(f.partition, nil)
			}
			return applied, err
		}
		f.alone = true // the others get on, whatever it was
		level := slog.LevelWarn
		if !fault.Is(err, fault.Unavailable) {
			level, faulty = slog.LevelError, true
			f.note(f.partition, err)
			retry.long()
		}
		f.logger.Log(ctx, level, "entries not applied; trying again",
			"partition", f.partition, "entries", len(entries), "error", err)
		if !retry.wait(ctx) {
			return Applied{}, err
		}
	}
}

// reply sends the results of what was applied now to the publishers that may wait: one message
// for each.
func (f *follower) reply(ctx context.Context, run []queue.Delivery, applied Applied) {
	replies := map[string][]queue.Reply{}
	for i, d := range run {
		if d.ReplyTo != "" && len(applied.Results[i]) > 0 {
			r := queue.Reply{EntryID: d.Entry.ID, Body: applied.Results[i]}
			replies[d.ReplyTo] = append(replies[d.ReplyTo], r)
		}
	}
	for to, rs := range replies {
		if err := f.sub.Reply(ctx, to, rs...); err != nil {
			f.logger.Debug("replies lost", "partition", f.partition,
				"replies", len(rs), "error", err)
		}
	}
}
