package rabbitmq_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

// refuseSecond stands in front of a broker, before a publisher of three messages. It says what a
// broker may say whose queue was full for a moment. The second message is refused at once. The
// others are confirmed later, together, up to the third.
func refuseSecond(t *testing.T, amqpURL string) string {
	const ack, nack, upTo = 80, 120, 1
	confirm := func(channel []byte, method byte, tag uint64, bits byte) []byte {
		frame := append(append([]byte{1}, channel...), 0, 0, 0, 13, 0, 60, 0, method)
		return append(binary.BigEndian.AppendUint64(frame, tag), bits, 0xCE)
	}
	acked := map[uint64]bool{}
	return filter(t, amqpURL, func(frame []byte) []byte {
		if frame[0] != 1 || len(frame) != 21 || frame[8] != 60 || frame[10] != ack {
			return frame
		}
		tag := binary.BigEndian.Uint64(frame[11:])
		acked[tag] = true
		for ; frame[19]&upTo != 0 && tag > 0; tag-- {
			acked[tag] = true
		}
		if len(acked) < 3 {
			return nil
		}
		return append(confirm(frame[1:3], nack, 2, 0), confirm(frame[1:3], ack, 3, upTo)...)
	})
}

// filter is a proxy that passes on what it is given for each frame of the broker.
func filter(t *testing.T, amqpURL string, change func(frame []byte) []byte) string {
	u, err := url.Parse(amqpURL)
	require.NoError(t, err)
	target := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host = l.Addr().String()
	var running sync.WaitGroup
	var mu sync.Mutex // guards what change holds
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			end := func() { _, _ = client.Close(), server.Close() }
			running.Go(func() { defer end(); _, _ = io.Copy(server, client) })
			running.Go(func() {
				defer end()
				for {
					frame := make([]byte, 7)
					if _, err := io.ReadFull(server, frame); err != nil {
						return
					}
					frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame[3:])+1)...)
					if _, err := io.ReadFull(server, frame[7:]); err != nil {
						return
					}
					mu.Lock()
					frame = change(frame)
					mu.Unlock()
					if _, err := client.Write(frame); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return u.String()
}

func TestABatchThatWasRefusedIsNotTakenForKeptWhenItsNeighboursAreConfirmedTogether(t *testing.T) {
	l := open(t, rabbitmq.Config{URLs: []string{refuseSecond(t, stack.RabbitMQURL(t))}})
	defer l.Close()
	outcomes := make([]chan error, 3)
	for i := range outcomes {
		outcomes[i] = make(chan error, 1)
		require.NoError(t, l.Publish(t.Context(), 0, numbered(i),
			func(err error) { outcomes[i] <- err }))
	}
	require.NoError(t, receive(t, outcomes[0]))
	require.ErrorIs(t, receive(t, outcomes[1]), queue.ErrRefused)
	require.NoError(t, receive(t, outcomes[2]))
}

func TestABrokerThatOwesAConfirmForTooLongIsAskedAnew(t *testing.T) {
	const ack = 80
	var silent atomic.Bool
	silent.Store(true)
	url := filter(t, stack.RabbitMQURL(t), func(frame []byte) []byte {
		if silent.Load() && frame[0] == 1 && len(frame) == 21 && frame[8] == 60 &&
			frame[10] == ack {
			return nil
		}
		return frame
	})
	l := open(t, rabbitmq.Config{URLs: []string{url}, ConfirmTimeout: 200 * time.Millisecond})
	defer l.Close()
	outcome := make(chan error, 1)
	require.NoError(t, l.Publish(t.Context(), 0, numbered(0), func(err error) { outcome <- err }))
	require.ErrorIs(t, receive(t, outcome), queue.ErrUnknown,
		"it may be in the log, and nobody says so")
	silent.Store(false)
	require.Eventually(t, func() bool {
		return l.Publish(t.Context(), 0, numbered(1), func(err error) { outcome <- err }) == nil &&
			receive(t, outcome) == nil
	}, 20*time.Second, 50*time.Millisecond, "the new connection confirms")
}
