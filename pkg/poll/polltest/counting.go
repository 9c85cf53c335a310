package polltest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// vote is a new voter's vote.
func vote(p poll.Presentation, index int, version int64, answer question.Answer) poll.Vote {
	return poll.Vote{ID: uuid.New(), PollID: p.Polls[index].ID, VoterID: uuid.New(),
		Version: version, Answer: answer}
}

// by is another vote, of that voter and with that seq.
func by(voter uuid.UUID, seq int64, v poll.Vote) poll.Vote {
	v.VoterID, v.Seq = voter, seq
	return v
}

func votes(list ...poll.Vote) poll.Batch { return poll.Batch{ID: uuid.New(), Votes: list} }

func replayed(list ...poll.Vote) poll.Batch {
	return poll.Batch{ID: uuid.New(), Votes: list, Replayed: true}
}

func seal(p poll.Presentation, index int, version int64) poll.Batch {
	return poll.Batch{ID: uuid.New(), Seal: &poll.Seal{PollID: p.Polls[index].ID, Version: version}}
}

// in puts batches into a partition.
func in(partition int, batches ...poll.Batch) []poll.Batch {
	batches = slices.Clone(batches)
	for i := range batches {
		batches[i].Partition = partition
	}
	return batches
}

// count counts batches in one call.
func count(t *testing.T, s Store, batches ...poll.Batch) poll.Outcome {
	t.Helper()
	o, err := s.Count(t.Context(), batches)
	require.NoError(t, err)
	require.Len(t, o.Verdicts, len(batches))
	return o
}

const (
	counted    = poll.Counted
	superseded = poll.Superseded
	late       = poll.Late
	rejected   = poll.Rejected
)

type verdicts = []poll.Verdict

