package poll_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

var (
	pollA, pollB = uuid.UUID{15: 1}, uuid.UUID{15: 2}
	cloud, essay = uuid.UUID{15: 3}, uuid.UUID{15: 4} // of free text
	talk         = uuid.UUID{15: 99}
	keys         = []string{"A", "B", "C"}
	kinds        = map[uuid.UUID]question.Kind{pollA: question.Multiple, pollB: question.Multiple,
		cloud: question.WordCloud, essay: question.OpenText}
)

func voter(n int) uuid.UUID { return uuid.UUID{0: 1, 15: byte(n)} }

// memory is a store of four polls that follows the ledger's instructions: the least that an adapter
// does.
type memory struct {
	states  map[uuid.UUID]poll.State
	words   map[uuid.UUID]map[string]int64
	votes   map[poll.VoteKey]poll.Vote
	batches map[uuid.UUID]bool
}

func newMemory() *memory {
	open := poll.State{Status: poll.Open, Opened: 1, Counts: make([]int64, len(keys))}
	return &memory{
		states:  map[uuid.UUID]poll.State{pollA: open, pollB: open, cloud: open, essay: open},
		words:   map[uuid.UUID]map[string]int64{cloud: {}, essay: {}},
		votes:   map[poll.VoteKey]poll.Vote{},
		batches: map[uuid.UUID]bool{},
	}
}

func (m *memory) count(batches ...poll.Batch) poll.Outcome {
	l := poll.NewLedger(batches)
	for _, id := range l.Polls() {
		if s, ok := m.states[id]; ok {
			l.Load(talk, id, kinds[id], keys, s)
		}
	}
	fresh := map[uuid.UUID]bool{}
	for _, b := range batches {
		fresh[b.ID] = !m.batches[b.ID]
	}
	for id := range fresh {
		m.batches[id] = true
	}
	l.Walk(fresh)
	for _, key := range l.Keys() {
		if v, ok := m.votes[key]; ok {
			l.Old(v)
		}
	}
	votes, states, words, outcome := l.Settle()
	for _, v := range votes {
		m.votes[poll.VoteKey{PollID: v.PollID, VoterID: v.VoterID}] = *v
	}
	for _, s := range states {
		m.states[s.PollID] = s.State
	}
	for _, w := range words {
		if m.words[w.PollID][w.Word] += w.By; m.words[w.PollID][w.Word] == 0 {
			delete(m.words[w.PollID], w.Word)
		}
	}
	return outcome
}

// voters counts the votes that were not taken back.
func (m *memory) voters(pollID uuid.UUID) (n int64) {
	for key, v := range m.votes {
		if key.PollID == pollID && v.Answer != "" {
			n++
		}
	}
	return n
}

func batch(votes ...poll.Vote) poll.Batch { return poll.Batch{ID: uuid.New(), Votes: votes} }

func replayed(votes ...poll.Vote) poll.Batch {
	return poll.Batch{ID: uuid.New(), Votes: votes, Replayed: true}
}

func seal(pollID uuid.UUID, version int64) poll.Batch {
	return poll.Batch{ID: uuid.New(), Seal: &poll.Seal{PollID: pollID, Version: version}}
}

