package poll

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// sealTimeout bounds the wait for a seal's confirm.
const sealTimeout = 5 * time.Second

// PublishSeal writes a seal to its partition's log and waits for the confirm. A nil error promises
// that it is in the log. Publishing a seal again, as a new entry, does no harm.
func PublishSeal(
	ctx context.Context, log queue.Publisher, partition int, seal Seal,
) error {
	ctx, cancel := context.WithTimeout(ctx, sealTimeout)
	defer cancel()
	e, err := EncodeBatch(nil, &Batch{ID: uuid.Must(uuid.NewV7()), Seal: &seal})
	if err != nil {
		return err
	}
	confirmed := make(chan error, 1)
	if err := log.Publish(ctx, partition, e, func(err error) { confirmed <- err }); err != nil {
		return err
	}
	select {
	case err := <-confirmed:
		return err
	case <-ctx.Done():
		return queue.ErrUnknown
	}
}
