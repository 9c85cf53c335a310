package rabbitmq_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

const patience = 30 * time.Second

// numbered is an entry that carries a small number.
func numbered(n int) queue.Entry {
	return queue.Entry{ID: uuid.New(), Type: 1, Body: binary.AppendUvarint(nil, uint64(n))}
}

func numberOf(e queue.Entry) int {
	n, _ := binary.Uvarint(e.Body)
	return int(n)
}

// large is an entry of about 250 KB.
func large() queue.Entry {
	return queue.Entry{ID: uuid.New(), Type: 1,
		Body: make([]byte, 250<<10)}
}

func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "waited too long")
		panic("unreachable")
	}
}

// watcher lets tests wait for a log line.
type watcher struct {
	slog.Handler
	mu    sync.Mutex
	lines map[string]int
	more  chan struct{}
}

func watch(t testing.TB) *watcher {
	return &watcher{Handler: slog.NewTextHandler(t.Output(), nil), lines: map[string]int{},
		more: make(chan struct{})}
}

func (w *watcher) Handle(ctx context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "connection" {
			line += " " + a.Value.String()
		}
		return true
	})
	w.mu.Lock()
	w.lines[line]++
	close(w.more)
	w.more = make(chan struct{})
	w.mu.Unlock()
	return w.Handler.Handle(ctx, r)
}

// saw waits until a line was logged n times.
func (w *watcher) saw(t testing.TB, n int, line string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		w.mu.Lock()
		seen, more := w.lines[line], w.more
		w.mu.Unlock()
		if seen >= n {
			return
		}
		select {
		case <-more:
		case <-timeout:
			require.FailNow(t, "not logged: "+line)
		}
	}
}

func TestUnderAMemoryAlarmBatchesAreRefusedAndCountingGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker of its own")
	}
	t.Parallel()
	broker, err := stack.Start(t.Context(), stack.Config{Parts: stack.RabbitMQ})
	require.NoError(t, err)
	defer func() { require.NoError(t, broker.Close()) }()
	lines := watch(t)
	l := open(t, rabbitmq.Config{URLs: broker.AMQPURLs, Logger: slog.New(lines)})
	defer l.Close()
	for i := range 1000 { // more than a prefetch: the queue must drain while the alarm is on
		outcome := make(chan error, 1)
		require.NoError(t, l.Publish(t.Context(), 0, numbered(i),
			func(err error) { outcome <- err }))
		require.NoError(t, receive(t, outcome))
	}

	_, err = broker.Rabbitmqctl(t.Context(), 0, "set_vm_memory_high_watermark", "0.0001")
	require.NoError(t, err)
	late := make(chan error, 1) // the broker says that it blocks when somebody publishes
	require.NoError(t, l.Publish(t.Context(), 0, numbered(1000), func(err error) { late <- err }))
	lines.saw(t, 1, "rabbitmq: the broker takes no messages for now publishing")
	started := time.Now()
	require.ErrorIs(t, l.Publish(t.Context(), 0, numbered(1001), func(error) {}), queue.ErrRefused)
	require.Less(t, time.Since(started), 5*time.Second, "at once, but for a busy machine")
	require.ErrorContains(t, l.Ping(t.Context()),
		"publishing connection: the broker takes no messages")

	sub, err := l.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	for i := range 1000 {
		d := receive(t, sub.Deliveries())
		require.EqualValues(t, i, numberOf(d.Entry))
		// gets lost, and waits for nothing
		_ = sub.Reply(t.Context(), d.ReplyTo, queue.Reply{EntryID: d.Entry.ID})
		require.NoError(t, sub.Ack(d.Tag))
	}

	_, err = broker.Rabbitmqctl(t.Context(), 0, "set_vm_memory_high_watermark", "0.6")
	require.NoError(t, err)
	lines.saw(t, 1, "rabbitmq: the broker takes messages again publishing")
	require.NoError(t, receive(t, late), "what was written before is kept after all")
	outcome := make(chan error, 1)
	require.NoError(t, l.Publish(t.Context(), 0, numbered(1002),
		func(err error) { outcome <- err }))
	require.NoError(t, receive(t, outcome))
	require.NoError(t, l.Ping(t.Context()))

	_, err = broker.Rabbitmqctl(t.Context(), 0, "close_all_connections", "an operator's reason")
	require.NoError(t, err)
	for _, name := range []string{"publishing", "consuming", "speaking"} {
		lines.saw(t, 2, "rabbitmq: connected "+name)
	}
	require.NoError(t, l.Ping(t.Context()))
}

