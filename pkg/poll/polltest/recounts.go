package polltest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/work"
)

// Recounts says that a store is a poll.RecountStore. spoil runs a statement of no store on what it
// keeps, whose one parameter is a poll's id.
func Recounts(spoil func(t *testing.T, s Store, statement string, pollID uuid.UUID)) Capability {
	return func(s *suite) { s.spoil = spoil }
}

func (s *suite) recounts(t *testing.T) {
	store := s.store(t)
	recounter := poll.NewRecounter(store.(poll.RecountStore))
	recount := func(t *testing.T, repair bool) (n int, found []work.Difference) {
		n, err := recounter.Recount(t.Context(), repair, func(d work.Difference) {
			found = append(found, d)
		})
		require.NoError(t, err)
		return n, found
	}
	p := created(t, store, everyKind()...)
	for i := range p.Polls {
		version := show(t, store, p, i)
		answers := []question.Answer{"A", "B"}
		if p.Polls[i].Kind.FreeText() {
			answers = []question.Answer{"Rome", "ROME"}
		} else if keys := p.Polls[i].Options; keys[0].Key != "A" {
			answers = []question.Answer{question.Answer(keys[0].Key), question.Answer(keys[1].Key)}
		}
		back := vote(p, i, version, answers[0])
		first, second := vote(p, i, version, answers[0]), vote(p, i, version, answers[1])
		count(t, store, votes(first, second, back))
		back.Answer, back.ID = "", uuid.New()
		count(t, store, votes(back))
	}
	n, found := recount(t, false)
	require.Equal(t, len(p.Polls), n)
	require.Empty(t, found)

	first, cloud := p.Polls[0].ID, p.Polls[len(p.Polls)-2].ID
	before := results(t, store, p, 0)
	s.spoil(t, store, `UPDATE poll_states SET voters = voters + 5 WHERE poll_id = `, first)
	s.spoil(t, store, `UPDATE words SET count = count + 7 WHERE poll_id = `, cloud)
	want := map[uuid.UUID]work.Difference{
		first: {Thing: first, What: "voters", Tally: []int64{7}, Rows: []int64{2}},
		cloud: {Thing: cloud, What: "words", Tally: []int64{9}, Rows: []int64{2}},
	}
	for range 2 {
		_, found = recount(t, false)
		require.Len(t, found, 2, "what is asked alone changes nothing")
		for _, d := range found {
			require.Equal(t, want[d.Thing], d)
		}
	}
	_, found = recount(t, true)
	require.Len(t, found, 2)
	require.True(t, found[0].Mended && found[1].Mended)
	_, found = recount(t, false)
	require.Empty(t, found)
	now := results(t, store, p, 0)
	require.Equal(t, before.Voters, now.Voters)
	require.Equal(t, before.Revision+1, now.Revision, "people see it")
	requireRecount(t, store, p, len(p.Polls)-2)

	s.spoil(t, store, `UPDATE spellings SET count = count + 4 WHERE poll_id = `, cloud)
	_, found = recount(t, true)
	require.Equal(t, []work.Difference{{
		Thing: cloud, What: "spellings of words", Tally: []int64{5, 5}, Rows: []int64{1, 1},
		Mended: true,
	}}, found)
	_, found = recount(t, false)
	require.Empty(t, found)
	requireRecount(t, store, p, len(p.Polls)-2)
	_, err := store.(poll.RecountStore).Recount(t.Context(), uuid.New(), true)
	requireKind(t, fault.NotFound, err)
}
