package commit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/queue"
)

func requireUnavailable(t *testing.T, got answer, took time.Duration) {
	t.Helper()
	require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
	require.Zero(t, got.result)
	require.Equal(t, took, got.took)
}

func requireDurable(t *testing.T, got answer, took time.Duration) {
	t.Helper()
	require.NoError(t, got.err)
	require.Zero(t, got.result)
	require.Equal(t, took, got.took)
}

func TestAnItemThatIsSubmittedHearsItsResult(t *testing.T) {
	for result, want := range map[int]fault.Code{
		kept: {}, replaced: {}, late: tooLate, wrong: fault.Invalid, 77: fault.Unavailable,
	} {
		for _, confirmed := range []string{"before", "after", "never"} {
			run(t, func(t *testing.T, b *bench) {
				h := b.submit(1, false)
				e := <-b.log.Entries
				require.Equal(t, []post{{1, "A"}}, postsOf(e))
				if confirmed == "before" {
					e.Confirm(nil)
				}
				time.Sleep(300 * time.Millisecond)
				require.Empty(t, h.heard, "the confirm alone is not what it waits for")
				b.reply(e, result)
				got := <-h.heard
				require.Equal(t, want, fault.CodeOf(got.err))
				require.Equal(t, 300*time.Millisecond, got.took)
				_, err := judgePost(post{}, result)
				require.Equal(t, err, got.err, "as Commit says it")
				require.Equal(t, post{1, "A"}, h.item)
				if result != 77 {
					require.Equal(t, result, got.result)
				}
				if confirmed == "after" {
					e.Confirm(nil)
				}
				time.Sleep(2 * Deadline)
			})
		}
	}
}

func TestADurableItemThatWasSubmittedIsAcceptedAfterTheUsualWait(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		h := b.submit(1, false)
		p := <-b.log.Entries
		p.Confirm(nil)
		got := <-h.heard
		requireDurable(t, got, DefaultWait)
		require.Equal(t, postsOf(p)[0], h.item)
	})
}

func TestEveryItemOfABatchWaitsAsLongAsTheFirst(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		first := b.submit(1, false)
		flying := <-b.log.Entries
		var votes []*hearing
		for i := range 4 {
			votes = append(votes, b.submit(byte(2+i), false))
			time.Sleep(100 * time.Millisecond)
		}
		flying.Confirm(nil)
		b.reply(flying, kept)
		p := <-b.log.Entries
		require.Len(t, postsOf(p), len(votes))
		p.Confirm(nil)
		for _, h := range votes {
			requireDurable(t, <-h.heard, DefaultWait)
		}
		require.Equal(t, 400*time.Millisecond, (<-first.heard).took)
	})
}

func TestAnItemThatWasSubmittedAndIsNeverConfirmedIsUnknownAtTheDeadline(t *testing.T) {
	for _, async := range []bool{false, true} {
		run(t, func(t *testing.T, b *bench) {
			h := b.submit(1, async)
			<-b.log.Entries
			requireUnavailable(t, <-h.heard, Deadline)
		})
	}
}

func TestAConfirmAfterTheWindowMakesNoItemThatWasSubmittedDurable(t *testing.T) {
	for _, async := range []bool{false, true} {
		for _, applied := range []bool{false, true} {
			run(t, func(t *testing.T, b *bench) {
				h := b.submit(1, async)
				p := <-b.log.Entries
				time.Sleep(window + 1)
				p.Confirm(nil)
				time.Sleep(DefaultWait)
				require.Empty(t, h.heard, "its seal may be before it in the log")
				if !applied {
					requireUnavailable(t, <-h.heard, Deadline)
					return
				}
				b.reply(p, kept)
				got := <-h.heard
				require.NoError(t, got.err)
				require.Equal(t, kept, got.result)
			})
		}
	}
}

func TestAConfirmIsLateForTheItemsOfABatchThatWereSubmittedFirst(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.submit(1, true)
		flying := <-b.log.Entries
		early, earlyAsync := b.submit(2, false), b.submit(3, true)
		time.Sleep(600 * time.Millisecond)
		late, lateAsync := b.submit(4, false), b.submit(5, true)
		flying.Confirm(nil)
		b.reply(flying, kept)
		p := <-b.log.Entries
		time.Sleep(500 * time.Millisecond)
		p.Confirm(nil)
		requireDurable(t, <-lateAsync.heard, 500*time.Millisecond)
		requireDurable(t, <-late.heard, DefaultWait)
		requireUnavailable(t, <-early.heard, Deadline)
		requireUnavailable(t, <-earlyAsync.heard, Deadline)
	})
}

