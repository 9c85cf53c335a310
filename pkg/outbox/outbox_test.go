package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/outbox"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAFactIsACloudEvent(t *testing.T) {
	f := outbox.Fact{
		ID: uuid.UUID{15: 1}, Type: "plenary.form.response.created", Source: "/forms/1",
		Subject: "2", At: 1_700_000_000_120, Data: json.RawMessage(`{"text":"«ü»"}`),
	}
	event, err := f.Event()
	require.NoError(t, err)
	require.JSONEq(t, `{"specversion": "1.0", "id": "00000000-0000-0000-0000-000000000001",
		"source": "/forms/1", "type": "plenary.form.response.created", "subject": "2",
		"time": "2023-11-14T22:13:20.120Z", "datacontenttype": "application/json",
		"data": {"text": "«ü»"}}`, string(event))
	f.Data = json.RawMessage(`{`)
	_, err = f.Event()
	require.Error(t, err)
}

func TestTriesAreQuickThenGrowAndEndAfterAboutADay(t *testing.T) {
	begin := time.UnixMilli(1_700_000_000_000)
	at, pauses := begin, []time.Duration(nil)
	for tries := 1; ; tries++ {
		r := outbox.ResultOf(&outbox.Delivery{Tries: tries}, errors.New("no"), at)
		require.Equal(t, tries, r.Tries)
		require.Equal(t, "no", r.Error)
		if r.State == outbox.Failed {
			require.Equal(t, outbox.MaxTries, tries)
			break
		}
		require.Equal(t, outbox.Pending, r.State)
		next := time.UnixMilli(r.DueAt)
		pauses = append(pauses, next.Sub(at))
		at = next
	}
	require.Equal(t, []time.Duration{time.Second, 5 * time.Second, time.Minute}, pauses[:3])
	require.IsNonDecreasing(t, pauses)
	require.InDelta(t, 24*time.Hour, at.Sub(begin), float64(time.Hour))

	d := &outbox.Delivery{Tries: 1}
	require.Equal(t, outbox.Delivered, outbox.ResultOf(d, nil, at).State)
	for _, err := range []error{outbox.ErrRefused, fmt.Errorf("410: %w", outbox.ErrGone)} {
		require.Equal(t, outbox.Failed, outbox.ResultOf(d, err, at).State)
	}
	later := &fault.Error{Code: fault.Unavailable, Wait: time.Hour}
	require.Equal(t, at.Add(time.Hour).UnixMilli(), outbox.ResultOf(d, later, at).DueAt)
	later.Wait = 1000 * time.Hour
	require.Equal(t, at.Add(8*time.Hour).UnixMilli(), outbox.ResultOf(d, later, at).DueAt,
		"a sink does not put off a try for ever")
	long := outbox.ResultOf(d, errors.New(strings.Repeat("a", 1<<16)), at)
	require.Len(t, long.Error, 500)
}

// post is a dispatcher over a store in a file, with a sink that the test plays.
type post struct {
	db *sqlite.DB
	*sqlite.Outbox
	*outbox.Dispatcher

	mu   sync.Mutex
	time time.Time
	says map[uuid.UUID]error // of integrations
	hold map[uuid.UUID]chan struct{}
	sent []outbox.Delivery
}

func open(t *testing.T) *post {
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	p := &post{
		db: db, Outbox: sqlite.NewOutbox(db), time: time.UnixMilli(1_700_000_000_000),
		says: map[uuid.UUID]error{}, hold: map[uuid.UUID]chan struct{}{},
	}
	sink := outbox.Sink{Name: "hook", Each: 3, Deliver: p.deliver}
	p.Dispatcher = outbox.NewDispatcher(p, sink, slog.New(slog.DiscardHandler)).At(p.now)
	return p
}

func (p *post) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.time
}

func (p *post) later(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.time = p.time.Add(d)
}

func (p *post) deliver(ctx context.Context, job outbox.Job) []error {
	p.mu.Lock()
	hold, err := p.hold[job.Integration.ID], p.says[job.Integration.ID]
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(job.Deliveries))
	for i := range errs {
		errs[i] = err
	}
	p.sent = append(p.sent, job.Deliveries...)
	return errs
}

func (p *post) add(t *testing.T) outbox.Integration {
	i := outbox.Integration{ID: commit.NewID(), Thing: uuid.UUID{15: 1}, Sink: "hook"}
	require.NoError(t, p.AddIntegration(t.Context(), i))
	return i
}

