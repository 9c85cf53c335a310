package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// scene is who votes when, and what becomes of what is published, one after the other.
type scene struct {
	votes []sceneVote
	fates []fate
}

type sceneVote struct {
	at, gone time.Duration // gone: how long after that the voter is; 0: never
	key      string
	async    bool
	verdict  poll.Verdict
}

type fate struct {
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
		return rapid.SampledFrom([]time.Duration{0, ms(label, 30), ms(label, 1500), ms(label, 4500), never}).Draw(t, label)
	}
	verdicts := []poll.Verdict{poll.Counted, poll.Counted, poll.Superseded, poll.Late, poll.Rejected}
	var s scene
	span := rapid.SampledFrom([]int{20, 600, 3000}).Draw(t, "span")
	for range rapid.IntRange(1, 60).Draw(t, "votes") {
		v := sceneVote{
			at:      ms("at", span),
			key:     rapid.SampledFrom([]string{"A", "A", "A", "B", "B", "Z"}).Draw(t, "key"),
			async:   rapid.Bool().Draw(t, "async"),
			verdict: rapid.SampledFrom(verdicts).Draw(t, "verdict"),
		}
		if rapid.IntRange(0, 3).Draw(t, "leaves") == 0 {
			v.gone = ms("gone", 6000) + 1
		}
		s.votes = append(s.votes, v)
	}
	for range rapid.IntRange(1, 6).Draw(t, "fates") {
		s.fates = append(s.fates, fate{
			deaf:    rapid.IntRange(0, 15).Draw(t, "deaf") == 0,
			err:     rapid.SampledFrom([]error{nil, nil, nil, nil, nil, nil, queue.ErrRefused, queue.ErrUnknown}).Draw(t, "publish"),
			become:  rapid.SampledFrom([]error{nil, nil, nil, nil, queue.ErrUnknown, queue.ErrRefused}).Draw(t, "become"),
			confirm: soon("confirm"),
			reply:   soon("reply"),
		})
	}
	return s
}

// apart gives every event its own nanosecond, so that no two happen at once, which might go one way or the other.
func apart(kind, i int) time.Duration {
	return time.Duration(rand.New(rand.NewPCG(uint64(kind), uint64(i))).IntN(int(time.Millisecond)))
}

// sceneLog plays the fates.
type sceneLog struct {
	scene
	published int
	ids       map[int64]uuid.UUID // of the votes that were written
	replies   chan queue.Reply
}

func (l *sceneLog) Publish(ctx context.Context, _ int, b poll.Batch, confirmed func(error)) error {
	k := l.published
	f := l.fates[k%len(l.fates)]
	l.published++
	if f.deaf {
		<-ctx.Done()
		return queue.ErrRefused
	}
	verdicts := make([]poll.Verdict, len(b.Votes))
	for i, v := range b.Votes {
		verdicts[i], l.ids[v.Seq] = l.votes[v.Seq-1].verdict, v.ID
	}
	if f.reply != never && !errors.Is(f.err, queue.ErrRefused) && !errors.Is(f.become, queue.ErrRefused) {
		go func() {
			time.Sleep(f.reply + apart(1, k))
			l.replies <- queue.Reply{BatchID: b.ID, Verdicts: verdicts}
		}()
	}
	if f.err == nil && f.confirm != never {
		go func() {
			time.Sleep(f.confirm + apart(2, k))
			confirmed(f.become)
		}()
	}
	return f.err
}

func (l *sceneLog) Replies() <-chan queue.Reply { return l.replies }

// end is how a vote ended.
type end struct {
	taken   bool // else it was refused before it was one
	verdict poll.Verdict
	kind    fault.Code
	err     string
	took    time.Duration
}