func TestAnItemThatWasSubmittedAndThatTheLogRefusesIsRefusedAtOnce(t *testing.T) {
	for _, async := range []bool{false, true} {
		run(t, func(t *testing.T, b *bench) {
			h := b.submit(1, async)
			(<-b.log.Entries).Confirm(queue.ErrRefused)
			requireUnavailable(t, <-h.heard, 0)
			require.Empty(t, b.expected)

			for _, err := range []error{queue.ErrRefused, errors.New("cannot be encoded")} {
				b.log.Fail(err)
				requireUnavailable(t, <-b.submit(1, async).heard, 0)
			}
		})
	}
}

func TestAnItemThatWasSubmittedAndThatTheLogMayHaveNeedsAResult(t *testing.T) {
	for _, async := range []bool{false, true} {
		for _, applied := range []time.Duration{0, DefaultWait / 2, 2 * DefaultWait, Deadline} {
			run(t, func(t *testing.T, b *bench) {
				h := b.submit(1, async)
				p := <-b.log.Entries
				p.Confirm(queue.ErrUnknown)
				if applied == Deadline {
					requireUnavailable(t, <-h.heard, Deadline)
					return
				}
				time.Sleep(applied)
				synctest.Wait()
				require.Empty(t, h.heard)
				b.reply(p, replaced)
				got := <-h.heard
				require.NoError(t, got.err)
				require.Equal(t, replaced, got.result)
				require.Equal(t, applied, got.took)
			})
		}
	}
	run(t, func(t *testing.T, b *bench) {
		b.log.Fail(queue.ErrUnknown)
		requireUnavailable(t, <-b.submit(1, false).heard, Deadline)
	})
}

func TestAnAsyncItemThatWasSubmittedHearsItsConfirm(t *testing.T) {
	for _, after := range []time.Duration{0, 300 * time.Millisecond, window} {
		run(t, func(t *testing.T, b *bench) {
			h := b.submit(1, true)
			p := <-b.log.Entries
			time.Sleep(after)
			synctest.Wait()
			require.Empty(t, h.heard, "not before it is durable")
			p.Confirm(nil)
			requireDurable(t, <-h.heard, after)
			b.reply(p, kept)
		})
	}
	for result, want := range map[int]fault.Code{kept: {}, late: tooLate} {
		run(t, func(t *testing.T, b *bench) {
			h := b.submit(1, true)
			p := <-b.log.Entries
			b.reply(p, result)
			got := <-h.heard
			require.Equal(t, want, fault.CodeOf(got.err),
				"a result before the confirm is what it is")
			require.Equal(t, result, got.result)
			p.Confirm(nil)
		})
	}
}

func TestAnAsyncItemHearsItsConfirmAlsoWhenItsResultComesInTheSameMoment(t *testing.T) {
	for range 20 { // which is first then is chance
		run(t, func(t *testing.T, b *bench) {
			b.submit(1, true)
			flying := <-b.log.Entries
			taken, waits := b.submit(2, true), b.commit(3, Wait{For: DefaultWait, Async: true})
			synctest.Wait()
			flying.Confirm(nil)
			b.reply(flying, kept)
			p := <-b.log.Entries
			p.Confirm(nil)
			b.reply(p, kept)
			requireDurable(t, <-taken.heard, 0)
			requireDurable(t, <-waits, 0)
		})
	}
}

func TestAPatientItemDoesNotHearWhatItsAsyncNeighbourHears(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.submit(1, true)
		flying := <-b.log.Entries
		patient, async := b.submit(2, false), b.submit(3, true)
		flying.Confirm(nil)
		b.reply(flying, kept)
		p := <-b.log.Entries
		p.Confirm(nil)
		requireDurable(t, <-async.heard, 0)
		time.Sleep(time.Millisecond)
		require.Empty(t, patient.heard)
		b.reply(p, kept)
		require.Equal(t, kept, (<-patient.heard).result)
	})
}

