package polltest

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// model is what a store must look like, told as simply as possible and without a word of
// poll.Ledger. It keeps votes and goes through everything one by one. Whenever somebody asks, it
// counts from the votes.
type model struct {
	polls map[uuid.UUID]*modelPoll
	seen  map[uuid.UUID]bool // batches
}

type modelPoll struct {
	kind           question.Kind
	options        []string
	status         poll.Status
	opened, sealed int64
	votes          map[uuid.UUID]poll.Vote
}

func newModel(p poll.Presentation) *model {
	m := &model{map[uuid.UUID]*modelPoll{}, map[uuid.UUID]bool{}}
	for _, q := range p.Polls {
		mp := &modelPoll{kind: q.Kind, status: poll.Pending, votes: map[uuid.UUID]poll.Vote{}}
		for _, o := range q.Options {
			mp.options = append(mp.options, o.Key)
		}
		m.polls[q.ID] = mp
	}
	return m
}

// turn takes note of a transition.
func (m *model) turn(t poll.Turn) {
	if !t.Changed {
		return
	}
	if t.Ended != nil {
		m.polls[t.Ended.PollID].status = poll.Closing
	}
	if t.Poll != nil && !t.Closed {
		m.polls[t.Poll.ID].status, m.polls[t.Poll.ID].opened = poll.Open, t.Version
	}
}

// mayReset says whether a poll can be reset.
func (m *model) mayReset(id uuid.UUID) bool {
	return m.polls[id].status == poll.Final || m.polls[id].status == poll.Pending
}

// reset forgets a poll's votes.
func (m *model) reset(id uuid.UUID) {
	q := m.polls[id]
	q.status, q.opened, q.votes = poll.Pending, 0, map[uuid.UUID]poll.Vote{}
}

// count gives the verdicts of a call.
func (m *model) count(batches []poll.Batch) [][]poll.Verdict {
	all := make([][]poll.Verdict, len(batches))
	standing := map[[2]uuid.UUID]*poll.Verdict{} // of the votes that this call has counted so far
	for i, b := range batches {
		if m.seen[b.ID] {
			continue
		}
		m.seen[b.ID] = true
		all[i] = make([]poll.Verdict, len(b.Votes))
		before := m.voted()
		for j, v := range b.Votes {
			all[i][j] = m.vote(v, b.Replayed && before[[2]uuid.UUID{v.PollID, v.VoterID}])
			if all[i][j] == poll.Counted {
				key := [2]uuid.UUID{v.PollID, v.VoterID}
				if earlier := standing[key]; earlier != nil {
					*earlier = poll.Superseded
				}
				standing[key] = &all[i][j]
			}
		}
		if b.Seal != nil {
			m.seal(*b.Seal)
		}
	}
	return all
}

// voted tells who has a vote in which poll.
func (m *model) voted() map[[2]uuid.UUID]bool {
	has := map[[2]uuid.UUID]bool{}
	for pollID, q := range m.polls {
		for voterID := range q.votes {
			has[[2]uuid.UUID{pollID, voterID}] = true
		}
	}
	return has
}

// vote counts a vote. outdone: it was replayed, and its voter had one before.
func (m *model) vote(v poll.Vote, outdone bool) poll.Verdict {
	q := m.polls[v.PollID]
	if q == nil {
		return poll.Rejected
	}
	if v.Version <= q.sealed {
		return poll.Late
	}
	if !q.takes(v.Answer) {
		return poll.Rejected
	}
	if outdone {
		return poll.Superseded
	}
	if old, voted := q.votes[v.VoterID]; voted && v.Seq < old.Seq {
		return poll.Superseded
	}
	q.votes[v.VoterID] = v
	return poll.Counted
}

// takes knows the answers that the drill draws, and no others.
func (q *modelPoll) takes(a question.Answer) bool {
	if a == "" { // it takes back
		return true
	}
	lines := strings.Split(string(a), "\n")
	switch q.kind {
	case question.WordCloud, question.OpenText:
		return a != "" && !strings.ContainsAny(string(a), "\x00") && utf8.ValidString(string(a)) &&
			(q.kind == question.WordCloud || len(lines) == 1)
	}
	return !slices.ContainsFunc(lines,
		func(key string) bool { return !slices.Contains(q.options, key) })
}

// words counts the words of a poll's votes.
func (m *model) words(id uuid.UUID) map[string]int64 {
	q, counts := m.polls[id], map[string]int64{}
	for _, v := range q.standing() {
		said := map[string]bool{}
		for _, text := range strings.Split(string(v.Answer), "\n") {
			if q.kind == question.WordCloud {
				text = strings.ToLower(strings.TrimRight(text, "!"))
			}
			if (q.kind == question.WordCloud || q.kind == question.OpenText) && !said[text] {
				said[text] = true
				counts[text]++
			}
		}
	}
	return counts
}

// standing gives the votes that were not taken back.
func (q *modelPoll) standing() map[uuid.UUID]poll.Vote {
	standing := map[uuid.UUID]poll.Vote{}
	for voter, v := range q.votes {
		if v.Answer != "" {
			standing[voter] = v
		}
	}
	return standing
}

func (m *model) seal(s poll.Seal) {
	q := m.polls[s.PollID]
	if q == nil {
		return
	}
	q.sealed = max(q.sealed, s.Version)
	if q.status == poll.Closing && q.opened == s.Version {
		q.status = poll.Final
	}
}

// state counts a poll's votes. The model has no revisions.
func (m *model) state(id uuid.UUID) poll.State {
	q := m.polls[id]
	s := poll.State{
		Status: q.status, Opened: q.opened, Sealed: q.sealed, Voters: int64(len(q.standing())),
		Counts: make([]int64, len(q.options)),
	}
	for _, v := range q.standing() {
		for _, key := range v.Answer.Keys() {
			if i := slices.Index(q.options, key); i >= 0 {
				s.Counts[i]++
			}
		}
	}
	return s
}
