package postgres

import (
	"context"
	"log/slog"
	"testing"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/test/stack"
)

// TestReplicasLeaveNothingBehind has a loop open replicas, one of which is away, and close them at
// its end.
func TestReplicasLeaveNothingBehind(t *testing.T) {
	url := stack.PostgresURL(t)
	primary := open(t, url)
	all := []Config{{URL: url, MaxConns: 2}, {URL: "postgres://127.0.0.1:1/none", MaxConns: 2}}
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		return lifetest.Made{Service: life.Loop(func(ctx context.Context) {
			r, err := OpenReplicas(ctx, primary, all, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Error(err)
				return
			}
			<-ctx.Done()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})}
	})
}
