package work

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// isolate applies the entries of a run one by one, after the data of one of them could not be
// taken. It applies the items of that one in parts, so that no other suffers for the item that is
// to blame.
func (f *follower) isolate(ctx context.Context, run []queue.Delivery, cause error) error {
	f.alone = true // until the end of what was delivered with it
	if len(run) > 1 {
		for i := range run {
			if err := f.apply(ctx, run[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	d := run[0]
	if errors.Is(cause, queue.ErrMalformed) { // it has no place in the order
		f.sub.Hold(d.Tag)
		f.setAside(ctx, d, cause)
		return nil
	}
	var whole Applied
	result, err := f.halve(ctx, d, d.Entry, &whole)
	if errors.Is(err, errWhole) {
		if err := f.deadLetter(ctx, d, cause); err != nil {
			return err
		}
		f.ack(d)
		return nil
	}
	if err != nil {
		return err
	}
	// Now the whole is recorded as well, last: until then it finds its way through the same
	// parts again if it comes again.
	halved := Partitioned{Entry: d.Entry, Partition: f.partition, Halved: true}
	if _, err := f.commit(ctx, []Partitioned{halved}); err != nil {
		return err
	}
	whole.Results = [][]byte{result}
	return f.conclude(ctx, run, whole)
}

// errWhole says that an entry has no halves.
var errWhole = errors.New("the entry cannot be halved")

// halve applies the halves of an entry that was refused, and their halves, in order, each under an
// id that follows from the entry's. It gives the result of the entry, and adds to what has changed.
// An item that is refused alone is set aside as an entry of its own, and its result is unknown. It
// may have been acknowledged, and an operator who mends the store can replay it. Nothing overtakes
// it on its way there, since it has a place in the order.
func (f *follower) halve(
	ctx context.Context, d queue.Delivery, e queue.Entry, whole *Applied,
) (result []byte, err error) {
	a, b, ok := f.applier.Halve(e)
	if !ok {
		return nil, errWhole
	}
	for i, half := range []queue.Entry{a, b} {
		half.ID = uuid.NewSHA1(e.ID, []byte{byte(i)})
		part, err := f.applyHalf(ctx, d, half, whole)
		if err != nil {
			return nil, err
		}
		result = append(result, part...)
	}
	return result, nil
}

// applyHalf applies a half, or what can be applied of it, and gives its result.
func (f *follower) applyHalf(
	ctx context.Context, d queue.Delivery, half queue.Entry, whole *Applied,
) ([]byte, error) {
	applied, err := f.commit(ctx, []Partitioned{{Entry: half, Partition: f.partition}})
	if err == nil {
		whole.Changed = append(whole.Changed, applied.Changed...)
		if result := applied.Results[0]; len(result) > 0 {
			return result, nil
		}
		return f.applier.Unknown(half), nil // applied before
	}
	if ctx.Err() != nil || !blamesOne(err) {
		return nil, err
	}
	result, halveErr := f.halve(ctx, d, half, whole)
	if !errors.Is(halveErr, errWhole) {
		return result, halveErr
	}
	d.Entry = half
	return f.applier.Unknown(half), f.deadLetter(ctx, d, err)
}

// setAside sets an entry aside that is held, and acknowledges it then. What follows does not
// wait for it.
func (f *follower) setAside(ctx context.Context, d queue.Delivery, reason error) {
	f.aside.Go(func() {
		if f.deadLetter(ctx, d, reason) == nil {
			f.ack(d)
		}
	})
}

// deadLetter keeps an entry among the dead letters. After a nil error it may be acknowledged.
func (f *follower) deadLetter(ctx context.Context, d queue.Delivery, reason error) error {
	f.logger.Error("setting an entry of the log aside",
		"partition", f.partition, "entry_id", d.Entry.ID, "holds", f.describe(d), "reason", reason)
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

func (f *follower) describe(d queue.Delivery) string {
	if d.Err != nil {
		return "no entry"
	}
	return f.applier.Describe(d.Entry)
}

// ack acknowledges an entry that was set aside. If that fails the subscription has ended, which
// is noticed elsewhere.
func (f *follower) ack(d queue.Delivery) {
	if err := f.sub.Ack(d.Tag); err != nil {
		f.logger.Warn("an entry that was set aside will come again",
			"partition", f.partition, "error", err)
	}
}
