package work

import (
	"context"

	"github.com/google/uuid"
)

// Difference is a tally that is not what its rows say.
type Difference struct {
	Thing  uuid.UUID // whose tally it is
	What   string    // is counted
	Tally  []int64   // what stands
	Rows   []int64   // what the rows say
	Mended bool      // the tally says what the rows say now
}

// Recounter compares a feature's tallies with the rows that they count.
type Recounter interface {
	// Recount compares all of them, each under the locks by which tally and rows move. So it may
	// run beside workers. It tells found of each that differs, and gives how many it compared. With
	// repair it sets those that differ to what the rows say, and raises their revisions. What was
	// found before an error stands.
	Recount(ctx context.Context, repair bool, found func(Difference)) (compared int, err error)
}
