package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/storetest"
	"github.com/plenary-live/plenary/test/stack"
)

func BenchmarkCount(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) poll.Store {
		s, err := Open(b.Context(), Config{URL: stack.PostgresURL(b)})
		require.NoError(b, err)
		return s
	})
}
