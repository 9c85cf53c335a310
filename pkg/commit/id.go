package commit

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// NewID makes a UUIDv7 (RFC 9562, section 5.7) for an entry or an item. Ids are no secrets, and
// nothing is ordered by them, so the runtime's generator does. Package uuid asks the kernel
// under a lock (BenchmarkID).
func NewID() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:],
		uint64(time.Now().UnixMilli())<<16|rand.Uint64()&0x0fff|0x7000)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id
}