func (p *post) put(t *testing.T, n int) {
	err := p.db.Write(t.Context(), "test", func(tx *sqlx.Tx) error {
		for range n {
			f := outbox.Fact{
				ID: commit.NewID(), Type: "a", Thing: uuid.UUID{15: 1}, At: 1,
				Data: json.RawMessage(`{}`),
			}
			if err := sqlite.Put(t.Context(), tx, []outbox.Fact{f}); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(t, err)
}

// once begins what is due, and waits for it.
func (p *post) once(t *testing.T, want int) {
	t.Helper()
	n, err := p.Dispatcher.Once(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, n)
	p.Dispatcher.Idle()
}

func (p *post) states(t *testing.T, i outbox.Integration) (states []outbox.State) {
	all, err := p.Deliveries(t.Context(), i.ID, 0, 99)
	require.NoError(t, err)
	for _, d := range all {
		states = append(states, d.State)
	}
	return states
}

func TestWhatIsDueIsDeliveredOnce(t *testing.T) {
	p := open(t)
	i := p.add(t)
	p.once(t, 0)
	p.put(t, 5)
	p.once(t, 1)
	p.once(t, 1)
	p.once(t, 0)
	require.Len(t, p.sent, 5)
	for n := 1; n < 5; n++ {
		require.Less(t, p.sent[n-1].Place, p.sent[n].Place)
	}
	p.later(time.Hour)
	p.once(t, 0)
	require.Equal(t, []outbox.State{1, 1, 1, 1, 1}, p.states(t, i))
}

func TestWhatFailsIsTriedAgainUntilItIsGivenUp(t *testing.T) {
	p := open(t)
	i := p.add(t)
	p.says[i.ID] = errors.New("away")
	p.put(t, 1)
	p.once(t, 1)
	p.once(t, 0)
	p.later(time.Second)
	p.once(t, 1)
	p.says[i.ID] = nil
	p.later(5 * time.Second)
	p.once(t, 1)
	require.Equal(t, []outbox.State{outbox.Delivered}, p.states(t, i))
	p.says[i.ID] = errors.New("away")
	p.put(t, 1)
	for range outbox.MaxTries {
		p.once(t, 1)
		p.later(8 * time.Hour)
	}
	p.once(t, 0)
	require.Equal(t, []outbox.State{outbox.Failed, outbox.Delivered}, p.states(t, i))
	all, err := p.Deliveries(t.Context(), i.ID, 0, 1)
	require.NoError(t, err)
	require.Equal(t, "away", all[0].Error)
	require.Equal(t, outbox.MaxTries, all[0].Tries)
}

func TestAReceiverThatIsGoneIsSwitchedOff(t *testing.T) {
	p := open(t)
	i, other := p.add(t), p.add(t)
	p.says[i.ID] = outbox.ErrGone
	p.put(t, 4)
	p.once(t, 2)
	p.once(t, 1)
	got, err := p.Integration(t.Context(), i.ID)
	require.NoError(t, err)
	require.NotEmpty(t, got.Off)
	require.Equal(t, []outbox.State{1, 1, 1, 1}, p.states(t, other))
	require.Equal(t, []outbox.State{0, 2, 2, 2}, p.states(t, i))
}

func TestASlowReceiverHoldsUpNobodyAndIsWaitedFor(t *testing.T) {
	p := open(t)
	slow, quick := p.add(t), p.add(t)
	p.hold[slow.ID] = make(chan struct{})
	p.put(t, 9)
	dispatching := life.Loop(p.Dispatcher.Run)
	require.NoError(t, dispatching.Start())
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.sent) == 9
	}, 20*time.Second, time.Millisecond)
	for _, d := range p.sent {
		require.Equal(t, quick.ID, d.Integration)
	}
	require.NoError(t, dispatching.Stop(t.Context()))
	all, err := p.Deliveries(t.Context(), slow.ID, 0, 99)
	require.NoError(t, err)
	require.Len(t, all, 9)
	tried := 0
	for _, d := range all {
		tried += d.Tries
	}
	require.Equal(t, 3, tried, "one job of the slow one was under way")
}

func TestASinkThatSaysTooLittleHasNotDelivered(t *testing.T) {
	p := open(t)
	i := p.add(t)
	p.put(t, 1)
	silent := outbox.Sink{
		Name: "hook", Each: 1, Deliver: func(context.Context, outbox.Job) []error { return nil },
	}
	d := outbox.NewDispatcher(p, silent, slog.New(slog.DiscardHandler)).At(p.now)
	_, err := d.Once(t.Context())
	require.NoError(t, err)
	d.Idle()
	require.Equal(t, []outbox.State{outbox.Pending}, p.states(t, i))
}
