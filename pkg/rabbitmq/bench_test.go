package rabbitmq_test

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

// BenchmarkVerdict measures an entry as large as so many votes from Publish to its reply. Some are
// under way at a time, and the reader counts nothing. votes/s is what one partition carries, p50-ms
// the median way there and back.
func BenchmarkVerdict(b *testing.B) {
	url := stack.RabbitMQURL(b)
	for _, shape := range []struct{ votes, flying int }{{1, 1}, {100, 4}, {500, 4}} {
		b.Run(fmt.Sprintf("%dvotes/%dflying", shape.votes, shape.flying), func(b *testing.B) {
			l := open(b, rabbitmq.Config{URLs: []string{url},
				Logger: slog.New(slog.DiscardHandler)})
			sub, err := l.Subscribe(b.Context(), 0)
			require.NoError(b, err)
			read := make(chan struct{})
			go func() {
				defer close(read)
				for d := range sub.Deliveries() {
					_ = sub.Ack(d.Tag)
					_ = sub.Reply(b.Context(), d.ReplyTo,
						queue.Reply{EntryID: d.Entry.ID, Body: make([]byte, shape.votes)})
				}
			}()
			started := map[uuid.UUID]time.Time{}
			var took []time.Duration
			receive := func() {
				id := (<-l.Replies()).EntryID
				took = append(took, time.Since(started[id]))
				delete(started, id)
			}
			for b.Loop() {
				e := queue.Entry{ID: uuid.New(), Type: 1, Body: make([]byte, 36*shape.votes)}
				started[e.ID] = time.Now()
				require.NoError(b, l.Publish(b.Context(), 0, e, func(error) {}))
				if len(started) == shape.flying {
					receive()
				}
			}
			for len(started) > 0 {
				receive()
			}
			slices.Sort(took)
			b.ReportMetric(float64(b.N*shape.votes)/b.Elapsed().Seconds(), "votes/s")
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			require.NoError(b, l.Close())
			<-read
		})
	}
}
