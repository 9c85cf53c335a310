package commit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/queue"
)

// scene is which items come when, and what becomes of what is published, one after the other.
type scene struct {
	items []sceneItem
	fates []sceneFate
}

type sceneItem struct {
	at, gone time.Duration // gone: how long after that the sender is; 0: never
	async    bool
	result   int
}

type sceneFate struct {
	deaf    bool  // the connection takes nothing
	err     error // of Publish
	confirm time.Duration
	become  error
	reply   time.Duration
}

const never = time.Hour

func drawScene(t *rapid.T) scene {
	ms := func(label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Millisecond
	}
	soon := func(label string) time.Duration {
		waits := []time.Duration{0, ms(label, 30), ms(label, 1500), ms(label, 4500), never}
		return rapid.SampledFrom(waits).Draw(t, label)
	}
	results := []int{kept, kept, replaced, late, wrong}
	none, wrong := make([]error, 4), []error{queue.ErrRefused, queue.ErrUnknown}
	var s scene
	span := rapid.SampledFrom([]int{20, 600, 3000}).Draw(t, "span")
	for range rapid.IntRange(1, 60).Draw(t, "items") {
		item := sceneItem{
			at:     ms("at", span),
			async:  rapid.Bool().Draw(t, "async"),
			result: rapid.SampledFrom(results).Draw(t, "result"),
		}
		if rapid.IntRange(0, 3).Draw(t, "leaves") == 0 {
			item.gone = ms("gone", 6000) + 1
		}
		s.items = append(s.items, item)
	}
	for range rapid.IntRange(1, 6).Draw(t, "fates") {
		s.fates = append(s.fates, sceneFate{
			deaf:    rapid.IntRange(0, 15).Draw(t, "deaf") == 0,
			err:     rapid.SampledFrom(slices.Concat(none, none[:2], wrong)).Draw(t, "publish"),
			become:  rapid.SampledFrom(slices.Concat(none, wrong)).Draw(t, "become"),
			confirm: soon("confirm"),
			reply:   soon("reply"),
		})
	}
	return s
}

// apart gives every event its own nanosecond, so that no two happen at once, which might go one
// way or the other.
func apart(kind, i int) time.Duration {
	return time.Duration(rand.New(rand.NewPCG(uint64(kind), uint64(i))).IntN(int(time.Millisecond)))
}

// sceneLog plays the fates.
type sceneLog struct {
	*committest.Stream
	scene
	published int
	playing   sync.WaitGroup
}

func (l *sceneLog) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	k := l.published
	f := l.fates[k%len(l.fates)]
	l.published++
	switch {
	case f.deaf:
		<-ctx.Done()
		return queue.ErrRefused
	case errors.Is(f.err, queue.ErrRefused):
		return f.err
	case f.err != nil: // it is in the log all the same
		confirmed = func(error) {}
	}
	if err := l.Stream.Publish(ctx, partition, e, confirmed); err != nil {
		return err
	}
	found := <-l.Entries
	l.playing.Go(func() { l.play(f, k, found) })
	return f.err
}

// play answers the entry that was published as the one at a place.
func (l *sceneLog) play(f sceneFate, place int, e *committest.Entry) {
	if f.reply != never && !errors.Is(f.become, queue.ErrRefused) {
		l.playing.Go(func() {
			time.Sleep(f.reply + apart(1, place))
			var results []int
			for _, p := range postsOf(e) {
				results = append(results, l.items[p.text[0]].result)
			}
			e.Reply(encodeResults(results...))
		})
	}
	if f.err == nil && f.confirm != never {
		time.Sleep(f.confirm + apart(2, place))
		e.Confirm(f.become)
	}
}

// end is how an item ended.
type end struct {
	result int
	kind   fault.Code
	err    string
	took   time.Duration
}

// play plays a scene. submits says which items are submitted, leave whether senders leave.
func (s scene) play(t *testing.T, submits func(i int) bool, leave bool) []end {
	ends := make([]end, len(s.items))
	committest.Bubble(t, func(t *testing.T) {
		c := config()
		c.Partitions, c.MaxWaiting = 1, 1000
		log := &sceneLog{Stream: committest.Open(1), scene: s}
		b := &bench{Group: New(log, c)}
		require.NoError(t, b.Start())
		hearings := make([]*hearing, len(s.items))
		var sending sync.WaitGroup
		for i, v := range s.items {
			sending.Go(func() {
				time.Sleep(v.at + apart(3, i))
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if leave && v.gone > 0 {
					time.AfterFunc(v.gone+apart(4, i), cancel)
				}
				item := itemOf(byte(i%7), string([]byte{byte(i)}))
				item.Partition = 0
				h := newHearing()
				hearings[i] = h
				if !submits(i) {
					result, err := b.send(ctx, item, Wait{For: DefaultWait, Async: v.async})
					h.Heard(item.Value, result, err)
				} else if err := b.try(ctx, item, v.async, h); err != nil {
					require.Zero(t, h.told.Load(), "what is not taken is not heard of")
					h.Heard(item.Value, 0, err)
				}
				got := <-h.heard
				require.Equal(t, item.Value, h.item)
				ends[i] = end{got.result, fault.CodeOf(got.err), fmt.Sprint(got.err), got.took}
			})
		}
		sending.Wait()
		time.Sleep(3 * Deadline) // the log has nothing left to say
		lifetest.Stop(t, b)
		log.Close()
		log.playing.Wait()
		for i := range s.items {
			require.EqualValues(t, 1, hearings[i].told.Load())
		}
		b.nothingIsLeft(t)
	})
	return ends
}

func TestSubmitSaysWhatCommitSaysAtTheSameMoment(t *testing.T) {
	everybody, nobody := func(int) bool { return true }, func(int) bool { return false }
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		staying, commit := s.play(t, nobody, false), s.play(t, nobody, true)
		require.Equal(rt, staying, s.play(t, everybody, false))
		half, all := s.play(t, func(i int) bool { return i%2 == 0 }, true),
			s.play(t, everybody, true)
		for i, v := range s.items {
			gone := v.gone + apart(4, i)
			if v.gone == 0 {
				gone = never
			}
			requireLikeCommit(rt, all[i], commit[i], staying[i], gone)
			if i%2 == 0 {
				requireLikeCommit(rt, half[i], commit[i], staying[i], gone)
			} else {
				require.Equal(rt, commit[i], half[i], "what else is submitted changes nothing")
			}
		}
	})
}

// requireLikeCommit requires that Submit's end is Commit's. When the sender was gone it may come
// later, and be the one of a sender that stays.
func requireLikeCommit(t require.TestingT, submit, commit, staying end, gone time.Duration) {
	if commit.took < gone {
		require.Equal(t, commit, submit)
		return
	}
	require.Equal(t, gone, commit.took)
	require.GreaterOrEqual(t, submit.took, gone)
	require.LessOrEqual(t, submit.took, min(max(gone, DefaultWait), staying.took))
	switch {
	case submit.took == staying.took && submit.took < DefaultWait:
		submit.err = staying.err // both may happen at once where a batch is refused after a stall
		require.Equal(t, staying, submit, "the answer came before anybody noticed")
	case commit.kind == (fault.Code{}):
		durable := end{0, fault.Code{}, commit.err, submit.took}
		require.Equal(t, durable, submit, "what is durable stays durable")
	case submit.kind == (fault.Code{}):
		require.Zero(t, submit.result)
	default:
		require.Equal(t, fault.Unavailable, submit.kind)
	}
}
