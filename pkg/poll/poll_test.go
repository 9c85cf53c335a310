package poll_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func options(keys ...string) (out []question.Option) {
	for _, k := range keys {
		out = append(out, question.Option{Key: k, Value: "option " + k})
	}
	return out
}

func TestANewPresentationHasIDsOrderAndNothingDisplayed(t *testing.T) {
	p, err := poll.New("  A talk ", []poll.Poll{
		{Question: question.Question{Text: "Who?", Options: options("A", "B")}},
		{Question: question.Question{Text: "Which?", Kind: question.Multiple,
			Options: options("A", "B", "C")}},
		{Question: question.Question{Text: "How good?", Kind: question.Rating}},
	})
	require.NoError(t, err)
	require.Equal(t, "A talk", p.Title)
	require.Equal(t, poll.Slide{Index: -1}, p.Slide)
	require.Equal(t, question.Choice, p.Polls[0].Kind,
		"a poll is a choice unless it says otherwise")
	require.Equal(t, 3, p.Polls[1].MaxChoices,
		"all options may be chosen unless max_choices says otherwise")
	require.Len(t, p.Polls[2].Options, 5)
	for i, q := range p.Polls {
		require.NotEqual(t, uuid.Nil, q.ID)
		require.Equal(t, p.ID, q.PresentationID)
		require.Equal(t, i, q.Index)
		require.Equal(t, poll.Pending, p.State(i).Status)
	}
	require.NoError(t, p.Open(1))
	require.Equal(t, poll.State{Status: poll.Open, Opened: 1, Revision: 1,
		Counts: []int64{0, 0, 0}}, p.State(1))
	require.Equal(t, poll.Pending, p.State(0).Status)
}

func TestAMistakeInAPresentationIsNamedByItsField(t *testing.T) {
	good := func() poll.Poll {
		return poll.Poll{Question: question.Question{Text: "Q",
			Options: options("A", "B")}}
	}
	with := func(change func(*poll.Poll)) []poll.Poll {
		bad := good()
		change(&bad)
		return []poll.Poll{good(), bad}
	}
	long := strings.Repeat("é", question.MaxValueLength+1)
	for name, c := range map[string]struct {
		title string
		polls []poll.Poll
		field string
	}{
		"no polls":       {"t", nil, "polls"},
		"too many polls": {"t", make([]poll.Poll, poll.MaxPolls+1), "polls"},
		"long title":     {long, []poll.Poll{good()}, "title"},
		"NUL":            {"a\x00b", []poll.Poll{good()}, "title"},
		"no question":    {"t", with(func(p *poll.Poll) { p.Text = " \n" }), "polls[1].question"},
		"kind":           {"t", with(func(p *poll.Poll) { p.Kind = "essay" }), "polls[1].kind"},
		"no options":     {"t", with(func(p *poll.Poll) { p.Options = nil }), "polls[1].options"},
		"too many options": {"t",
			with(func(p *poll.Poll) { p.Options = make([]question.Option, 101) }),
			"polls[1].options"},
		"empty key": {"t", with(func(p *poll.Poll) { p.Options[1].Key = "" }),
			"polls[1].options[1].key"},
		"spaced key": {"t", with(func(p *poll.Poll) { p.Options[1].Key = " A" }),
			"polls[1].options[1].key"},
		"newline in key": {"t", with(func(p *poll.Poll) { p.Options[0].Key = "A\nB" }),
			"polls[1].options[0].key"},
		"long key": {"t",
			with(func(p *poll.Poll) { p.Options[0].Key = strings.Repeat("k", 65) }),
			"polls[1].options[0].key"},
		"key twice": {"t", with(func(p *poll.Poll) { p.Options[1].Key = "A" }),
			"polls[1].options[1].key"},
		"empty value": {"t", with(func(p *poll.Poll) { p.Options[0].Value = " " }),
			"polls[1].options[0].value"},
		"rated options": {"t", with(func(p *poll.Poll) { p.Kind = question.Rating }),
			"polls[1].options"},
		"max of a choice": {"t", with(func(p *poll.Poll) { p.MaxChoices = 2 }),
			"polls[1].max_choices"},
		"max too high": {"t",
			with(func(p *poll.Poll) { p.Kind, p.MaxChoices = question.Multiple, 3 }),
			"polls[1].max_choices"},
		"visibility": {"t", with(func(p *poll.Poll) { p.Visibility = "never" }),
			"polls[1].results_visibility"},
		"blank word": {"t", with(func(p *poll.Poll) { p.Banned = []string{"a", " "} }),
			"polls[1].banned_words[1]"},
		"long word": {"t",
			with(func(p *poll.Poll) { p.Banned = []string{strings.Repeat("é", 65)} }),
			"polls[1].banned_words[0]"},
		"NUL in a word": {"t", with(func(p *poll.Poll) { p.Banned = []string{"a\x00b"} }),
			"polls[1].banned_words[0]"},
		"too many words": {"t",
			with(func(p *poll.Poll) { p.Banned = make([]string, question.MaxBanned+1) }),
			"polls[1].banned_words"},
		"max negative": {"t",
			with(func(p *poll.Poll) { p.Kind, p.MaxChoices = question.Multiple, -1 }),
			"polls[1].max_choices"},
		"options to write": {"t", with(func(p *poll.Poll) { p.Kind = question.WordCloud }),
			"polls[1].options"},
		"too many entries": {"t",
			with(func(p *poll.Poll) {
				p.Kind, p.Options, p.MaxChoices = question.WordCloud, nil,
					11
			}), "polls[1].max_choices"},
		"no entries": {"t",
			with(func(p *poll.Poll) {
				p.Kind, p.Options, p.MaxChoices = question.WordCloud, nil,
					-1
			}), "polls[1].max_choices"},
		"two open texts": {"t",
			with(func(p *poll.Poll) {
				p.Kind, p.Options, p.MaxChoices = question.OpenText, nil,
					2
			}), "polls[1].max_choices"},
	} {
		_, err := poll.New(c.title, c.polls)
		var e *fault.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, fault.Invalid, e.Code, name)
		require.Equal(t, c.field, e.Field, name)
		require.NotEmpty(t, e.Detail, name)
	}
	p, err := poll.New("", []poll.Poll{good()})
	require.NoError(t, err, "a title is not needed")
	require.Error(t, p.Open(1))
	require.Error(t, p.Open(-1))
}