func (s *suite) counting(t *testing.T) {
	store := s.store(t)
	voter := uuid.New()

	// begin makes a presentation whose poll with that index is displayed.
	begin := func(t *testing.T, index int) (poll.Presentation, int64) {
		p := created(t, store)
		return p, show(t, store, p, index)
	}
	tally := func(t *testing.T, p poll.Presentation, index int, voters int64, counts ...int64) {
		t.Helper()
		r := results(t, store, p, index)
		require.Equal(t, counts, r.Counts)
		require.Equal(t, voters, r.Voters)
		require.Len(t, list(t, store, p, index), int(voters))
	}

	t.Run("votes are counted once and announced", func(t *testing.T) {
		p, v := begin(t, 0)
		before := results(t, store, p, 0)
		o := count(t, store, votes(vote(p, 0, v, "A"), vote(p, 0, v, "B")),
			votes(vote(p, 0, v, "B")))
		require.Equal(t, []verdicts{{counted, counted}, {counted}}, o.Verdicts)
		tally(t, p, 0, 3, 1, 2, 0)
		r := results(t, store, p, 0)
		require.Equal(t, []bus.Change{{Thing: p.ID, Part: p.Polls[0].ID, Version: v,
			Revision: r.Revision}}, o.Changed)
		require.Greater(t, r.Revision, before.Revision)
		require.Equal(t, before.Status, r.Status)
		require.Equal(t, before.Opened, r.Opened)
	})

	t.Run("a batch given twice in one call counts once", func(t *testing.T) {
		p, v := begin(t, 0)
		b := votes(vote(p, 0, v, "A"))
		require.Equal(t, []verdicts{{counted}, nil}, count(t, store, b, b).Verdicts)
		tally(t, p, 0, 1, 1, 0, 0)
	})

	t.Run("a batch given again later has no effect and no verdicts", func(t *testing.T) {
		p, v := begin(t, 0)
		first := votes(by(voter, 0, vote(p, 0, v, "A")))
		count(t, store, first)
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "B"))))
		before := results(t, store, p, 0)
		for range 3 {
			o := count(t, store, first)
			require.Equal(t, []verdicts{nil}, o.Verdicts)
			require.Empty(t, o.Changed)
		}
		require.Equal(t, before, results(t, store, p, 0))
		require.Equal(t, []poll.VoterAnswer{{VoterID: voter, Answer: "B"}},
			said(list(t, store, p, 0)))
	})

	t.Run("an old batch among new ones has no effect while they have theirs", func(t *testing.T) {
		p, v := begin(t, 0)
		old := votes(by(voter, 0, vote(p, 0, v, "A")))
		count(t, store, old, votes(by(voter, 0, vote(p, 0, v, "B"))))
		o := count(t, store, votes(vote(p, 0, v, "C")), old, votes(vote(p, 0, v, "C")))
		require.Equal(t, []verdicts{{counted}, nil, {counted}}, o.Verdicts)
		tally(t, p, 0, 3, 0, 1, 2)
	})

	t.Run("no batches are no work", func(t *testing.T) {
		o, err := store.Count(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, o.Verdicts)
		require.Empty(t, o.Changed)
	})

	t.Run("a later vote replaces the earlier one, in later calls and within one",
		func(t *testing.T) {
			p, v := begin(t, 0)
			require.Equal(t, []verdicts{{counted}},
				count(t, store, votes(by(voter, 0, vote(p, 0, v, "A")))).Verdicts)
			tally(t, p, 0, 1, 1, 0, 0)
			require.Equal(t, []verdicts{{counted}},
				count(t, store, votes(by(voter, 0, vote(p, 0, v, "B")))).Verdicts)
			tally(t, p, 0, 1, 0, 1, 0)
			o := count(t, store, votes(by(voter, 0, vote(p, 0, v, "C")),
				by(voter, 0, vote(p, 0, v, "A"))), votes(by(voter, 0, vote(p, 0, v, "C"))))
			require.Equal(t, []verdicts{{superseded, superseded}, {counted}}, o.Verdicts)
			tally(t, p, 0, 1, 0, 0, 1)
		})

	t.Run("the same answer again changes no tally", func(t *testing.T) {
		p, v := begin(t, 0)
		for range 2 {
			require.Equal(t, []verdicts{{counted}},
				count(t, store, votes(by(voter, 0, vote(p, 0, v, "A")))).Verdicts)
			tally(t, p, 0, 1, 1, 0, 0)
		}
	})

	t.Run("the voter's own counter decides when votes come out of order", func(t *testing.T) {
		p, v := begin(t, 0)
		o := count(t, store, votes(by(voter, 7, vote(p, 0, v, "A")),
			by(voter, 5, vote(p, 0, v, "B"))))
		require.Equal(t, []verdicts{{counted, superseded}}, o.Verdicts)
		tally(t, p, 0, 1, 1, 0, 0)
		o = count(t, store, votes(by(voter, 6, vote(p, 0, v, "B"))))
		require.Equal(t, []verdicts{{superseded}}, o.Verdicts)
		require.Empty(t, o.Changed)
		tally(t, p, 0, 1, 1, 0, 0)
		require.Equal(t, []verdicts{{counted}},
			count(t, store, votes(by(voter, 8, vote(p, 0, v, "C")))).Verdicts)
		tally(t, p, 0, 1, 0, 0, 1)
	})

	t.Run("the largest counters are kept exactly", func(t *testing.T) {
		p, v := begin(t, 0)
		const top = 1<<63 - 1
		count(t, store, votes(by(voter, top, vote(p, 0, v, "A"))))
		require.Equal(t, []verdicts{{superseded}},
			count(t, store, votes(by(voter, top-1, vote(p, 0, v, "B")))).Verdicts)
		require.Equal(t, []verdicts{{counted}},
			count(t, store, votes(by(voter, top, vote(p, 0, v, "C")))).Verdicts)
		tally(t, p, 0, 1, 0, 0, 1)
	})

	t.Run("a later vote replaces one under a newer version, until its own is sealed",
		func(t *testing.T) {
			p, first := begin(t, 0)
			show(t, store, p, 1)
			again := show(t, store, p, 0)
			count(t, store, votes(by(voter, 2, vote(p, 0, again, "A"))))
			require.Equal(t, []verdicts{{superseded}},
				count(t, store, votes(by(voter, 1, vote(p, 0, first, "B")))).Verdicts)
			require.Equal(t, []verdicts{{counted}},
				count(t, store, votes(by(voter, 3, vote(p, 0, first, "C")))).Verdicts)
			tally(t, p, 0, 1, 0, 0, 1)
			count(t, store, seal(p, 0, first))
			require.Equal(t, []verdicts{{late}},
				count(t, store, votes(by(voter, 4, vote(p, 0, first, "B")))).Verdicts)
			require.Equal(t, []verdicts{{counted}},
				count(t, store, votes(by(voter, 4, vote(p, 0, again, "B")))).Verdicts)
			tally(t, p, 0, 1, 0, 1, 0)
		})

	t.Run("a vote with several options moves the tallies by the difference and counts one person",
		func(t *testing.T) {
			p, v := begin(t, 1)
			count(t, store, votes(by(voter, 0, vote(p, 1, v, "A\nB\nC")), vote(p, 1, v, "B")))
			tally(t, p, 1, 2, 1, 2, 1, 0)
			count(t, store, votes(by(voter, 0, vote(p, 1, v, "B\nD"))))
			tally(t, p, 1, 2, 0, 2, 0, 1)
		})

	t.Run("votes that refer to nothing are rejected, good ones beside them count",
		func(t *testing.T) {
			p, v := begin(t, 0)
			unknown := vote(p, 0, v, "A")
			unknown.PollID = uuid.New()
			o := count(t, store,
				votes(vote(p, 0, v, "Z"), vote(p, 0, v, "A"), unknown, vote(p, 0, v, "\n"),
					vote(p, 0, v, "A\nZ"), vote(p, 0, v, "B")),
				poll.Batch{ID: uuid.New(), Seal: &poll.Seal{PollID: uuid.New(), Version: 1}})
			require.Equal(t, []verdicts{{rejected, counted, rejected, rejected, rejected, counted},
				{}}, o.Verdicts)
			tally(t, p, 0, 2, 1, 1, 0)
		})

	t.Run("a replayed vote counts only for a voter who has none", func(t *testing.T) {
		p, v := begin(t, 0)
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "A"))))
		before := results(t, store, p, 0)
		o := count(t, store, replayed(by(voter, 9, vote(p, 0, v+1, "B"))))
		require.Equal(t, []verdicts{{superseded}}, o.Verdicts)
		require.Empty(t, o.Changed)
		require.Equal(t, before, results(t, store, p, 0))
		require.Equal(t, []verdicts{{counted}},
			count(t, store, replayed(vote(p, 0, v, "B"))).Verdicts)
		tally(t, p, 0, 2, 1, 1, 0)
	})

	t.Run("a replayed vote that counts is replaced like any other", func(t *testing.T) {
		p, v := begin(t, 0)
		count(t, store, replayed(by(voter, 0, vote(p, 0, v, "A"))))
		require.Equal(t, []verdicts{{counted}},
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "B")))).Verdicts)
		tally(t, p, 0, 1, 0, 1, 0)
		o := count(t, store, replayed(vote(p, 0, v, "C")), votes(by(voter, 0, vote(p, 0, v, "C"))))
		require.Equal(t, []verdicts{{counted}, {counted}}, o.Verdicts)
		tally(t, p, 0, 2, 0, 0, 2)
	})

	t.Run("of several votes of one voter in a replayed batch the last counts", func(t *testing.T) {
		p, v := begin(t, 0)
		o := count(t, store, replayed(by(voter, 0, vote(p, 0, v, "A")),
			by(voter, 0, vote(p, 0, v, "B"))), replayed(by(voter, 0, vote(p, 0, v, "C"))))
		require.Equal(t, []verdicts{{superseded, counted}, {superseded}}, o.Verdicts)
		tally(t, p, 0, 1, 0, 1, 0)
	})

	t.Run("a batch that was counted before has no effect when it is replayed", func(t *testing.T) {
		p, v := begin(t, 0)
		b := votes(vote(p, 0, v, "A"))
		count(t, store, b)
		b.Replayed = true
		require.Equal(t, []verdicts{nil}, count(t, store, b).Verdicts)
		tally(t, p, 0, 1, 1, 0, 0)
	})

	t.Run("a replayed vote behind its seal is late", func(t *testing.T) {
		p, v := begin(t, 0)
		o := count(t, store, seal(p, 0, v), replayed(vote(p, 0, v, "A"), vote(p, 0, v+1, "B")))
		require.Equal(t, []verdicts{{}, {late, counted}}, o.Verdicts)
		tally(t, p, 0, 1, 0, 1, 0)
	})

	t.Run("only ids that are old enough are forgotten, and no more than asked for",
		func(t *testing.T) {
			store := s.store(t)
			p := created(t, store)
			v := show(t, store, p, 0)
			b := votes(vote(p, 0, v, "A"))
			count(t, store, b, votes(vote(p, 0, v, "A")))
			n, err := store.Forget(t.Context(), time.Hour, 100)
			require.NoError(t, err)
			require.Zero(t, n)
			require.Empty(t, count(t, store, b).Changed, "still known")
			for dropped := 1; dropped > 0; {
				dropped, err = store.Forget(t.Context(), -time.Hour, 1)
				require.NoError(t, err)
				require.LessOrEqual(t, dropped, 1)
			}
			require.NotEmpty(t, count(t, store, b).Changed,
				"forgotten: it would have its effect again")
		})
	t.Run("a batch without a good vote is recorded all the same", func(t *testing.T) {
		p, v := begin(t, 0)
		bad := votes(vote(p, 0, v, "Z"))
		require.Equal(t, []verdicts{{rejected}}, count(t, store, bad).Verdicts)
		require.Equal(t, []verdicts{nil}, count(t, store, bad).Verdicts)
		tally(t, p, 0, 0, 0, 0, 0)
	})

	t.Run("a vote is taken back, its row stays, and it is given again", func(t *testing.T) {
		for i, answer := range []question.Answer{"A", "B\nD", "5", "Berlin\nRome", "Why not?"} {
			p := created(t, store, everyKind()...)
			v := show(t, store, p, i)
			given, another := vote(p, i, v, answer), vote(p, i, v, answer)
			count(t, store, votes(given, another))
			before := results(t, store, p, i)
			again := func(a question.Answer) poll.Vote {
				return by(given.VoterID, 7,
					vote(p, i, v, a))
			}
			o := count(t, store, votes(again("")))
			require.Equal(t, []verdicts{{counted}}, o.Verdicts)
			require.Len(t, o.Changed, 1)
			r := results(t, store, p, i)
			require.EqualValues(t, 1, r.Voters)
			require.Equal(t, before.WordsTotal, r.WordsTotal)
			require.Equal(t, []uuid.UUID{another.VoterID}, votersOf(list(t, store, p, i)),
				"who took theirs back is not in the list")
			requireRecount(t, store, p, i)

			o = count(t, store, votes(by(given.VoterID, 6, vote(p, i, v, answer))),
				replayed(by(given.VoterID, 9, vote(p, i, v, answer))), votes(again("")))
			require.Equal(t, []verdicts{{superseded}, {superseded}, {counted}}, o.Verdicts,
				"nothing of before comes back")
			require.EqualValues(t, 1, results(t, store, p, i).Voters)
			require.Equal(t, []verdicts{{counted}}, count(t, store, votes(again(answer))).Verdicts)
			r = results(t, store, p, i)
			require.Equal(t, before.Counts, r.Counts)
			require.EqualValues(t, 2, r.Voters)
			requireRecount(t, store, p, i)

			stranger := vote(p, i, v, "")
			require.Equal(t, []verdicts{{counted}}, count(t, store, votes(stranger)).Verdicts,
				"who has none takes back none")
			require.EqualValues(t, 2, results(t, store, p, i).Voters)
			require.Equal(t, []verdicts{{superseded}},
				count(t, store, replayed(by(stranger.VoterID, 9, vote(p, i, v, answer)))).Verdicts)
			count(t, store, seal(p, i, v))
			require.Equal(t, []verdicts{{late}},
				count(t, store, votes(by(given.VoterID, 9, vote(p, i, v, "")))).Verdicts)
			requireRecount(t, store, p, i)
		}
	})

	t.Run("one call counts for many polls of many presentations", func(t *testing.T) {
		var batch poll.Batch
		var all []poll.Presentation
		for i := range 12 {
			p, v := begin(t, i%3)
			all = append(all, p)
			answer := question.Answer("A")
			if i%3 == 2 {
				answer = "1"
			}
			batch.Votes = append(batch.Votes, vote(p, i%3, v, answer), vote(p, i%3, v, answer))
		}
		batch.ID = uuid.New()
		o := count(t, store, batch)
		require.Len(t, o.Changed, len(all))
		for i, p := range all {
			r := results(t, store, p, i%3)
			require.EqualValues(t, 2, r.Voters)
			require.EqualValues(t, 2, r.Counts[0])
		}
	})

	t.Run("a full batch of 5000 votes counts exactly, new and changed", func(t *testing.T) {
		p, v := begin(t, 0)
		big := poll.Batch{ID: uuid.New()}
		for range 5000 {
			big.Votes = append(big.Votes, vote(p, 0, v, "A"))
		}
		count(t, store, big)
		tally(t, p, 0, 5000, 5000, 0, 0)
		big.ID = uuid.New()
		for i := range big.Votes {
			big.Votes[i].Answer = []question.Answer{"A", "B"}[i%2]
		}
		count(t, store, big)
		tally(t, p, 0, 5000, 2500, 2500, 0)
	})
}

func votersOf(list []poll.VoterAnswer) (voters []uuid.UUID) {
	for _, a := range list {
		voters = append(voters, a.VoterID)
	}
	return voters
}