func vote(v int, version, seq int64, answer question.Answer) poll.Vote {
	return poll.Vote{PollID: pollA, VoterID: voter(v), Version: version, Seq: seq, Answer: answer}
}

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		batches []poll.Batch
		want    [][]poll.Verdict
		counts  []int64
	}{
		"a first vote counts": {
			[]poll.Batch{batch(vote(1, 1, 0, "A"))}, [][]poll.Verdict{{poll.Counted}},
			[]int64{1, 0, 0}},
		"the last of a voter's votes in the log stands": {
			[]poll.Batch{batch(vote(1, 1, 0, "A"), vote(1, 1, 0, "B")), batch(vote(1, 1, 0, "C"))},
			[][]poll.Verdict{{poll.Superseded, poll.Superseded}, {poll.Counted}}, []int64{0, 0, 1}},
		"a higher seq stands, whatever the order": {
			[]poll.Batch{batch(vote(1, 1, 5, "A"), vote(1, 1, 3, "B"))},
			[][]poll.Verdict{{poll.Counted, poll.Superseded}}, []int64{1, 0, 0}},
		"the same seq again replaces: a retry may carry it": {
			[]poll.Batch{batch(vote(1, 1, 5, "A"), vote(1, 1, 5, "B"))},
			[][]poll.Verdict{{poll.Superseded, poll.Counted}}, []int64{0, 1, 0}},
		"a higher seq stands, whatever the versions": {
			[]poll.Batch{batch(vote(1, 1, 9, "A"), vote(1, 3, 1, "B"))},
			[][]poll.Verdict{{poll.Counted, poll.Superseded}}, []int64{1, 0, 0}},
		"a later vote stands, though a replica took it that did not know yet that the poll was " +
			"displayed again": {
			[]poll.Batch{batch(vote(1, 3, 0, "A")),
				batch(vote(1, 1, 0, "B"), vote(2, 3, 1, "A"), vote(2, 1, 2, "C"))},
			[][]poll.Verdict{{poll.Superseded}, {poll.Counted, poll.Superseded, poll.Counted}},
			[]int64{0, 1, 1}},
		"a vote before its seal counts, behind it is late": {
			[]poll.Batch{batch(vote(1, 1, 0, "A")), seal(pollA, 1),
				batch(vote(2, 1, 0, "B"), vote(3, 2, 0, "C"))},
			[][]poll.Verdict{{poll.Counted}, {}, {poll.Late, poll.Counted}}, []int64{1, 0, 1}},
		"a late vote does not take back the one before it": {
			[]poll.Batch{batch(vote(1, 1, 0, "A")), seal(pollA, 1), batch(vote(1, 1, 0, "B"))},
			[][]poll.Verdict{{poll.Counted}, {}, {poll.Late}}, []int64{1, 0, 0}},
		"one bad vote does not reject its batch": {
			[]poll.Batch{batch(vote(1, 1, 0, "A"), vote(2, 1, 0, "Z"),
				poll.Vote{PollID: uuid.UUID{7}, VoterID: voter(3), Version: 1, Answer: "A"},
				vote(4, 1, 0, "A\nZ"), vote(5, 1, 0, "A\nC"))},
			[][]poll.Verdict{{poll.Counted, poll.Rejected, poll.Rejected, poll.Rejected,
				poll.Counted}}, []int64{2, 0, 1}},
		"a replayed vote counts for a voter who has none": {
			[]poll.Batch{replayed(vote(1, 1, 0, "A"))}, [][]poll.Verdict{{poll.Counted}},
			[]int64{1, 0, 0}},
		"a replayed vote replaces none, whatever its version and seq": {
			[]poll.Batch{batch(vote(1, 1, 0, "A")), replayed(vote(1, 2, 9, "B"))},
			[][]poll.Verdict{{poll.Counted}, {poll.Superseded}}, []int64{1, 0, 0}},
		"a replayed vote is replaced by the next one in the log": {
			[]poll.Batch{replayed(vote(1, 1, 0, "A")),
				batch(vote(1, 1, 0, "B"), vote(1, 1, 0, "C"))},
			[][]poll.Verdict{{poll.Superseded}, {poll.Superseded, poll.Counted}}, []int64{0, 0, 1}},
		"a replayed vote that counts stands against a lower seq": {
			[]poll.Batch{replayed(vote(1, 1, 5, "A")), batch(vote(1, 1, 3, "B"))},
			[][]poll.Verdict{{poll.Counted}, {poll.Superseded}}, []int64{1, 0, 0}},
		"within a replayed batch the voter's last vote stands, not in a second one": {
			[]poll.Batch{replayed(vote(1, 1, 0, "A"), vote(1, 1, 0, "B")),
				replayed(vote(1, 1, 0, "C"))},
			[][]poll.Verdict{{poll.Superseded, poll.Counted}, {poll.Superseded}}, []int64{0, 1, 0}},
		"a vote is taken back, and given again": {
			[]poll.Batch{batch(vote(1, 1, 0, "A"), vote(2, 1, 0, "A"), vote(3, 1, 0, "B")),
				batch(vote(1, 1, 0, ""), vote(3, 1, 0, "")), batch(vote(3, 1, 0, "C"))},
			[][]poll.Verdict{{poll.Superseded, poll.Counted, poll.Superseded},
				{poll.Counted, poll.Superseded}, {poll.Counted}}, []int64{1, 0, 1}},
		"who has no vote takes back none, and an older one does not come behind it": {
			[]poll.Batch{batch(vote(1, 1, 5, "")), batch(vote(1, 1, 4, "A"))},
			[][]poll.Verdict{{poll.Counted}, {poll.Superseded}}, []int64{0, 0, 0}},
		"a take-back does not replace a vote with a higher seq": {
			[]poll.Batch{batch(vote(1, 1, 5, "A")), batch(vote(1, 1, 4, ""))},
			[][]poll.Verdict{{poll.Counted}, {poll.Superseded}}, []int64{1, 0, 0}},
		"a vote is not taken back behind its seal": {
			[]poll.Batch{batch(vote(1, 1, 0, "A")), seal(pollA, 1), batch(vote(1, 1, 0, ""))},
			[][]poll.Verdict{{poll.Counted}, {}, {poll.Late}}, []int64{1, 0, 0}},
		"a replayed vote does not come back that was taken back": {
			[]poll.Batch{batch(vote(1, 1, 0, "")), replayed(vote(1, 1, 0, "A"))},
			[][]poll.Verdict{{poll.Counted}, {poll.Superseded}}, []int64{0, 0, 0}},
		"a replayed take-back takes back nothing that stands": {
			[]poll.Batch{batch(vote(1, 1, 0, "A")), replayed(vote(1, 1, 9, ""), vote(2, 1, 9, ""))},
			[][]poll.Verdict{{poll.Counted}, {poll.Superseded, poll.Counted}}, []int64{1, 0, 0}},
		"a replayed vote behind its seal is late": {
			[]poll.Batch{seal(pollA, 1), replayed(vote(1, 1, 0, "A"))},
			[][]poll.Verdict{{}, {poll.Late}}, []int64{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			require.Equal(t, c.want, m.count(c.batches...).Verdicts)
			require.Equal(t, c.counts, m.states[pollA].Counts)
			require.Equal(t, m.voters(pollA), m.states[pollA].Voters)
			before := maps.Clone(m.states)
			again := m.count(c.batches...)
			require.Equal(t, make([][]poll.Verdict, len(c.batches)), again.Verdicts,
				"a second delivery has no verdicts")
			require.Empty(t, again.Changed)
			require.Equal(t, before, m.states, "and no effect")
		})
	}
}

