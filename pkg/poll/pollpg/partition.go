package pollpg

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// partitionColumns are what tells the partition of a presentation p.
const partitionColumns = `p.partition, CASE WHEN p.partition IS NULL
	THEN coalesce((SELECT max(id) FROM partitions WHERE original) + 1, 0) ELSE 0 END AS originals`

type partitionRow struct {
	Stored    *int `db:"partition"` // nil: a process made the presentation that did not store it
	Originals int  `db:"originals"` // of interest without it
}

func (r partitionRow) partitionOf(presentationID uuid.UUID) int {
	return poll.PartitionOf(presentationID, r.Stored, r.Originals)
}