func TestAnItemThatExpiredBeforeTheWriteIsRefusedAndTheOthersHearTheirOwn(t *testing.T) {
	for _, confirmed := range []string{"before", "after"} {
		run(t, func(t *testing.T, b *bench) {
			home := newLane(b.Group, 0) // not running: its steps are done by hand
			old, oldAsync := b.submitTo(t.Context(), home, 1, false), b.submitTo(t.Context(), home,
				2, true)
			time.Sleep(500 * time.Millisecond)
			first := b.submitTo(t.Context(), home, 3, false)
			item := itemOf(4, "A")
			_, _, err := home.admit(&item, b.waiter()) // of one that blocks
			require.NoError(t, err)
			second, third := b.submitTo(t.Context(), home, 5, false), b.submitTo(t.Context(), home,
				6, true)
			time.Sleep(window - 500*time.Millisecond + 1)

			next, _ := home.depart()
			home.publish(next)
			p := <-b.log.Entries
			require.Len(t, postsOf(p), 4)
			if confirmed == "before" {
				p.Confirm(nil)
				requireUnavailable(t, <-old.heard, window+1)
				requireUnavailable(t, <-oldAsync.heard, window+1)
				requireDurable(t, <-third.heard, window-500*time.Millisecond+1)
			}
			p.Reply(encodeResults(replaced, wrong, late, kept))
			require.Equal(t, replaced, (<-first.heard).result)
			require.Equal(t, tooLate, fault.CodeOf((<-second.heard).err))
			if confirmed == "after" {
				requireUnavailable(t, <-old.heard, window+1)
				requireUnavailable(t, <-oldAsync.heard, window+1)
				require.Equal(t, kept, (<-third.heard).result)
				p.Confirm(nil)
			}
			synctest.Wait()
			home.release(item.Sender)
			require.Zero(t, home.held)
			require.Empty(t, home.senders)
		})
	}
}

func TestAnItemSubmittedToABatchThatIsOpenForLongIsNotForgotten(t *testing.T) {
	for _, leaves := range []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond} {
		run(t, func(t *testing.T, b *bench) {
			home := newLane(b.Group, 0) // not running: its steps are done by hand
			old := b.submitTo(t.Context(), home, 1, false)
			// the ones that were there are attended already
			time.Sleep(window + 20*time.Millisecond)
			ctx, cancel := context.WithCancel(t.Context())
			young, async := b.submitTo(t.Context(), home, 2, false), b.submitTo(t.Context(), home,
				3, true)
			gone := b.submitTo(ctx, home, 4, false)
			cancel()
			time.Sleep(leaves)
			next, _ := home.depart()
			home.publish(next)
			p := <-b.log.Entries
			p.Confirm(nil)
			require.Len(t, postsOf(p), 3)
			requireDurable(t, <-async.heard, leaves)
			requireDurable(t, <-young.heard, DefaultWait)
			got := <-gone.heard
			require.LessOrEqual(t, got.took, DefaultWait)
			requireUnavailable(t, <-old.heard, window+20*time.Millisecond+leaves)
			require.Zero(t, home.holds())
			require.Empty(t, home.senders)
		})
	}
}

func TestASenderThatIsGoneIsAnsweredByWhatIsKnownSoon(t *testing.T) {
	type (
		log   = func(b *bench, p *committest.Entry)
		check = func(t *testing.T, got answer)
	)
	gone := func(after time.Duration, log log, check check) {
		for _, async := range []bool{false, true} {
			run(t, func(t *testing.T, b *bench) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				h := b.submitFor(ctx, 1, async)
				p := <-b.log.Entries
				time.AfterFunc(after, cancel)
				log(b, p)
				got := <-h.heard
				require.LessOrEqual(t, got.took, max(after, DefaultWait))
				check(t, got)
			})
		}
	}
	nothing := func(*bench, *committest.Entry) {}
	unknown := func(t *testing.T, got answer) {
		require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
	}
	confirmed := func(become error) log {
		return func(_ *bench, p *committest.Entry) { p.Confirm(become) }
	}
	gone(0, nothing, unknown)
	gone(500*time.Millisecond, nothing, unknown)
	gone(3*time.Second, nothing, func(t *testing.T, got answer) {
		requireUnavailable(t, got, 3*time.Second)
	})
	gone(time.Millisecond, confirmed(queue.ErrUnknown), unknown)
	gone(time.Millisecond, confirmed(nil), func(t *testing.T, got answer) {
		require.NoError(t, got.err)
		require.Zero(t, got.result)
	})
	gone(0, func(b *bench, p *committest.Entry) {
		time.Sleep(DefaultWait / 2)
		b.reply(p, late)
	}, func(t *testing.T, got answer) {
		require.Equal(t, tooLate, fault.CodeOf(got.err))
	})
}