// keyed makes options whose keys take so many bytes in JSON, with the comma: one each.
func keyed(sizes ...int) (out []question.Option) {
	for i, size := range sizes {
		key := string(rune('A'+i/26)) + string(rune('A'+i%26))
		out = append(out, question.Option{Key: key +
			strings.Repeat("k", size-len(`"",`)-len(key)), Value: "v"})
	}
	return out
}

// even gives n times a size.
func even(n, size int) []int { return slices.Repeat([]int{size}, n) }

func TestWhateverAVoterMayChooseFitsIntoAVote(t *testing.T) {
	repeated := func(times int, signs ...string) (out []question.Option) {
		for i, sign := range signs {
			out = append(out, question.Option{Key: strings.Repeat(sign, times) +
				string(rune('a'+i)), Value: "v"})
		}
		return out
	}
	for name, c := range map[string]struct {
		most    int
		options []question.Option
		fits    bool
	}{
		"as many bytes as there may be": {0, keyed(even(100, 30)...), true},
		"one more":                      {0, keyed(append(even(99, 30), 31)...), false},
		"the longest ones count": {46,
			keyed(append(even(50, 64), even(50, 10)...)...), true},
		"the longest ones count, not the last": {47,
			keyed(append(even(50, 64), even(50, 10)...)...), false},
		"one of them": {1, keyed(even(100, 67)...), true},
		"escapes as long as they get": {0,
			repeated(63, "\U0001f600", "\U0001f600", "\U0001f600", "é"), true},
		"too many of them": {0,
			repeated(63, "\U0001f600", "\U0001f600", "\U0001f600", "\U0001f600"), false},
		"signs that some clients escape": {0,
			repeated(55, `"`, `\`, "/", "<", ">", "&", "'", "`", "+"), false},
	} {
		_, err := poll.New("",
			[]poll.Poll{{Question: question.Question{Text: "Q", Options: options("A")}},
				{Question: question.Question{Text: "Which?", Kind: question.Multiple,
					MaxChoices: c.most, Options: c.options}}})
		if c.fits {
			require.NoError(t, err, name)
			continue
		}
		var e *fault.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, "polls[1].options", e.Field, name)
		require.Equal(t, fault.Invalid, e.Code)

		_, err = poll.New("",
			[]poll.Poll{{Question: question.Question{Text: "Which?", Options: c.options}}})
		require.NoError(t, err, "%s: of a choice there is one key in a vote", name)
	}
}

func TestMeanAndMedianOfARating(t *testing.T) {
	for _, c := range []struct {
		counts       []int64
		mean, median float64
	}{
		{[]int64{1, 0, 0, 0, 0}, 1, 1},
		{[]int64{1, 0, 0, 0, 1}, 3, 3},
		{[]int64{0, 0, 2, 2, 0}, 3.5, 3.5},
		{[]int64{0, 0, 2, 1, 0}, 10.0 / 3, 3},
		{[]int64{1, 1, 1, 1, 6}, 4, 5},
	} {
		r := poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.Rating}},
			State: poll.State{Counts: c.counts}}
		for _, n := range c.counts {
			r.Voters += n
		}
		mean, ok := r.Mean()
		require.True(t, ok)
		require.InDelta(t, c.mean, mean, 1e-9)
		median, ok := r.Median()
		require.True(t, ok)
		require.InDelta(t, c.median, median, 1e-9)
	}
	none := poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.Rating}},
		State: poll.State{Counts: make([]int64, 5)}}
	_, ok := none.Mean()
	require.False(t, ok)
	choice := poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.Choice}},
		State: poll.State{Voters: 1, Counts: []int64{1}}}
	_, ok = choice.Median()
	require.False(t, ok)
}
