package feed

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
)

const noon = int64(20_833)*int64(24*time.Hour/time.Millisecond) + 12*hourMillis

func voteOn(poll, who byte, option int) Item {
	return Item{
		ID: uuid.New(), PollID: id(poll), Account: id(who), Action: Vote, Option: option, At: noon,
	}
}

// ledgerOf gives a ledger that knows polls 1 and 2 of two options, and has walked up to Settle.
func ledgerOf(rules Rules, batches ...Batch) *Ledger {
	l := NewLedger(rules, batches)
	isNew := map[uuid.UUID]bool{}
	for _, id := range l.IDs() {
		isNew[id] = true
	}
	l.Walk(isNew, uuid.Nil)
	for _, n := range []byte{1, 2} {
		l.Poll(Counted{PollID: id(n), Options: 2, Tally: Tally{Votes: []int64{0, 0}}, Revision: 4})
	}
	return l
}

func TestALedgerAsksForEachThingOnceInOrder(t *testing.T) {
	var items []Item
	for _, n := range rand.Perm(40) {
		items = append(items, voteOn(byte(n%5), byte(n%8), 0))
	}
	items[7].Keyed = true
	l := NewLedger(Rules{}, []Batch{{ID: id(1), Items: items[:9]}, {ID: id(2), Items: items[9:]}})
	require.Equal(t, []uuid.UUID{id(1), id(2)}, l.IDs())
	require.Equal(t, []uuid.UUID{id(0), id(1), id(2), id(3), id(4)}, l.Polls())
	require.Len(t, l.Members(), 8)
	require.IsIncreasing(t, texts(l.Members()))
	require.Equal(t, []uuid.UUID{items[7].ID}, l.Keyed())
	require.Len(t, l.Keys(), 40)
}

func texts(ids []uuid.UUID) (all []string) {
	for _, id := range ids {
		all = append(all, id.String())
	}
	return all
}

func TestALedgerWritesWhatChangesAndNothingElse(t *testing.T) {
	first, again := voteOn(1, 5, 1), voteOn(1, 5, 0)
	gone := voteOn(9, 5, 0)
	l := ledgerOf(Rules{DailyVotes: 9}, Batch{ID: id(1), Partition: 3, Items: []Item{
		first, again, gone, voteOn(2, 6, 7),
		{ID: id(8), PollID: id(2), Account: id(6), Action: Unskip},
	}})
	settled, outcome := l.Settle()
	require.Equal(t, [][]Result{{
		{Verdict: Done}, {Verdict: VotedBefore}, {Verdict: PollGone}, {Verdict: NoOption},
		{Verdict: Done},
	}}, outcome.Results)
	require.Equal(t, Settled{
		Answers: []Answer{{Key: first.key(), Option: 1, At: noon}},
		Members: []Member{{Account: id(5), Partition: 3, Day: 20_833, Used: 1}},
		Polls: []Counted{{
			PollID: id(1), Options: 2, Tally: Tally{Votes: []int64{0, 1}}, Revision: 5,
		}},
		Hours: []PollHour{{id(1), Hour{noon, 1}}},
	}, settled)
	require.Equal(t, []bus.Change{{Thing: id(1), Part: id(1), Revision: 5}}, outcome.Changed)
}

func TestWhatComesAndGoesInOneTransactionLeavesNoRow(t *testing.T) {
	vote := voteOn(1, 5, 1)
	back := vote
	back.ID, back.Action, back.Option = uuid.New(), Withdraw, 0
	l := ledgerOf(Rules{Undo: time.Hour}, Batch{ID: id(1), Items: []Item{vote, back}})
	settled, _ := l.Settle()
	require.Empty(t, settled.Answers)
	require.Empty(t, settled.Gone)
	require.Empty(t, settled.Hours)
	require.Equal(t, []int64{0, 0}, settled.Polls[0].Votes)
	require.Equal(t, 1, settled.Members[0].Used, "it was one of the day's votes")
}

func TestAVoteThatIsWithdrawnLeavesTheHourInWhichItWasGiven(t *testing.T) {
	stood := Answer{Key: Key{id(5), id(1)}, Option: 1, At: noon + 5}
	back := Item{
		ID: id(7), PollID: id(1), Account: id(5), Action: Withdraw, At: noon + 2*hourMillis,
	}
	l := ledgerOf(Rules{Undo: 3 * time.Hour}, Batch{ID: id(1), Items: []Item{back}})
	l.Poll(Counted{PollID: id(1), Options: 2, Tally: Tally{Votes: []int64{0, 1}}})
	l.Old(stood)
	settled, _ := l.Settle()
	require.Equal(t, []Key{stood.Key}, settled.Gone)
	require.Equal(t, []PollHour{{id(1), Hour{noon, -1}}}, settled.Hours)
}

func TestABatchThatIsKnownOrEmptyHasNoEffect(t *testing.T) {
	l := NewLedger(Rules{}, []Batch{
		{ID: id(1), Items: []Item{voteOn(1, 5, 0)}}, {ID: id(2)},
	})
	l.Walk(map[uuid.UUID]bool{id(2): true}, uuid.Nil)
	l.Poll(Counted{PollID: id(1), Options: 2, Tally: Tally{Votes: []int64{0, 0}}})
	settled, outcome := l.Settle()
	require.Equal(t, Settled{}, settled)
	require.Equal(t, [][]Result{nil, nil}, outcome.Results)
	require.Empty(t, outcome.Changed)
}

func TestPollsWhoseAnswersAreNotKeptAreClosed(t *testing.T) {
	l := ledgerOf(Rules{}, Batch{ID: id(1), Items: []Item{
		voteOn(1, 5, 0), {ID: id(8), PollID: id(1), Account: id(6), Action: Unskip},
		voteOn(2, 5, 0),
	}})
	l.Walk(map[uuid.UUID]bool{id(1): true}, id(2))
	settled, outcome := l.Settle()
	require.Equal(t, [][]Result{{
		{Verdict: PollClosed}, {Verdict: PollClosed}, {Verdict: Done},
	}}, outcome.Results)
	require.Len(t, settled.Answers, 1)
}

func TestHoursThatDifferAreSaidOneBesideTheOther(t *testing.T) {
	kept, rows := aligned([]Hour{{1, 5}, {3, 6}}, []Hour{{2, 7}, {3, 8}, {4, 9}})
	require.Equal(t, []int64{5, 0, 6, 0}, kept)
	require.Equal(t, []int64{0, 7, 8, 9}, rows)
}
