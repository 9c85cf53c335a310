package backend_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
	"github.com/plenary-live/plenary/test/stack"
)

func TestAProcessWorksWithoutAReplicaThatIsAwayAndTellsOperators(t *testing.T) {
	url := stack.PostgresURL(t)
	for reads, degraded := range map[string][]string{
		"":  nil,
		url: nil,
		url + ",postgres://u:secret@127.0.0.1:1/plenary?sslmode=disable": {"replicas"},
	} {
		settings := map[string]string{
			"PLENARY_DATABASE_URL": url, "PLENARY_DATABASE_READ_URLS": reads,
		}
		cfg, err := config.Load(func(name string) (string, bool) {
			value, ok := settings[name]
			return value, ok
		})
		require.NoError(t, err)
		var said strings.Builder
		b := backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.NewTextHandler(&said, nil)))
		require.Empty(t, b.Degraded(), "nothing is open")
		o := b.Operators("PLENARY_METRICS_ADDR", "127.0.0.1:0", func() error { return nil })
		require.NoError(t, o.Start())
		require.NoError(t, b.Open(t.Context()))
		require.Equal(t, degraded, b.Degraded())
		part := backend.Part{Name: "replicas", Kind: "postgresql", Answers: degraded == nil}
		if parts := b.Parts(t.Context()); reads == "" {
			require.Len(t, parts, 2)
		} else {
			require.Contains(t, parts, part)
		}
		code, body := asked(t, o, "/readyz")
		require.Equal(t, 200, code)
		require.Equal(t, degraded != nil, strings.Contains(body, `"degraded":["replicas"]`), body)
		_, body = asked(t, o, "/metrics")
		require.NotContains(t, body, "\nplenary_limits_alone 1\n")
		require.NoError(t, o.Stop(t.Context()))
		require.NoError(t, b.Close())
		require.Equal(t, len(degraded), strings.Count(said.String(), "127.0.0.1:1/plenary"))
		require.NotContains(t, said.String(), "secret")
	}
}
