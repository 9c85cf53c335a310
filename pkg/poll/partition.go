package poll

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// PartitionOf gives the partition of a presentation: the one that was stored when it was made. A
// process of before did not store any (nil). Then it is that of the presentation's id among the
// original partitions, which are those of the store's first start. -1, which no log has: there are
// none yet.
func PartitionOf(presentationID uuid.UUID, stored *int, originals int) int {
	switch {
	case stored != nil:
		return *stored
	case originals < 1:
		return -1
	}
	return queue.Partition(presentationID, originals)
}
