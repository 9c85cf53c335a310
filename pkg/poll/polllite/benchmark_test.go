package polllite

import (
	"path/filepath"
	"testing"

	"github.com/plenary-live/plenary/pkg/poll/polltest"
)

func BenchmarkCount(b *testing.B) {
	polltest.Benchmark(b, func(b *testing.B) polltest.Store {
		return open(b,
			filepath.Join(b.TempDir(), "plenary.db"))
	})
}

func BenchmarkWords(b *testing.B) {
	polltest.BenchmarkWords(b,
		func(b *testing.B) polltest.Store {
			return open(b,
				filepath.Join(b.TempDir(), "plenary.db"))
		})
}
