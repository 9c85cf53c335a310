package poll_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// heavy gives polls with as much text as a presentation may have in all, less what a title of one
// byte takes, plus more.
func heavy(more int) []poll.Poll {
	const each = 20_000
	polls := make([]poll.Poll, 0, poll.MaxText/each+1)
	for left := poll.MaxText - 1 + more; left > 0; left -= each {
		q := poll.Poll{Question: question.Question{Text: "q"}}
		size := min(left, each) - len(q.Text)
		for n := 0; size > 0; n++ {
			key := fmt.Sprintf("%03d", n)
			value := strings.Repeat("é", (min(size, 1500)-len(key))/2)
			if size < 1500 && len(key)+len(value) < size {
				value += "x"
			}
			q.Options = append(q.Options, question.Option{Key: key, Value: value})
			size -= len(key) + len(value)
		}
		polls = append(polls, q)
	}
	return polls
}

func TestAPresentationHasABoundOfTextInAll(t *testing.T) {
	p, err := poll.New("t", heavy(0))
	require.NoError(t, err)
	require.Equal(t, poll.MaxText, p.Text())
	banned := heavy(0)
	banned[0] = poll.Poll{Question: question.Question{Text: banned[0].Text, Kind: question.OpenText,
		Banned: []string{strings.Repeat("b", question.MaxBannedLength)}}}
	p, err = poll.New("t", banned)
	require.NoError(t, err)
	require.Equal(t, poll.MaxText-20_000+len("q")+question.MaxBannedLength, p.Text(),
		"banned words are text, too")
	for name, c := range map[string]struct {
		title string
		polls []poll.Poll
	}{
		"a poll":  {"t", heavy(1)},
		"a title": {"tt", heavy(0)},
		"a word": {"t", append(heavy(-1),
			poll.Poll{Question: question.Question{Text: "q", Kind: question.OpenText,
				Banned: []string{"b"}}})},
	} {
		p, err := poll.New(c.title, c.polls)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.ErrorContains(t, err, "polls")
		require.ErrorContains(t, err, "at most 1048576 bytes in all", name)
		require.Empty(t, p, name)
	}
}

func TestNoEditMakesAPresentationTooLarge(t *testing.T) {
	p, err := poll.New("t", heavy(0))
	require.NoError(t, err)
	first := p.Polls[0]
	larger := append([]question.Option{{Key: "more", Value: "v"}},
		first.Options[:len(first.Options)-1]...)
	larger[1].Value += "xy"
	grown := append(append([]question.Option{}, first.Options...),
		question.Option{Key: "more", Value: "v"})
	for name, c := range map[string]struct {
		edit  poll.Edit
		field string
	}{
		"another poll": {poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "q",
			Kind: question.OpenText}}}, "polls"},
		"a longer title": {poll.EditPresentation{Title: of("tt")}, "title"},
		"another option": {poll.EditPoll{PollID: first.ID, Options: &grown}, "polls"},
		"a longer text":  {poll.EditPoll{PollID: first.ID, Question: of("qq")}, "polls"},
		"one more ban":   {poll.EditPoll{PollID: first.ID, Banned: &[]string{"b"}}, "polls"},
		"options it makes": {poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "q",
			Kind: question.Rating}}}, "polls"},
	} {
		d := &poll.Draft{Presentation: p, State: poll.PollState{PollID: first.ID, State: pending}}
		err := d.Apply(c.edit)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
		require.ErrorContains(t, err, c.field+": a presentation's title", name)
		require.ErrorContains(t, err, "at most 1048576 bytes in all", name)
	}
	for name, edit := range map[string]poll.Edit{
		"the same title":   poll.EditPresentation{Title: of("t")},
		"no title":         poll.EditPresentation{},
		"a reset":          poll.Reset{PollID: first.ID},
		"a poll less":      poll.DeletePoll{PollID: first.ID},
		"who sees results": poll.EditPoll{PollID: first.ID, Visibility: of(poll.After)},
	} {
		d := &poll.Draft{Presentation: p, State: poll.PollState{PollID: first.ID, State: pending}}
		require.NoError(t, d.Apply(edit), name)
	}
}

// A presentation of before the bound may be made smaller in steps.
func TestAPresentationThatIsTooLargeAlreadyMayShrink(t *testing.T) {
	p, err := poll.New("t", heavy(0))
	require.NoError(t, err)
	for range 3 {
		p.Polls = append(p.Polls, p.Polls[:20]...)
	}
	for i := range p.Polls {
		p.Polls[i].Index = i
	}
	last := p.Polls[25]
	apply := func(edit poll.Edit) error {
		d := &poll.Draft{Presentation: p, State: poll.PollState{PollID: last.ID, State: pending}}
		return d.Apply(edit)
	}
	require.Greater(t, p.Text(), poll.MaxText)
	require.NoError(t, apply(poll.DeletePoll{PollID: last.ID}))
	require.NoError(t, apply(poll.EditPresentation{Title: of("x")}), "as large as it was")
	shorter := last.Options[1:]
	require.NoError(t, apply(poll.EditPoll{PollID: last.ID, Options: &shorter}))
	require.Error(t, apply(poll.EditPresentation{Title: of("tt")}))
	require.Error(t, apply(
		poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "q",
			Kind: question.OpenText}}}))
}
