package poll_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// nothingToSee are texts that nobody sees anything of, and one that is no text.
var nothingToSee = map[string]string{
	"a zero-width space": "\u200b", "a soft hyphen": "\u00ad", "a Hangul filler": "\u3164",
	"a narrow one": "\uffa0", "fillers of jamo": "\u115f\u1160",
	"an empty Braille cell": "\u2800", "a grapheme joiner": "\u034f", "a lone accent": "\u0301",
	"a lone keycap": "\u20e3", "a lone vowel sign": "\u093f",
	"a variation selector": "\ufe0f", "an ideographic one": "\U000e0100",
	"a Mongolian one": "\u180b", "BEL": "\a", "an escape": "a\x1b[31m", "NUL": "a\x00",
	"half an emoji": "\ufffd", "a half beside a whole": "fine \ufffd", "a joiner": "\u200d",
	"tags": "\U000e0067\U000e007f", "a byte order mark": "\ufeff",
	"an object that is not there": "\ufffc", "a word joiner": "\u2060",
	"Khmer vowels that are not drawn": "\u17b4\u17b5", "an override": "\u202e",
	"a note without a head": "\U0001d159", "wide spaces": "\u3000\u2003",
	"line breaks": " \n\r\n\t\u2028", "no character": "a\uffff", "no UTF-8": "a\xff",
	"much of it": " \u200b\u2800\n\u3164\u0301\ufe0f ",
}

// Whoever sends a text that people see: it is refused where there is nothing to see, and the field
// is named.
func TestATextThatNobodyCanSeeIsRefusedWhereverPeopleSeeIt(t *testing.T) {
	asking := func(q poll.Poll) error { _, err := poll.New("", []poll.Poll{q}); return err }
	cloud, essay := freeText(t)
	existing, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "Q",
			Options: []question.Option{{Key: "A", Value: "a"}}}}})
	require.NoError(t, err)
	edit := func(e poll.Edit) error {
		d := poll.Draft{Presentation: existing,
			State: poll.PollState{PollID: existing.Polls[0].ID, State: existing.State(0)}}
		return d.Apply(e)
	}
	for name, text := range nothingToSee {
		options := []question.Option{{Key: "A", Value: "a"}, {Key: "B", Value: text}}
		for field, err := range map[string]error{
			"polls[0].question": asking(poll.Poll{Question: question.Question{Text: text,
				Kind: question.OpenText}}),
			"polls[0].options[1].value": asking(poll.Poll{Question: question.Question{Text: "Q",
				Options: options}}),
			"polls[0].options[0].key": asking(poll.Poll{Question: question.Question{Text: "Q",
				Options: []question.Option{{Key: text, Value: "a"}}}}),
			"polls[0].banned_words[0]": asking(poll.Poll{Question: question.Question{Text: "Q",
				Kind: question.OpenText, Banned: []string{text}}}),
			"texts": func() error {
				_, err := cloud.TextAnswer([]string{"fine", text})
				return err
			}(),
			"text": func() error {
				_, err := essay.TextAnswer([]string{text})
				return err
			}(),
			"question": edit(poll.EditPoll{PollID: existing.Polls[0].ID, Question: &text}),
			"options[1].value": edit(poll.EditPoll{PollID: existing.Polls[0].ID,
				Options: &options}),
			"banned_words[0]": edit(poll.EditPoll{PollID: existing.Polls[0].ID,
				Banned: &[]string{text}}),
		} {
			var e *fault.Error
			require.ErrorAs(t, err, &e, "%s as %s", name, field)
			require.Equal(t, fault.Invalid, e.Code)
			require.Equal(t, field, e.Field, name)
			require.NotEmpty(t, e.Detail)
		}
		_, err := poll.New(text,
			[]poll.Poll{{Question: question.Question{Text: "Q", Kind: question.OpenText}}})
		if strings.TrimSpace(text) == "" {
			require.NoError(t, err, "a title may be left out")
			continue
		}
		var e *fault.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, "title", e.Field)
		require.ErrorAs(t, edit(poll.EditPresentation{Title: &text}), &e, name)
	}
}