func TestWhenTheBrokerConfirmsNothingWhatWasSubmittedIsRefusedWithTheOthers(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.submit(1, true)
		flying := <-b.log.Entries
		waits := b.commit(2, usual)
		time.Sleep(700 * time.Millisecond)
		h, async := b.submit(3, false), b.submit(4, true)
		requireUnavailable(t, <-waits, stall)
		requireUnavailable(t, <-h.heard, stall-700*time.Millisecond)
		requireUnavailable(t, <-async.heard, stall-700*time.Millisecond)
		flying.Confirm(nil)
		b.reply(flying, kept)
		last := b.submit(5, false)
		b.reply(<-b.log.Entries, kept)
		require.NoError(t, (<-last.heard).err, "when the broker is back, items are taken again")
	})
}

func TestAnItemThatIsNotTakenIsNotHeardOf(t *testing.T) {
	for name, change := range map[string]func(b *bench, item *Item[post]){
		"a full group":     func(b *bench, _ *Item[post]) { b.config.MaxWaiting = b.Waiting() },
		"a full partition": func(b *bench, _ *Item[post]) { b.maxLane.Store(int64(b.Waiting())) },
		"a busy sender": func(b *bench, item *Item[post]) {
			b.maxLane.Store(1000)
			for range senderItems - 1 {
				b.submit(1, false)
			}
			item.Sender = itemOf(1, "A").Sender
		},
		"a stalled partition": func(b *bench, _ *Item[post]) {
			h := b.submit(2, false) // waits for the confirm of the first
			requireUnavailable(t, <-h.heard, stall)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				b.submit(1, false)
				flying := <-b.log.Entries
				item := itemOf(9, "A")
				change(b, &item)
				waiting, home := b.Waiting(), b.home(t, partition)
				held := home.holds()
				for _, async := range []bool{false, true} {
					h := newHearing()
					err := b.try(t.Context(), item, async, h)
					require.Error(t, err)
					_, blocked := b.send(t.Context(), item, Wait{Async: async})
					require.Equal(t, blocked, err, "as Commit says it")
					require.Equal(t, waiting, b.Waiting())
					require.Equal(t, held, home.holds())
					defer func() { require.Zero(t, h.told.Load(), "it hears nothing, and never") }()
				}
				flying.Confirm(nil)
				b.reply(flying, kept)
				time.Sleep(2 * Deadline)
			})
		})
	}
}

func TestThoseThatHearAndThoseThatBlockInOneBatchGetTheirOwnResults(t *testing.T) {
	for seed := range uint64(20) {
		run(t, func(t *testing.T, b *bench) {
			dice := rand.New(rand.NewPCG(seed, 1))
			first := b.submit(0, false)
			flying := <-b.log.Entries
			answers := make(map[byte]<-chan answer)
			for i := range worthwhile - 1 {
				author := byte(1 + i)
				if dice.IntN(2) == 0 {
					answers[author] = b.submit(author, false).heard
				} else {
					answers[author] = b.commit(author, usual)
				}
				if dice.IntN(2) == 0 {
					synctest.Wait() // else those that block come in any order
				}
			}
			synctest.Wait()
			flying.Confirm(nil)
			b.reply(flying, kept)
			require.NoError(t, (<-first.heard).err)
			e := <-b.log.Entries
			posts := postsOf(e)
			require.Len(t, posts, worthwhile-1)
			results := make([]int, len(posts))
			for i := range results {
				results[i] = []int{kept, replaced, late, wrong}[dice.IntN(4)]
			}
			e.Confirm(nil)
			e.Reply(encodeResults(results...))
			for i, p := range posts {
				got := <-answers[p.author]
				require.Equal(t, results[i], got.result)
				_, err := judgePost(p, results[i])
				require.Equal(t, err, got.err)
			}
			for _, h := range b.submitted[1:] {
				require.Contains(t, posts, h.item)
			}
		})
	}
}

