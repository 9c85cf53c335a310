package rabbitmq

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
)

// FuzzLetter reads dead letters on which anybody may have written anything.
func FuzzLetter(f *testing.F) {
	f.Add("0198c0de", "it is of no known kind", "plenary.votes.1", "2026-01-02T03:04:05.6Z",
		int64(7), "m", []byte{1, 2})
	f.Add("", "", "plenary.votes.99", "yesterday", int64(-1), "", []byte(nil))
	f.Add("", "", "plenary.votes.256", "", int64(0), "", []byte(nil))
	f.Add("", "", "plenary.votes.007", "", int64(0), "", []byte(nil))
	f.Add("", "", "plenary.chats.1", "", int64(0), "", []byte(nil))
	s := &stream{name: "votes", log: &Log{cfg: Config{Prefix: "plenary", Partitions: 4}}}
	f.Fuzz(func(t *testing.T, id, reason, origin, at string, tag int64,
		messageID string, body []byte) {
		text := amqp.Table{headerID: id, headerReason: reason, headerQueue: origin, headerTime: at,
			headerFirstTime: at, headerTag: tag}
		numbers := amqp.Table{headerID: tag, headerReason: body, headerQueue: nil, headerTime: tag,
			headerFirstTime: amqp.Table{}, headerTag: at}
		for _, headers := range []amqp.Table{text, numbers, nil} {
			d := amqp.Delivery{Headers: headers, MessageId: messageID, Body: body}
			letter := s.letter(d)
			require.NotEmpty(t, letter.ID, "each one can be named")
			require.Equal(t, letter, s.letter(d), "and is the same at every visit")
			require.Equal(t, body, letter.Raw)
			require.True(t, letter.Partition >= -1 && letter.Partition < queue.MaxPartitions)
			if letter.Partition >= 0 {
				require.Equal(t, s.queue(letter.Partition), letter.Origin)
			}
			if letter.FirstTime.IsZero() {
				require.True(t, letter.Time.IsZero())
			}
			_, err := time.Parse(time.RFC3339Nano, letter.Time.Format(time.RFC3339Nano))
			require.NoError(t, err, "a time that was read can be written")
		}
	})
}
