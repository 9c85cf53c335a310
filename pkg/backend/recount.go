package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
	"github.com/plenary-live/plenary/pkg/work"
)

// recountTimeout is how long a recount waits for a database that is away.
const recountTimeout = 10 * time.Second

// ErrDiffers says that a tally is not what its rows say.
var ErrDiffers = errors.New("not every tally is what its rows say")

// Recount is the command that compares the tallies of all features with their rows. It gives
// ErrDiffers where a tally differs, and stays so.
func Recount(out io.Writer) Command {
	return Command{
		Name: "recount",
		Usage: [][2]string{
			{"", "compares every tally with the rows that it counts, and says what differs"},
			{"--repair", "also sets those that differ to what the rows say"},
		},
		Run: func(
			ctx context.Context, cfg config.Config, args []string, logger *slog.Logger,
		) (err error) {
			repair := len(args) == 1 && args[0] == "--repair"
			if len(args) > 0 && !repair {
				return fmt.Errorf("recount: %w: it takes --repair, not %q", ErrUsage, args)
			}
			b := New(cfg, telemetry.NewMetrics(), logger)
			defer func() { err = errors.Join(err, b.Close()) }()
			opening, cancel := context.WithTimeout(ctx, recountTimeout)
			defer cancel()
			if err := b.OpenDatabase(opening); err != nil {
				return err
			}
			return b.recount(ctx, repair, out)
		},
	}
}

func (b *Backend) recount(ctx context.Context, repair bool, out io.Writer) error {
	left := 0
	say := func(format string, args ...any) error {
		_, err := fmt.Fprintf(out, format+"\n", args...)
		return err
	}
	for _, r := range b.recounters() {
		differing, mended := 0, 0
		var saying error
		n, err := r.Recount(ctx, repair, func(d work.Difference) {
			differing++
			became := ""
			if d.Mended {
				mended++
				became = "; mended"
			}
			saying = errors.Join(saying, say("%s: %s: %s: the tally is %v, the rows say %v%s",
				r.feature, d.Thing, d.What, d.Tally, d.Rows, became))
		})
		if err = errors.Join(err, saying); err != nil {
			return fmt.Errorf("%s: %w", r.feature, err)
		}
		left += differing - mended
		if err := say("%s: %d compared, %d differed, %d mended", r.feature, n, differing,
			mended); err != nil {
			return err
		}
	}
	if left > 0 {
		return fmt.Errorf("%w: %d; recount --repair mends them", ErrDiffers, left)
	}
	return nil
}
