package commit

import (
	"testing"

	"github.com/google/uuid"
)

// BenchmarkID makes an id in two ways, as many requests do at once: as an item's is made, and as
// package uuid does.
func BenchmarkID(b *testing.B) {
	for name, id := range map[string]func() uuid.UUID{
		"commit": NewID, "uuid": func() uuid.UUID { return uuid.Must(uuid.NewV7()) },
	} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id()
				}
			})
		})
	}
}