func TestABatchLeavesWhenItHasBecomeAWorthwhileShareOfWhatWaits(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.submit(0, false)
		flying := []*committest.Entry{<-b.log.Entries}
		flying[0].Confirm(nil)
		for len(flying) < publishSlots+1 {
			for range worthwhile {
				b.submit(byte(len(b.submitted)), false)
			}
			flying = append(flying, <-b.log.Entries)
		}
		flying[1].Confirm(nil) // a slot is free
		const few = worthwhile + 2
		for range few {
			b.submit(byte(len(b.submitted)), false)
		}
		synctest.Wait()
		require.Empty(t, b.log.Entries, "they are less than a quarter of what waits")
		begun := time.Now()
		b.reply(flying[1], kept)
		p := <-b.log.Entries
		require.Len(t, postsOf(p), few)
		require.Zero(t, time.Since(begun))
		for _, p := range append(flying[2:], flying[0], p) {
			b.reply(p, kept)
		}
		for _, h := range b.submitted {
			require.Equal(t, kept, (<-h.heard).result)
		}
	})
}

func TestWhenEveryHearerOfABatchWasToldItHasNoTimer(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		h := b.submit(1, false)
		p := <-b.log.Entries
		b.mu.Lock()
		batch := b.expected[p.ID]
		b.mu.Unlock()
		b.reply(p, kept)
		<-h.heard
		synctest.Wait()
		require.False(t, batch.hearers.attention.Stop(), "it was stopped")
		p.Confirm(nil)
	})
}

func TestClosingSendsWhatWasSubmitted(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		b.submit(0, true)
		flying := <-b.log.Entries
		for i := range worthwhile - 1 {
			b.submit(byte(1+i), true)
		}
		go func() {
			flying.Confirm(nil)
			(<-b.log.Entries).Confirm(nil)
		}()
		lifetest.Stop(t, b)
		for _, h := range b.submitted {
			require.NoError(t, (<-h.heard).err, "an accepted item is sent")
		}
	})
}

func TestWaitReturnsWhenEveryHearerWasTold(t *testing.T) {
	for become, took := range map[error]time.Duration{nil: DefaultWait,
		queue.ErrUnknown: Deadline} {
		committest.Bubble(t, func(t *testing.T) {
			b := &bench{log: committest.Open(4)}
			b.Group = New(b.log, config())
			require.NoError(t, b.Start())
			h := newHearing()
			require.NoError(t, b.try(t.Context(), itemOf(1, "A"), false, h))
			(<-b.log.Entries).Confirm(become)
			lifetest.Stop(t, b)
			b.log.Close()
			require.EqualValues(t, 1, h.told.Load())
			require.Equal(t, took, (<-h.heard).took)
			require.Zero(t, b.Waiting())
		})
	}
}

// again submits again when it hears, as a sender does that has more to send on one connection.
type again struct {
	b     *bench
	async bool
	left  int
	done  chan error
}

func (a *again) submit() error { return a.b.try(context.Background(), itemOf(1, "A"), a.async, a) }

func (a *again) Heard(_ post, _ int, err error) {
	if a.left--; a.left > 0 && a.submit() == nil {
		return
	}
	a.done <- err
}

func TestAHearerMaySubmitAgainAtOnce(t *testing.T) {
	for _, async := range []bool{false, true} {
		for name, become := range map[string]func(b *bench, p *committest.Entry){
			"confirmed": func(_ *bench, p *committest.Entry) { p.Confirm(nil) },
			"refused":   func(_ *bench, p *committest.Entry) { p.Confirm(queue.ErrRefused) },
			"applied":   func(b *bench, p *committest.Entry) { b.reply(p, kept); p.Confirm(nil) },
		} {
			t.Run(fmt.Sprint(name, async), func(t *testing.T) {
				run(t, func(t *testing.T, b *bench) {
					const times = 10
					a := &again{b: b, async: async, left: times, done: make(chan error, 1)}
					require.NoError(t, a.submit())
					for range times {
						become(b, <-b.log.Entries)
					}
					require.Equal(t, name == "refused", <-a.done != nil)
					require.Zero(t, a.left)
				})
			})
		}
	}
	run(t, func(t *testing.T, b *bench) { // what waits is refused while nothing is taken
		b.submit(9, false)
		flying := <-b.log.Entries
		a := &again{b: b, left: 9, done: make(chan error, 1)}
		require.NoError(t, a.submit())
		require.Error(t, <-a.done)
		require.Equal(t, 8, a.left, "a stalled partition takes nothing")
		b.reply(flying, kept)
		flying.Confirm(nil)
	})
}

