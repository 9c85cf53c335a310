package chat

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/work"
)

// counter is the part of Store that an Applier needs.
type counter interface {
	Count(ctx context.Context, partitions []int, batches []Batch) (Outcome, error)
}

// Applier is the work.Applier of chats: it has the store number and count.
type Applier struct {
	store  counter
	logger *slog.Logger
}

var _ work.Applier = (*Applier)(nil)

// NewApplier makes an Applier.
func NewApplier(store counter, logger *slog.Logger) *Applier { return &Applier{store, logger} }

// Apply is the promise of work.Applier. Entries of any number of partitions go into one
// transaction. A result is a Result per item.
func (a *Applier) Apply(ctx context.Context, entries []work.Partitioned) (work.Applied, error) {
	batches, partitions := make([]Batch, len(entries)), []int(nil)
	for i, e := range entries {
		partitions = append(partitions, e.Partition)
		batches[i] = Batch{ID: e.ID, Partition: e.Partition, Replayed: e.Replayed}
		if e.Halved {
			continue
		}
		var err error
		if batches[i].Items, err = DecodeItems(e.Entry); err != nil {
			return work.Applied{}, err
		}
	}
	slices.Sort(partitions)
	outcome, err := a.store.Count(ctx, slices.Compact(partitions), batches)
	if err != nil {
		a.blame(batches, err)
		return work.Applied{}, err
	}
	results := make([][]byte, len(batches))
	for i, all := range outcome.Results {
		results[i] = encodeResults(all)
	}
	return work.Applied{Results: results, Changed: outcome.Changed}, nil
}

// blame says which item it is that the store cannot keep. Ids alone are no secrets.
func (a *Applier) blame(batches []Batch, err error) {
	if len(batches) == 1 && len(batches[0].Items) == 1 && fault.Is(err, fault.Invalid) {
		i := batches[0].Items[0]
		a.logger.Error("a message cannot be kept",
			"item_id", i.ID, "action", i.Action, "chat", i.Chat, "error", err)
	}
}

// bytesAsItem is of how much text the index costs about as much as an item without.
const bytesAsItem = 256

// Size is the promise of work.Applier: the items are messages and what is done with them. Long
// texts count as more, so that a transaction of them takes no longer than another one.
func (a *Applier) Size(e queue.Entry) int { return ItemsIn(e) + len(e.Body)/bytesAsItem }

// Halve is the promise of work.Applier.
func (a *Applier) Halve(e queue.Entry) (first, second queue.Entry, ok bool) {
	items, err := DecodeItems(e)
	if err != nil || len(items) < 2 {
		return first, second, false
	}
	half := len(items) / 2
	first.Type, first.Body, err = EncodeItems(nil, items[:half])
	if err == nil {
		second.Type, second.Body, err = EncodeItems(nil, items[half:])
	}
	first.Replayed, second.Replayed = e.Replayed, e.Replayed
	return first, second, err == nil
}

// Unknown is the promise of work.Applier: of each item there is no verdict.
func (a *Applier) Unknown(e queue.Entry) []byte { return make([]byte, ItemsIn(e)) }

// Describe is the promise of work.Applier.
func (a *Applier) Describe(e queue.Entry) string {
	items, err := DecodeItems(e)
	if err != nil {
		return "unreadable"
	}
	return fmt.Sprintf("messages, and what is done with them: %d", len(items))
}
