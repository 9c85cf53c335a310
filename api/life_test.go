package main

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// greeted is told of the greeting.
type greeted chan struct{}

func (g greeted) Write(p []byte) (int, error) {
	close(g)
	return len(p), nil
}

func TestTheWholeProcessLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		out := make(greeted)
		_, process, _, err := newProcess(settings(t, map[string]string{
			"PLENARY_ADDR":         "127.0.0.1:0",
			"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "plenary.db"),
		}), quiet, io.Writer(out))
		require.NoError(t, err)
		return lifetest.Made{Service: process, Work: func() { <-out }}
	}, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}