func TestALogCanBeClosedWhileTheBrokerTakesNoBytes(t *testing.T) {
	p := newProxy(t, stack.RabbitMQURL(t))
	l := open(t, rabbitmq.Config{URLs: []string{p.url}})
	p.StallIn()
	outcomes := stall(t, l)
	require.NoError(t, l.Close())
	for range cap(outcomes) {
		require.ErrorIs(t, receive(t, outcomes), queue.ErrUnknown)
	}
}

// stall publishes until the connection takes no more bytes. The outcomes of what was promised fill
// the channel.
func stall(t testing.TB, l log) chan error {
	outcomes := make(chan error, 10_000)
	for promised := 0; ; promised++ {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		started := time.Now()
		err := l.Publish(ctx, 0, large(), func(err error) { outcomes <- err })
		took := time.Since(started)
		cancel()
		require.Less(t, took, 5*time.Second, "it waits no longer than it may")
		if err != nil {
			require.ErrorIs(t, err, queue.ErrUnknown, "it was being written")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			all := make(chan error, promised)
			go func() {
				for range promised {
					all <- <-outcomes
				}
			}()
			return all
		}
	}
}

func TestAPublishNeverWaitsLongerThanItMayThoughTheConnectionTakesNoBytes(t *testing.T) {
	p := newProxy(t, stack.RabbitMQURL(t))
	l := open(t, rabbitmq.Config{URLs: []string{p.url}, WriteTimeout: 2 * time.Second})
	defer l.Close()
	p.StallIn()
	outcomes := stall(t, l)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.Publish(ctx, 0, numbered(1), func(error) { t.Error("confirmed") }),
		queue.ErrRefused, "behind the one that is being written")
	for range cap(outcomes) { // the connection is given up after a while
		require.ErrorIs(t, receive(t, outcomes), queue.ErrUnknown)
	}
}

func TestABatchThatWasAbandonedWhileItWasWrittenIsNeverConfirmed(t *testing.T) {
	p := newProxy(t, stack.RabbitMQURL(t))
	l := open(t, rabbitmq.Config{URLs: []string{p.url}})
	defer l.Close()
	p.StallIn()
	outcomes := stall(t, l)
	p.Flow()
	for range cap(outcomes) {
		require.NoError(t, receive(t, outcomes))
	}
	outcome := make(chan error, 1)
	require.NoError(t, l.Publish(t.Context(), 0, numbered(1), func(err error) { outcome <- err }))
	require.NoError(t, receive(t, outcome), "the log works on, behind the abandoned one")
	require.Empty(t, outcomes)
}

func TestOpenWaitsForTheBroker(t *testing.T) {
	p := newProxy(t, stack.RabbitMQURL(t))
	p.Refuse(true)
	lines := watch(t)
	opened := make(chan log)
	go func() {
		opened <- open(t,
			rabbitmq.Config{URLs: []string{p.url}, Logger: slog.New(lines)})
	}()
	lines.saw(t, 3, "rabbitmq: waiting to connect again publishing")
	p.Refuse(false)
	l := receive(t, opened)
	require.NoError(t, l.Ping(t.Context()))
	require.NoError(t, l.Close())
}