// play plays a scene. take says who votes by Take, leave whether voters leave.
func (s scene) play(t *testing.T, take func(i int) bool, leave bool) []end {
	ends := make([]end, len(s.votes))
	synctest.Test(t, func(t *testing.T) {
		log := &sceneLog{scene: s, ids: make(map[int64]uuid.UUID), replies: make(chan queue.Reply)}
		in := New(newKnownDisplay(), nil, log, 1, 1000, time.Now)
		receipts, hearings := make([]Receipt, len(s.votes)), make([]*hearing, len(s.votes))
		var voting sync.WaitGroup
		for i, v := range s.votes {
			voting.Go(func() {
				time.Sleep(v.at + apart(3, i))
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if leave && v.gone > 0 {
					time.AfterFunc(v.gone+apart(4, i), cancel)
				}
				ballot := Ballot{PollID: pollID, Keys: []string{v.key}, VoterID: uuid.UUID{15: byte(i % 7)}, Seq: int64(i + 1)}
				h := newHearing()
				if !take(i) {
					h.Heard(in.Cast(ctx, talk, ballot, Wait{For: DefaultWait, Async: v.async}))
				} else if !in.Take(ctx, talk, ballot, v.async, h) {
					return
				}
				got := <-h.heard
				hearings[i], receipts[i] = h, got.receipt
				if got.receipt.VoteID == uuid.Nil { // Cast says why it was not taken
					require.Zero(t, got.took)
					return
				}
				ends[i] = end{true, got.receipt.Verdict, fault.CodeOf(got.err), fmt.Sprint(got.err), got.took}
			})
		}
		voting.Wait()
		time.Sleep(3 * Deadline) // the log has nothing left to say
		in.Close()
		close(log.replies)
		in.Wait()
		for i := range s.votes {
			if ends[i].taken {
				require.EqualValues(t, 1, hearings[i].told.Load())
			}
			if id, ok := log.ids[int64(i+1)]; ok {
				require.Equal(t, id, receipts[i].VoteID)
			}
		}
		require.Zero(t, in.Waiting())
		require.Zero(t, in.batchers[0].held)
		require.Empty(t, in.batchers[0].voters)
	})
	return ends
}

func TestTakeSaysWhatCastSaysAtTheSameMoment(t *testing.T) {
	everybody, nobody := func(int) bool { return true }, func(int) bool { return false }
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		staying, cast := s.play(t, nobody, false), s.play(t, nobody, true)
		require.Equal(rt, staying, s.play(t, everybody, false))
		half, all := s.play(t, func(i int) bool { return i%2 == 0 }, true), s.play(t, everybody, true)
		for i, v := range s.votes {
			gone := v.gone + apart(4, i)
			if v.gone == 0 {
				gone = never
			}
			requireLikeCast(rt, all[i], cast[i], staying[i], gone)
			if i%2 == 0 {
				requireLikeCast(rt, half[i], cast[i], staying[i], gone)
			} else {
				require.Equal(rt, cast[i], half[i], "who else is taken changes nothing")
			}
		}
	})
}

// requireLikeCast requires that Take's end is Cast's. When the voter was gone it may come later, and be the one of a voter who stays.
func requireLikeCast(t require.TestingT, take, cast, staying end, gone time.Duration) {
	if cast.took < gone {
		require.Equal(t, cast, take)
		return
	}
	require.Equal(t, gone, cast.took)
	require.GreaterOrEqual(t, take.took, gone)
	require.LessOrEqual(t, take.took, min(max(gone, DefaultWait), staying.took))
	switch {
	case take.took == staying.took && take.took < DefaultWait:
		take.err = staying.err // both may happen at once where a batch is refused after a window
		require.Equal(t, staying, take, "the answer came before anybody noticed")
	case cast.kind == (fault.Code{}):
		require.Equal(t, end{true, 0, fault.Code{}, cast.err, take.took}, take, "what is durable stays durable")
	case take.kind == (fault.Code{}):
		require.Zero(t, take.verdict)
	default:
		require.Equal(t, fault.Unavailable, take.kind)
	}
}
