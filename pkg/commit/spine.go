package commit

import (
	"log/slog"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Spine is what a feature's service stands on: where its items go, how many may wait, and where it
// tells of changes.
type Spine struct {
	Log        queue.Publisher // the feature's stream
	Bus        bus.Bus
	Logger     *slog.Logger
	Partitions int // of the log, known at the start
	Spread     int // the partitions that new things are spread over
	MaxWaiting int // items without an answer; one of several partitions may hold half of them
}