func TestABatchThatIsDeliveredTwiceAtOnceCountsOnce(t *testing.T) {
	m := newMemory()
	b := batch(vote(1, 1, 0, "A"))
	require.Equal(t, [][]poll.Verdict{{poll.Counted}, nil}, m.count(b, b).Verdicts)
	require.Equal(t, int64(1), m.states[pollA].Voters)
}

func TestASealMakesOnlyTheClosingPollOfItsVersionFinal(t *testing.T) {
	m := newMemory()
	m.count(seal(pollA, 1))
	require.Equal(t, poll.Open, m.states[pollA].Status,
		"it is displayed: sealed below its version at most")
	require.Equal(t, int64(1), m.states[pollA].Sealed)

	m.states[pollA] = poll.State{Status: poll.Closing, Opened: 4, Sealed: 1,
		Counts: make([]int64, 3)}
	m.count(seal(pollA, 2))
	require.Equal(t, poll.Closing, m.states[pollA].Status,
		"an old seal does nothing to a poll displayed again")
	m.count(seal(pollA, 4))
	require.Equal(t, poll.Final, m.states[pollA].Status)
	final := m.states[pollA]
	require.Empty(t, m.count(seal(pollA, 4), batch(vote(1, 4, 0, "A"))).Changed)
	require.Equal(t, final, m.states[pollA], "final is final")
}