// randomLog answers at random moments, about DefaultWait some of them, each batch from two
// goroutines.
type randomLog struct {
	*committest.Stream
	answering sync.WaitGroup
}

func (l *randomLog) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	if rand.IntN(20) == 0 {
		return queue.ErrRefused
	}
	return l.Stream.Publish(ctx, partition, e, confirmed)
}

// answer answers what is published. The result of a post is its text.
func (l *randomLog) answer() {
	for e := range l.Entries {
		var results []int
		for _, p := range postsOf(e) {
			results = append(results, int(p.text[0]))
		}
		confirm := time.Duration(rand.IntN(2000)) * time.Microsecond
		reply := time.Duration(rand.IntN(3000)) * time.Microsecond
		become := error(nil)
		switch rand.IntN(19) {
		case 0:
			become = queue.ErrRefused
		case 1, 2:
			become = queue.ErrUnknown
		case 3, 4, 5, 6:
			reply += DefaultWait - 15*time.Millisecond
		}
		l.answering.Go(func() {
			time.Sleep(confirm)
			e.Confirm(become)
		})
		if !errors.Is(become, queue.ErrRefused) {
			l.answering.Go(func() {
				time.Sleep(reply)
				e.Reply(encodeResults(results...))
			})
		}
	}
}

func TestEveryHearerHearsOnceWheneverTheLogAnswers(t *testing.T) {
	c := config()
	c.Partitions, c.MaxWaiting = 1, 1<<20
	log := &randomLog{Stream: committest.Open(1)}
	b := &bench{Group: New(log, c)}
	require.NoError(t, b.Start())
	stop := make(chan struct{})
	var sending, watching, answering sync.WaitGroup
	answering.Go(log.answer)
	watching.Go(func() { // as the timer of a batch that waits for long does
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				b.attendAll(t)
			}
		}
	})
	const authors, posts = 16, 100
	var submitted atomic.Int32
	all := make(chan *hearing, authors*posts)
	for author := range authors {
		sending.Go(func() {
			for range posts {
				result := 1 + rand.IntN(2)
				item := itemOf(byte(author), string(rune(result)))
				item.Partition = 0
				ctx, cancel := context.WithCancel(t.Context())
				h, async := newHearing(), rand.IntN(4) == 0
				if rand.IntN(2) == 0 && b.try(ctx, item, async, h) == nil {
					submitted.Add(1)
				} else {
					sending.Go(func() {
						result, err := b.send(ctx, item, Wait{For: DefaultWait, Async: async})
						h.Heard(item.Value, result, err)
					})
				}
				sending.Go(func() {
					if rand.IntN(8) == 0 {
						cancel()
					}
					got := <-h.heard
					cancel()
					if got.err == nil && got.result != 0 && got.result != result ||
						h.item != item.Value {
						panic(fmt.Sprint("heard of another one: ", got.result, h.item))
					}
					all <- h
				})
				time.Sleep(time.Duration(rand.IntN(400)) * time.Microsecond)
			}
		})
	}
	sending.Wait()
	close(stop)
	watching.Wait()
	lifetest.Stop(t, b)
	time.Sleep(2 * DefaultWait) // the log has nothing left to say
	log.Close()
	answering.Wait()
	log.answering.Wait()
	require.NotZero(t, submitted.Load())
	close(all)
	for h := range all {
		require.EqualValues(t, 1, h.told.Load())
	}
	b.nothingIsLeft(t)
}

// attendAll attends every batch that waits for its turn or for its results.
func (b *bench) attendAll(t *testing.T) {
	var batches []*batch[post, int]
	l := b.home(t, 0)
	l.mu.Lock()
	for _, batch := range l.waiting {
		if batch.hearers.attention != nil {
			batches = append(batches, batch)
		}
	}
	l.mu.Unlock()
	b.mu.Lock()
	for _, batch := range b.expected {
		if batch.hearers.attention != nil && rand.IntN(4) == 0 {
			batches = append(batches, batch)
		}
	}
	b.mu.Unlock()
	for _, batch := range batches {
		batch.attend()
	}
}