func TestOpenThatMayWaitNoLongerSaysForWhat(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := rabbitmq.Open(ctx, rabbitmq.Config{
		URLs: []string{"amqp://plenary:secret@127.0.0.1:1/"}, Partitions: 1,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorContains(t, err, "publishing connection: connect to 127.0.0.1:1: ")
	require.NotContains(t, err.Error(), "secret")
}

func TestAQueueWithOtherPropertiesStopsTheStartAndIsLeftAlone(t *testing.T) {
	url := stack.RabbitMQURL(t)
	l := open(t, rabbitmq.Config{URLs: []string{url}, MaxQueueBytes: 1 << 20})
	outcome := make(chan error, 1)
	require.NoError(t, l.Publish(t.Context(), 0, numbered(1), func(err error) { outcome <- err }))
	require.NoError(t, receive(t, outcome))
	require.NoError(t, l.Close())
	_, err := rabbitmq.Open(t.Context(), rabbitmq.Config{
		URLs: []string{url}, Streams: []string{"votes"}, Partitions: 1, MaxQueueBytes: 2 << 20,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorContains(t, err,
		`the queue "plenary.votes.0" is there with other properties than these settings ask for: `+
			`set them as before`)
	l = open(t, rabbitmq.Config{URLs: []string{url}, MaxQueueBytes: 1 << 20})
	defer l.Close()
	sub, err := l.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, numberOf(receive(t, sub.Deliveries()).Entry))
}

func TestADeadLetterKeepsItsPropertiesAndSaysWhereItComesFrom(t *testing.T) {
	url := stack.RabbitMQURL(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	l := open(t, rabbitmq.Config{URLs: []string{url}, Now: func() time.Time { return now }})
	defer l.Close()
	raw(t, url, func(ch *amqp.Channel) {
		require.NoError(t, ch.Publish("", votesQueue(0), true, false, amqp.Publishing{
			Headers: amqp.Table{"theirs": "kept"}, ContentType: "text/plain",
			ContentEncoding: "utf-8", CorrelationId: "c", ReplyTo: "r",
			MessageId: "m", Timestamp: now.Truncate(time.Second), Type: "t", AppId: "a",
			Expiration: "3600000", Body: []byte("junk"),
		}))
	})
	sub, err := l.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	d := receive(t, sub.Deliveries())
	require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
	letters := deadLetters(t, url)
	require.Len(t, letters, 1)
	got := letters[0]
	require.Equal(t, []string{"text/plain", "utf-8", "c", "r", "m", "t", "a", "junk", ""},
		[]string{got.ContentType, got.ContentEncoding, got.CorrelationId, got.ReplyTo,
			got.MessageId, got.Type, got.AppId, string(got.Body), got.Expiration})
	require.Equal(t, now.Truncate(time.Second), got.Timestamp.UTC())
	require.Subset(t, got.Headers, amqp.Table{
		"theirs": "kept", "x-plenary-reason": "why", "x-plenary-queue": votesQueue(0),
		"x-plenary-time":         "2026-01-02T03:04:05.000000006Z",
		"x-plenary-delivery-tag": int64(1), "x-plenary-redelivered": false,
		"x-plenary-first-time": "2026-01-02T03:04:05.000000006Z",
	})
}

func TestAnnouncementsThatAreNotOursAreIgnoredAndNewerOrLostOnesMeanAnything(t *testing.T) {
	url := stack.RabbitMQURL(t)
	l := open(t, rabbitmq.Config{URLs: []string{url}})
	defer l.Close()
	changes := l.Bus().Subscribe(t.Context())
	raw(t, url, func(ch *amqp.Channel) {
		const sender, change = "PLB\x01" + "a sender", "0123456789abcdef" + "fedcba9876543210"
		for _, body := range []string{
			"", "junk", "PLB\x00", "PLB\x01cut off", "PLB\x02 whatever comes",
			sender + "\x01" + change + "\x07" + "\x80\x02",
			sender + "\x02" + change + "\x08" + "\x00",
			sender + "\x04" + change + "\x09" + "\x00",
		} {
			require.NoError(t, ch.Publish("plenary.bus", "", false, false,
				amqp.Publishing{Body: []byte(body)}))
		}
	})
	want := bus.Change{Thing: uuid.UUID([]byte("0123456789abcdef")),
		Part: uuid.UUID([]byte("fedcba9876543210"))}
	require.Equal(t, bus.Change{}, receive(t, changes), "of the newer version")
	want.Version, want.Revision = 7, 256
	require.Equal(t, want, receive(t, changes))
	want.Version, want.Revision = 8, 0
	require.Equal(t, want, receive(t, changes))
	require.Equal(t, bus.Change{}, receive(t, changes), "the sender's third got lost")
	want.Version = 9
	require.Equal(t, want, receive(t, changes))
}

func TestASettingThatCannotBeStopsTheStart(t *testing.T) {
	for want, c := range map[string]rabbitmq.Config{
		"a URL is missing": {Partitions: 1},
		"URL 2 is not one": {Partitions: 1,
			URLs: []string{"amqp://a/", "amqp://user:secret@host:port/"}},
		`cannot be called "Votes"`: {URLs: []string{"amqp://a/"}, Partitions: 1,
			Streams: []string{"Votes"}},
		"257 partitions of 0 bytes": {Partitions: 257, URLs: []string{"amqp://a/"}},

		"0 partitions of 0 bytes":  {URLs: []string{"amqp://a/"}},
		"1 partitions of -1 bytes": {URLs: []string{"amqp://a/"}, Partitions: 1, MaxQueueBytes: -1},
	} {
		_, err := rabbitmq.Open(t.Context(), c)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}
