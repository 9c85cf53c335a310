package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/storetest"
)

func BenchmarkCount(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) poll.Store { return open(b, filepath.Join(b.TempDir(), "plenary.db")) })
}

func BenchmarkWords(b *testing.B) {
	storetest.BenchmarkWords(b, func(b *testing.B) poll.Store { return open(b, filepath.Join(b.TempDir(), "plenary.db")) })
}
