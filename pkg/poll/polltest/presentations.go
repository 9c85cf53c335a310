package polltest

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func (s *suite) presentations(t *testing.T) {
	store := s.store(t)

	readBack := func(t *testing.T, p poll.Presentation) {
		t.Helper()
		got, states, err := store.Presentation(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, p, got)
		require.Len(t, states, len(p.Polls))
		for i := range p.Polls {
			require.Equal(t, p.State(i), states[i])
			require.Equal(t, poll.Results{Poll: p.Polls[i], State: p.State(i)},
				results(t, store, p, i))
			require.Empty(t, list(t, store, p, i))
		}
	}

	t.Run("what was created is read back, polls of every kind in order", func(t *testing.T) {
		readBack(t, created(t, store, everyKind()...))
	})

	t.Run("text keeps every character", func(t *testing.T) {
		hard := `Ünï©ode 🗳️ ' " \ { } , NULL % _ $1 ?` + "\n\ttabs\u200b\u2028 العربية"
		p, err := poll.New(hard,
			[]poll.Poll{{Question: question.Question{Text: hard, Kind: question.Multiple,
				Options: []question.Option{
					{Key: `{"a", 'b'}\`, Value: hard}, {Key: "NULL", Value: "NULL"},
					{Key: "null", Value: `""`}, {Key: "ключ", Value: `\\`},
					{Key: "🗳️", Value: "{}"}, {Key: "a b", Value: "a,b"},
				}}}})
		require.NoError(t, err)
		p.JoinCode = "Zoë'" + p.ID.String()
		require.NoError(t, store.Create(t.Context(), p))
		readBack(t, p)
		id, title, err := store.Join(t.Context(), p.JoinCode)
		require.NoError(t, err)
		require.Equal(t, p.ID, id)
		require.Equal(t, p.Title, title)
	})

	t.Run("who sees results and which words are banned is kept", func(t *testing.T) {
		polls := threePolls()
		polls[0].Visibility, polls[0].Banned = poll.After, []string{"ü'{\"},", "NULL", "b"}
		polls[1].Visibility = poll.PresenterOnly
		p := created(t, store, polls...)
		require.Equal(t, poll.Live, p.Polls[2].Visibility)
		readBack(t, p)
	})

	t.Run("the largest presentation there may be fits", func(t *testing.T) {
		polls := make([]poll.Poll, poll.MaxPolls)
		for i := range polls {
			polls[i] = poll.Poll{Question: question.Question{Text: strings.Repeat("é", 600),
				Options: options("A", "B")}}
		}
		for i := range question.MaxOptions {
			polls[0].Options = append(polls[0].Options[:i], question.Option{
				Key: strings.Repeat("🗳", question.MaxKeyLength-4) + string(rune('a'+i/26)) +
					string(rune('a'+i%26)), Value: strings.Repeat("💬", question.MaxValueLength)})
		}
		p := newPresentation(t, polls...)
		p.Title = strings.Repeat("t", len(p.Title)+poll.MaxText-p.Text())
		require.Equal(t, poll.MaxText, p.Text())
		require.NoError(t, store.Create(t.Context(), p))
		readBack(t, p)
	})

	t.Run("a presentation of before there was a limit is read, and may only become smaller",
		func(t *testing.T) {
			p := newPresentation(t)
			for i := range p.Polls {
				p.Polls[i].Text = strings.Repeat("q", poll.MaxText)
			}
			require.NoError(t, store.Create(t.Context(), p))
			readBack(t, p)
			_, err := store.Edit(t.Context(), p.ID,
				poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "Q",
					Kind: question.OpenText}}})
			requireKind(t, fault.Invalid, err)
			readBack(t, p)
			_, err = store.Edit(t.Context(), p.ID, poll.DeletePoll{PollID: p.Polls[2].ID})
			require.NoError(t, err)
			p.Polls, p.Edits = p.Polls[:2], 1
			readBack(t, p)
		})

	t.Run("nothing is displayed at first", func(t *testing.T) {
		p := created(t, store)
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, poll.Display{
			PresentationID: p.ID, Admission: p.Admission, Slide: poll.Slide{Index: -1},
			Tokens: &p.Tokens, JoinCode: p.JoinCode,
		}, d)
	})

	t.Run("a poll opened at creation is displayed under version 1 and takes votes",
		func(t *testing.T) {
			p := newPresentation(t)
			require.NoError(t, p.Open(1))
			require.NoError(t, store.Create(t.Context(), p))
			readBack(t, p)
			d, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, poll.Display{
				PresentationID: p.ID, Admission: p.Admission,
				Slide: poll.Slide{Version: 1, Index: 1, Displayed: true}, Poll: &p.Polls[1],
				Tokens: &p.Tokens, JoinCode: p.JoinCode,
			}, d)
			require.Equal(t, []poll.Verdict{poll.Counted},
				count(t, store, votes(vote(p, 1, 1, "A"))).Verdicts[0])
		})

	t.Run("a join code or id that is there already is a conflict and nothing is written",
		func(t *testing.T) {
			first := created(t, store)
			second := newPresentation(t)
			second.JoinCode = first.JoinCode
			requireKind(t, fault.Conflict, store.Create(t.Context(), second))
			_, _, err := store.Presentation(t.Context(), second.ID)
			requireKind(t, fault.NotFound, err)
			requireKind(t, fault.Conflict, store.Create(t.Context(), first))
			readBack(t, first)

			second.JoinCode += "2" // and the same ids are free still
			require.NoError(t, store.Create(t.Context(), second))
			readBack(t, second)
		})

	t.Run("a join code is found as it was written only", func(t *testing.T) {
		p := newPresentation(t)
		p.JoinCode = "Code" + p.ID.String()
		require.NoError(t, store.Create(t.Context(), p))
		for _, code := range []string{"code" + p.ID.String(), p.JoinCode + " ", "", "%", "Code%",
			"Code\x00", p.JoinCode + "\x00", "Code\xff"} {
			_, _, err := store.Join(t.Context(), code)
			requireKind(t, fault.NotFound, err)
		}
	})

	t.Run("what does not exist is not found", func(t *testing.T) {
		mine, other := created(t, store), created(t, store)
		never := func(poll.VoterAnswer) error { t.Error("not found, but yielded"); return nil }
		for _, id := range []uuid.UUID{uuid.New(), uuid.Nil, uuid.Max, mine.Polls[0].ID} {
			_, _, err := store.Presentation(t.Context(), id)
			requireKind(t, fault.NotFound, err)
			_, err = store.Access(t.Context(), id)
			requireKind(t, fault.NotFound, err)
			requireKind(t, fault.NotFound,
				store.SetAccess(t.Context(), id, mine.TokenHash, mine.Tokens))
			requireKind(t, fault.NotFound, store.SetJoinCode(t.Context(), id, "nobody's"))
			expired, err := store.Expire(t.Context(), id, 0)
			require.NoError(t, err)
			require.False(t, expired)
			_, err = store.Display(t.Context(), id)
			requireKind(t, fault.NotFound, err)
			for target := poll.ToNext; target <= poll.ToOpen; target++ {
				_, err = store.Transit(t.Context(), id,
					poll.Move{To: target, PollID: mine.Polls[0].ID}, nil)
				requireKind(t, fault.NotFound, err)
			}
			_, err = store.Edit(t.Context(), id, poll.EditPresentation{Title: new("nobody's")})
			requireKind(t, fault.NotFound, err)
			_, err = store.Edit(t.Context(), id, poll.DeletePoll{PollID: mine.Polls[0].ID})
			requireKind(t, fault.NotFound, err)
			requireKind(t, fault.NotFound, store.Delete(t.Context(), id, nil))
			_, err = store.Results(t.Context(), id, mine.Polls[0].ID)
			requireKind(t, fault.NotFound, err)
			requireKind(t, fault.NotFound,
				store.Votes(t.Context(), id, mine.Polls[0].ID, uuid.Nil, never))
		}
		for _, id := range []uuid.UUID{uuid.New(), uuid.Nil, other.Polls[0].ID, mine.ID} {
			_, err := store.Results(t.Context(), mine.ID, id)
			requireKind(t, fault.NotFound, err)
			requireKind(t, fault.NotFound, store.Votes(t.Context(), mine.ID, id, uuid.Nil, never))
			_, err = store.Transit(t.Context(), mine.ID,
				poll.Move{To: poll.ToPoll, PollID: id}, nil)
			requireKind(t, fault.NotFound, err)
			for _, e := range []poll.Edit{poll.DeletePoll{PollID: id}, poll.Reset{PollID: id},
				poll.EditPoll{PollID: id}} {
				if id == uuid.Nil {
					continue // the wire refuses it
				}
				_, err = store.Edit(t.Context(), mine.ID, e)
				requireKind(t, fault.NotFound, err)
			}
		}
		readBack(t, mine)
		readBack(t, other)
	})

	t.Run("it answers", func(t *testing.T) { require.NoError(t, store.Ping(t.Context())) })
}