func TestTextsOfAllScriptsAndPicturesAreTaken(t *testing.T) {
	for _, text := range []string{
		"A", "?", "1️⃣", "👨‍👩‍👧", "❤️", "🇩🇪", "🇩", "🏽",
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "می\u200cخواهم",
		"\u200fשלום!", "ที่นี้",
		"क्षि", "བསྒྲུབས", "བྷྲཱུཾ", "ကြွှို့", "בְּרֵאשִׁ֖ית", "Tiếng Việt", "한글", "葛\U000e0100",
		"\U0001fae9", "\U000f0000", "€", "∑", "x\u0301\u0323",
		"\ue000",
	} {
		p, err := poll.New(text,
			[]poll.Poll{{Question: question.Question{Text: text,
				Options: []question.Option{{Key: text, Value: text}}}}})
		require.NoError(t, err, "%q", text)
		for _, got := range []string{p.Title, p.Polls[0].Text, p.Polls[0].Options[0].Value} {
			require.Equal(t, norm.NFC.String(text), got)
		}
		require.Equal(t, text, p.Polls[0].Options[0].Key, "voters name it as it is")
	}
}

func TestQuestionsKeepTheirLinesAndIndentation(t *testing.T) {
	code := "What does this print?\r\n\r\n\r\n\tfor i := range 3 {\r\n\t\tprint(i)  \r\n\t}\r\n\r\n"
	want := "What does this print?\n\n\tfor i := range 3 {\n\t\tprint(i)\n\t}"
	p, err := poll.New(" A\n title\t!",
		[]poll.Poll{{Question: question.Question{Text: code,
			Options: []question.Option{{Key: "A", Value: "  x\r  y\u2028z "}}}}})
	require.NoError(t, err)
	require.Equal(t, "A title !", p.Title)
	require.Equal(t, want, p.Polls[0].Text)
	require.Equal(t, "  x\n  y\nz", p.Polls[0].Options[0].Value)
}

// What was written before the rules were as they are does not stand in the way of an edit of
// something else.
func TestAnEditOfSomethingElseLeavesTheTextsOfBeforeAsTheyAre(t *testing.T) {
	p, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "Q",
			Options: []question.Option{{Key: "A", Value: "a"}, {Key: "B", Value: "b"}}}}})
	require.NoError(t, err)
	p.Title, p.Polls[0].Text, p.Polls[0].Banned = "old\a", " Q\r\n\u2800", []string{"\u200b"}
	p.Polls[0].Options = []question.Option{{Key: "\u3164", Value: "\u200b"},
		{Key: "B", Value: "b "}}
	before := p.Polls[0]
	d := poll.Draft{Presentation: p,
		State: poll.PollState{PollID: p.Polls[0].ID,
			State: poll.State{Status: poll.Open, Opened: 1, Counts: []int64{1, 2}}}}
	d.Slide = poll.Slide{Version: 1, Displayed: true}
	visibility := poll.After
	same := d
	require.NoError(t, same.Apply(poll.EditPoll{PollID: before.ID, Visibility: &visibility,
		Question: &before.Text, Options: &before.Options}))
	want := before
	want.Visibility = poll.After
	require.Equal(t, want, same.Polls[0])
	title := d.Title
	require.NoError(t, d.Apply(poll.EditPresentation{Title: &title}))
	require.False(t, d.Changed)
}

func TestWhatIsCleanStaysAsItIs(t *testing.T) {
	signs := []rune(
		"aé Z\t\n\r\u0301\u0323\u0345\u20dd\u200b\u200d\ufe0f\u202e\u2066\u2800\u3164\u1160" +
			"가ắ\u2028İ\u0307\u05b0\u302e👍🏽\u0f71\u0f72")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom(signs), 1, 40, -1).Draw(t, "text")
		p, err := poll.New("",
			[]poll.Poll{{Question: question.Question{Text: text, Kind: question.OpenText}}})
		if err != nil {
			return
		}
		clean := p.Polls[0].Text
		again, err := poll.New(clean,
			[]poll.Poll{{Question: question.Question{Text: clean, Kind: question.OpenText}}})
		require.NoError(t, err)
		require.Equal(t, clean, again.Polls[0].Text)
		title, err := poll.New(again.Title,
			[]poll.Poll{{Question: question.Question{Text: norm.NFD.String(clean),
				Kind: question.OpenText}}})
		require.NoError(t, err)
		require.Equal(t, again.Title, title.Title)
		require.Equal(t, clean, title.Polls[0].Text)
		require.NotContains(t, clean, "\n\n\n")
		require.False(t, strings.ContainsAny(clean, "\r\u202e\u2066\u2028"))
	})
}
