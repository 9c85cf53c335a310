package live

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
)

// replica is what all topics and streams of a process share.
type replica struct {
	ctx     context.Context // of topics and streams
	logger  *slog.Logger
	slowest time.Duration  // how long a viewer may leave a write waiting
	running sync.WaitGroup // everything that has to end

	guests          guests
	open, sent, cut atomic.Int64 // streams, events written to them, streams that were cut off
	wanted          atomic.Int64 // writes a second that topics want together; see share
	wantedBytes     atomic.Int64 // and their bytes
}

// errStopping is what a hub that ends says.
var errStopping = fault.Errorf(fault.Unavailable, "stopping: send it again")
