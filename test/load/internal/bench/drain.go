//go:build linux

package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// drained is what became of a load after wrk stopped.
type drained struct {
	counted int64
	empty   int                // rooms without a counted vote
	seconds float64            // that acknowledged votes were waited for
	cpu     map[string]float64 // used until the last vote was counted, without the idling after it
}

// wait waits until all is counted, and for settle: what wrk hung up on is counted, too.
func (d *drained) wait(ctx context.Context, c contestant, rooms []room, seen loaded) error {
	const settle = 300 * time.Millisecond
	ended := time.Now()
	moved, late := ended, false
	d.counted = -1
	return wait(ctx, 20*time.Millisecond, func() (done bool, err error) {
		n, empty, err := c.counted(ctx, rooms)
		if err != nil {
			return false, err
		}
		now := time.Now()
		d.empty = empty
		switch {
		case n < seen.acknowledged && now.Sub(ended) > drainTimeout:
			return false, fmt.Errorf("%d votes were acknowledged and %d are counted %v later",
				seen.acknowledged, n, drainTimeout)
		case n < seen.acknowledged:
			late = !c.embedded
		case late:
			d.seconds, late = now.Sub(ended).Seconds(), false
		}
		if n != d.counted {
			if d.counted >= 0 {
				moved = now
			}
			d.counted = n
			if d.cpu, err = c.cpu.cpu(); err != nil {
				return false, err
			}
		}
		return n >= seen.acknowledged && now.Sub(moved) > settle, nil
	})
}

// total reads through the API how many votes of the only room are counted.
func total(ctx context.Context, rooms []room) (int64, int, error) {
	r := rooms[0]
	var results struct{ Total int64 }
	_, err := call(ctx, "", http.MethodGet, r.URL+r.path("/polls/"+r.Poll+"/results"), nil,
		&results)
	return results.Total, 0, err
}