func TestPollsAreLockedInTheOrderOfTheirIDs(t *testing.T) {
	l := poll.NewLedger([]poll.Batch{batch(poll.Vote{PollID: pollB}, poll.Vote{PollID: pollA},
		poll.Vote{PollID: pollB}), seal(pollA, 1)})
	require.Equal(t, []uuid.UUID{pollA, pollB}, l.Polls())
}

// A replayed vote is decided with the vote that was there before the transaction, whatever else the
// transaction holds.
func TestWhatReplayedVotesDoDoesNotDependOnWhereTransactionsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, many := newMemory(), newMemory()
		log := make([]poll.Batch, rapid.IntRange(1, 6).Draw(t, "batches"))
		for i := range log {
			log[i] = poll.Batch{ID: uuid.New(), Replayed: rapid.Bool().Draw(t, "replayed")}
			for range rapid.IntRange(1, 3).Draw(t, "votes") {
				log[i].Votes = append(log[i].Votes,
					vote(rapid.IntRange(1, 2).Draw(t, "voter"),
						rapid.Int64Range(1, 2).Draw(t, "version"),
						rapid.Int64Range(0, 1).Draw(t, "seq"),
						rapid.SampledFrom([]question.Answer{"A", "B", "C", ""}).Draw(t, "answer")))
			}
		}
		for _, b := range log {
			one.count(b)
		}
		split := rapid.IntRange(0, len(log)).Draw(t, "split")
		many.count(log[:split]...)
		many.count(log[split:]...)
		require.Equal(t, one.votes, many.votes)
		require.Equal(t, one.states[pollA].Counts, many.states[pollA].Counts)
		require.Equal(t, one.states[pollA].Voters, many.states[pollA].Voters)
	})
}

// Whatever the order and repetition of votes, batches and transactions, the tally equals a recount
// of the votes. A voter's vote is the one with the highest seq, the last in the log among equals.
func TestTheTallyEqualsARecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		want := map[poll.VoteKey]poll.Vote{}
		var log []poll.Batch
		answers := []question.Answer{"A", "B", "C", "A\nB", "A\nB\nC", "B\nC", ""}
		for range rapid.IntRange(1, 20).Draw(t, "batches") {
			var votes []poll.Vote
			for range rapid.IntRange(1, 10).Draw(t, "votes") {
				v := poll.Vote{
					PollID:  rapid.SampledFrom([]uuid.UUID{pollA, pollB}).Draw(t, "poll"),
					VoterID: voter(rapid.IntRange(1, 4).Draw(t, "voter")),
					Version: rapid.Int64Range(1, 3).Draw(t, "version"),
					Seq:     rapid.Int64Range(0, 3).Draw(t, "seq"),
					Answer:  rapid.SampledFrom(answers).Draw(t, "answer"),
				}
				votes = append(votes, v)
				key := poll.VoteKey{PollID: v.PollID, VoterID: v.VoterID}
				old, ok := want[key]
				if !ok || v.Seq >= old.Seq {
					want[key] = v
				}
			}
			log = append(log, batch(votes...))
		}
		for from := 0; from < len(log); {
			to := from + rapid.IntRange(1, len(log)-from).Draw(t, "transaction")
			m.count(log[from:to]...)
			if rapid.Bool().Draw(t, "again") { // redelivered, perhaps with older ones
				m.count(log[rapid.IntRange(0, from).Draw(t, "from"):to]...)
			}
			from = to
		}
		require.Equal(t, want, m.votes)
		recount := map[uuid.UUID]*poll.State{pollA: {Counts: make([]int64, 3)},
			pollB: {Counts: make([]int64, 3)}}
		for key, v := range m.votes {
			recount[key.PollID].Voters = m.voters(key.PollID)
			for _, k := range v.Answer.Keys() {
				recount[key.PollID].Counts[slices.Index(keys, k)]++
			}
		}
		for id, r := range recount {
			require.Equal(t, r.Voters, m.states[id].Voters)
			require.Equal(t, r.Counts, m.states[id].Counts)
		}
	})
}
