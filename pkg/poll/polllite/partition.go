package polllite

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// partitionColumns are what tells the partition of a presentation p.
const partitionColumns = `p.partition, CASE WHEN p.partition IS NULL
	THEN (SELECT max(id) FROM partitions WHERE original) + 1 END AS originals`

type partitionRow struct {
	Stored    *int `db:"partition"` // nil: a process made the presentation that did not store it
	Originals *int `db:"originals"` // of interest without it; nil: there are none
}

func (r partitionRow) partitionOf(presentationID uuid.UUID) int {
	originals := 0
	if r.Originals != nil {
		originals = *r.Originals
	}
	return poll.PartitionOf(presentationID, r.Stored, originals)
}
