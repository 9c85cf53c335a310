package intake

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// hearing is a hearer, and what it heard.
type hearing struct {
	begun time.Time
	heard chan answer
}

func newHearing() *hearing { return &hearing{begun: time.Now(), heard: make(chan answer, 9)} }

func (h *hearing) Heard(v poll.Vote, verdict poll.Verdict, err error) {
	h.heard <- answer{Receipt{v.ID, verdict}, err, time.Since(h.begun)}
}

// takers is a bench whose cache knows what is displayed.
type takers struct {
	*bench
	known *knownDisplay
}

// runTaking gives f an intake that takes. When f is done nobody may wait.
func runTaking(t *testing.T, maxWaiting int, f func(t *testing.T, b *takers)) {
	t.Helper()
	runWith(t, maxWaiting, func(t *testing.T, bench *bench) {
		b := &takers{bench: bench, known: newKnownDisplay()}
		b.Intake.cache = b.known
		f(t, b)
		synctest.Wait()
		require.Zero(t, b.Waiting())
	})
}

func ballotOf(voter byte, key string) Ballot {
	return Ballot{PollID: pollID, Keys: []string{key}, VoterID: uuid.UUID{15: voter}}
}

// take takes a vote, which must be possible.
func (b *takers) take(t *testing.T, voter byte, async bool) *hearing {
	h := newHearing()
	require.True(t, b.Take(t.Context(), talk, ballotOf(voter, "A"), async, h))
	return h
}

func TestAVoteThatIsTakenHearsItsVerdict(t *testing.T) {
	for verdict, want := range map[poll.Verdict]fault.Code{
		poll.Counted: {}, poll.Superseded: {}, 77: fault.Unavailable,
		poll.Late: poll.TooLate, poll.Rejected: fault.Invalid,
	} {
		for _, confirmed := range []string{"before", "after", "never"} {
			runTaking(t, 2*mayWait, func(t *testing.T, b *takers) {
				h := b.take(t, 1, false)
				p := <-b.log.Entries
				v := votesIn(p)[0]
				require.Equal(t, poll.Vote{
					ID: v.ID, PollID: pollID, VoterID: uuid.UUID{15: 1}, Version: 3, Answer: "A",
				}, v)
				if confirmed == "before" {
					p.Confirm(nil)
				}
				time.Sleep(300 * time.Millisecond)
				require.Empty(t, h.heard, "the confirm alone is not what it waits for")
				reply(p, verdict)
				got := <-h.heard
				require.Equal(t, want, fault.CodeOf(got.err))
				require.Equal(t, 300*time.Millisecond, got.took)
				_, err := judge(v, verdict)
				require.Equal(t, err, got.err, "as Cast says it")
				require.Equal(t, v.ID, got.receipt.VoteID)
				if verdict != 77 {
					require.Equal(t, verdict, got.receipt.Verdict)
				}
				if confirmed == "after" {
					p.Confirm(nil)
				}
				time.Sleep(2 * Deadline)
				require.Empty(t, h.heard, "whoever is heard hears once")
			})
		}
	}
}

func TestAVoteThatIsTakenIsAcceptedWhenItIsDurableInTime(t *testing.T) {
	for _, async := range []bool{false, true} {
		runTaking(t, 2*mayWait, func(t *testing.T, b *takers) {
			h := b.take(t, 1, async)
			p := <-b.log.Entries
			time.Sleep(poll.Window)
			p.Confirm(nil)
			got := <-h.heard
			require.NoError(t, got.err)
			require.Equal(t, Receipt{VoteID: votesIn(p)[0].ID}, got.receipt)
			require.Equal(t, poll.Window, got.took)
		})
		runTaking(t, 2*mayWait, func(t *testing.T, b *takers) {
			h := b.take(t, 1, async)
			p := <-b.log.Entries
			time.Sleep(poll.Window + 1)
			p.Confirm(nil)
			got := <-h.heard
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err), "its seal may be before it")
			require.Equal(t, Deadline, got.took)
		})
	}
}

func TestWhatCannotBeTakenAtOnceIsNot(t *testing.T) {
	shown := newKnownDisplay().display
	plain := func(change func(b *takers, ballot *Ballot)) func(*testing.T, *takers, *Ballot) {
		return func(_ *testing.T, b *takers, ballot *Ballot) { change(b, ballot) }
	}
	for name, c := range map[string]struct {
		maxWaiting int
		change     func(t *testing.T, b *takers, ballot *Ballot)
	}{
		"an unknown display": {99, plain(func(b *takers, _ *Ballot) { b.Intake.cache = b.cache })},
		"no slide": {99,
			plain(func(b *takers, _ *Ballot) { b.known.display.Poll = nil })},
		"a closed poll": {99,
			plain(func(b *takers, _ *Ballot) { b.known.display.Closed = true })},
		"another poll": {99, plain(func(_ *takers, voted *Ballot) { voted.PollID = other })},
		"an unknown key": {99,
			plain(func(_ *takers, voted *Ballot) { voted.Keys = []string{"Z"} })},
		"text for keys": {99, plain(func(_ *takers, voted *Ballot) {
			voted.Keys, voted.Texts = nil, []string{"A"}
		})},
		"a full intake":    {1, func(*testing.T, *takers, *Ballot) {}},
		"a full partition": {2, func(*testing.T, *takers, *Ballot) {}},
		"a busy voter": {1000, func(t *testing.T, b *takers, ballot *Ballot) {
			ballot.VoterID = uuid.UUID{15: 1}
			for b.Waiting() < 256 {
				b.take(t, 1, false)
			}
		}},
		"a stalled partition": {99, func(t *testing.T, b *takers, _ *Ballot) {
			h := b.take(t, 2, false) // waits for the confirm of the first
			got := <-h.heard
			require.Equal(t, fault.Unavailable, fault.CodeOf(got.err))
			require.Equal(t, poll.Window, got.took)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			runTaking(t, c.maxWaiting, func(t *testing.T, b *takers) {
				b.known.display = shown
				b.take(t, 1, false)
				flying := <-b.log.Entries
				ballot := ballotOf(9, "A")
				c.change(t, b, &ballot)
				waiting := b.Waiting()
				for _, async := range []bool{false, true} {
					h := newHearing()
					require.False(t, b.Take(t.Context(), talk, ballot, async, h))
					require.Equal(t, waiting, b.Waiting())
					defer func() { require.Empty(t, h.heard, "it hears nothing, and never") }()
				}
				flying.Confirm(nil)
				reply(flying, poll.Counted)
				time.Sleep(2 * Deadline)
			})
		})
	}
}
