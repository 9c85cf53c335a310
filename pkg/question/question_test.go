package question_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// asked is a question in its usual form.
func asked(t testing.TB, q question.Question) question.Question {
	t.Helper()
	q, err := q.Check("", nil)
	require.NoError(t, err)
	return q
}

func options(keys ...string) (out []question.Option) {
	for _, k := range keys {
		out = append(out, question.Option{Key: k, Value: "option " + k})
	}
	return out
}

func freeText(t testing.TB) (cloud, essay question.Question) {
	return asked(t, question.Question{Text: "Where?", Kind: question.WordCloud}),
		asked(t, question.Question{Text: "Why?", Kind: question.OpenText})
}

func TestAnAnswerIsCanonicalOrNamesTheField(t *testing.T) {
	one := asked(t, question.Question{Text: "one", Options: options("A", "B")})
	some := asked(t, question.Question{Text: "some", Kind: question.Multiple, MaxChoices: 2,
		Options: options("A", "B", "C")})
	stars := asked(t, question.Question{Text: "stars", Kind: question.Rating})
	for _, c := range []struct {
		asked question.Question
		keys  []string
		want  question.Answer
		field string
	}{
		{one, []string{"B"}, "B", ""},
		{one, []string{"C"}, "", "key"},
		{one, []string{""}, "", "key"},
		{one, []string{"a"}, "", "key"},
		{one, nil, "", ""},
		{one, []string{"A", "B"}, "", "keys"},
		{some, []string{"C", "A"}, "A\nC", ""},
		{some, []string{"A", "C"}, "A\nC", ""},
		{some, []string{"B"}, "B", ""},
		{some, []string{"B", "B"}, "", "keys"},
		{some, []string{"B", "D"}, "", "keys"},
		{some, []string{"A", "B", "C"}, "", "keys"},
		{some, []string{}, "", ""},
		{some, []string{"A\nB"}, "", "keys"},
		{stars, []string{"5"}, "5", ""},
		{stars, []string{"6"}, "", "key"},
	} {
		got, err := c.asked.Answer(c.keys)
		if c.field == "" {
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			continue
		}
		var e *fault.Error
		require.ErrorAs(t, err, &e, "%v", c.keys)
		require.Equal(t, c.field, e.Field, "%v", c.keys)
	}
	require.Equal(t, []string{"A", "C"}, question.Answer("A\nC").Keys())
	require.Empty(t, question.Answer("").Keys())
	require.Empty(t, question.Answer("").Texts())
}

func TestTextIsCleanedOrNamesTheField(t *testing.T) {
	cloud, essay := freeText(t)
	both := []question.Option{{Key: "A", Value: "a"}}
	choice := question.Question{Kind: question.Choice, MaxChoices: 1, Options: both}
	multiple := question.Question{Kind: question.Multiple, MaxChoices: 2,
		Options: append(both, question.Option{Key: "B", Value: "b"})}
	lone := cloud
	lone.MaxChoices = 1
	for _, c := range []struct {
		asked question.Question
		texts []string
		want  question.Answer
		field string
	}{
		{cloud, []string{"Berlin"}, "Berlin", ""},
		{cloud, []string{" \t New\u00a0 \r\n York\u3000"}, "New York", ""},
		{cloud, []string{"Cafe\u0301"}, "Caf\u00e9", ""},
		{cloud, []string{"Rome", "Berlin", "🗳️"}, "Berlin\nRome\n🗳️", ""},
		{cloud, []string{"Berlin", "Rome"}, "Berlin\nRome", ""},
		{cloud, []string{"!!!", "..."}, "!!!\n...", ""},
		{cloud, []string{strings.Repeat("é", 50)}, question.Answer(strings.Repeat("é", 50)), ""},
		{cloud, []string{strings.Repeat("e\u0301", 50)}, question.Answer(strings.Repeat("é", 50)),
			""},
		{cloud, []string{strings.Repeat("é", 51)}, "", "texts"},
		{cloud, []string{strings.Repeat("ß", 25)}, question.Answer(strings.Repeat("ß", 25)), ""},
		// which is folded to twice as many
		{cloud, []string{strings.Repeat("ß", 26)}, "", "texts"},
		// each is folded to eighteen
		{cloud, []string{"Rome", strings.Repeat("\ufdfa", 3)}, "", "texts"},
		{lone, []string{strings.Repeat("\ufdfa", 50)}, "", "text"},
		// which is not folded
		{essay, []string{strings.Repeat("\ufdfa", 500)},
			question.Answer(strings.Repeat("\ufdfa", 500)), ""},
		{cloud, []string{"Berlin", "BERLIN!"}, "", "texts"},
		{cloud, []string{"a", "b", "c", "d"}, "", "texts"},
		{cloud, []string{}, "", ""},
		{cloud, nil, "", ""},
		{cloud, []string{"a", " \u200b\u00ad "}, "", "texts"},
		{cloud, []string{"a\x00b"}, "", "texts"},
		{cloud, []string{"a\x1b[31mb"}, "", "texts"},
		{cloud, []string{"a\xff"}, "", "texts"},
		{lone, []string{"a", "b"}, "", "texts"},
		{lone, []string{""}, "", "text"},
		{essay, []string{"First.\n\nThen – \"this\"; <b>that</b> "},
			"First.\u2028\u2028Then – \"this\"; <b>that</b>", ""},
		{essay, []string{"if x:\r\n\tgo  on \v\n \n\u200b\n\nelse\u2029  stop\n\n"},
			"if x:\u2028\u2029go  on\u2028\u2028else\u2028  stop", ""},
		{essay, []string{"  alone \n\n"}, "alone", ""},
		{essay, []string{strings.Repeat("💬", 500)}, question.Answer(strings.Repeat("💬", 500)), ""},
		{essay, []string{strings.Repeat("x", 501)}, "", "text"},
		{essay, []string{"a", "b"}, "", "texts"},
		{essay, []string{" \n "}, "", "text"},
		{essay, []string{"a\u0085\u009bb"}, "", "text"},
		{essay, []string{"half of a pair \ufffd"}, "", "text"},
		{choice, []string{"A"}, "", "text"},
		{multiple, []string{"A"}, "", "text"},
	} {
		got, err := c.asked.TextAnswer(c.texts)
		if c.field == "" {
			require.NoError(t, err, "%q", c.texts)
			require.Equal(t, c.want, got)
			continue
		}
		var e *fault.Error
		require.ErrorAs(t, err, &e, "%q", c.texts)
		require.Equal(t, fault.Invalid, e.Code, "%q", c.texts)
		require.Equal(t, c.field, e.Field, "%q", c.texts)
		require.NotEmpty(t, e.Detail)
	}
	for _, q := range []question.Question{cloud, essay} {
		_, err := q.Answer([]string{"A"})
		var e *fault.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "key", e.Field, "there are no keys")
	}
}

func TestWordsThatAreTheSameToPeopleAreOneWord(t *testing.T) {
	for _, same := range [][]string{
		{"berlin", "Berlin", "berlin ", "BERLIN!", "Berlin?!…", "Berlin .", "ＢＥＲＬＩＮ",
			"ber\u00adlin", "\u202eBerlin"},
		{"strasse", "Straße", "STRASSE", "straẞe"},
		{"café", "Cafe\u0301", "CAFÉ,"},
		{"new york", "New\u00a0York", "NEW  YORK."},
		{"c#", "C#"}, {"c", "C"}, {"c++", "C++"}, {".net", ".NET"}, {"100%", "100%!"},
		{"❤", "❤️", "❤\ufe0e", "❤️!"},
		{"istanbul", "İstanbul", "ISTANBUL", "İSTANBUL", "ıstanbul", "I\u0307stanbul"},
		{"ș", "s\u034f\u0326"},
		{"葛", "葛\U000e0101"}, {"rome", "Rome\u200d", "ro\u2060me", "\u200cRome!\u200d"},
		{"1⃣", "1️⃣"}, {"می\u200cخواهم", "می\u200cخواهم!"},
		{"!!!", "!!!"}, {"👍", "👍!"}, {"👨‍👩‍👧", "👨‍👩‍👧"}, {"ок", "ОК"},
		{"σας", "ΣΑΣ"}, {"東京", "東京。"},
	} {
		for _, text := range same[1:] {
			require.Equal(t, question.WordCloud.Words(question.Answer(same[0])),
				question.WordCloud.Words(question.Answer(text)), "%q", text)
		}
	}
	require.Equal(t, []string{"berlin"}, question.WordCloud.Words("BERLIN!"),
		"they are counted folded")
	for _, others := range [][]string{
		{"👍", "👍🏽"}, {"می\u200cخواهم", "میخواهم"}, {"❤\u200d🔥", "❤🔥"}, {"a", "à"},
		{"kir", "kır\u0323"},
		{"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
			"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"},
	} {
		require.NotEqual(t, question.WordCloud.Words(question.Answer(others[0])),
			question.WordCloud.Words(question.Answer(others[1])), "%q", others)
	}
	require.Equal(t, []string{"berlin", "rome"}, question.WordCloud.Words("BERLIN\nBerlin\nRome"),
		"a person counts once for each")
	require.Equal(t, []string{"Berlin!"}, question.OpenText.Words("Berlin!"),
		"an open text counts as it is")
}

func TestAnEntryThatHoldsABannedWordIsRefused(t *testing.T) {
	cloud, essay := freeText(t)
	cloud.Banned = []string{"Darn", " two  WORDS ", "👎", "don't", "Ｗｉｄｅ", "", "  ",
		"hell", "❤️", "idiot"}
	essay.Banned = cloud.Banned
	for text, field := range map[string]string{
		"darn": "texts", "DARN!": "texts", "oh, darn it": "texts", "darn-it": "texts",
		"d\u00adarn": "texts", "da\u200drn": "texts",
		"two words": "texts", "Two, words": "texts", "these two words here": "texts",
		"so 👎👎": "texts", "DON’T do": "texts", "Don't do": "texts",
		"wide": "texts", "hell\ufe0e": "texts", "HELL\u200d!": "texts", "❤": "texts",
		"so ❤\ufe0e": "texts", "İDIOT": "texts", "darning": "", "two other words": "",
		"words two": "", "👍": "", "wider": "",
	} {
		for _, q := range []question.Question{cloud, essay} {
			_, err := q.TextAnswer([]string{text})
			if field == "" {
				require.NoError(t, err, text)
				continue
			}
			var e *fault.Error
			require.ErrorAs(t, err, &e, text)
			require.Contains(t, []string{"text", "texts"}, e.Field)
			require.NotContains(t, strings.ToLower(e.Detail), "darn", "what is banned is not told")
		}
	}
	_, err := cloud.TextAnswer([]string{"fine", "oh darn"})
	require.Error(t, err, "one is enough")
}

func TestListsOfBannedWordsAreNotMixedUp(t *testing.T) {
	cloud, _ := freeText(t)
	list := func(i int) []string { return []string{"word" + strconv.Itoa(i), "more"} }
	for i := range 300 { // more than are kept
		cloud.Banned = list(i)
		_, err := cloud.TextAnswer([]string{"a word" + strconv.Itoa(i)})
		require.Error(t, err)
		_, err = cloud.TextAnswer([]string{"a word" + strconv.Itoa(i-1)})
		require.NoError(t, err)
	}
	cloud.Banned[0] = "other" // not how a list is changed, and yet
	_, err := cloud.TextAnswer([]string{"other"})
	require.Error(t, err)
}

// BenchmarkText is what checking and counting a voter's text costs beside everything else that a
// vote does.
func BenchmarkText(b *testing.B) {
	cloud, _ := freeText(b)
	banned := cloud
	for i := range 200 {
		banned.Banned = append(banned.Banned, "word"+strconv.Itoa(i))
	}
	for name, f := range map[string]func() error{
		"check": func() error {
			_, err := cloud.TextAnswer([]string{"New York", "Berlin!", "東京"})
			return err
		},
		"check, 200 banned": func() error {
			_, err := banned.TextAnswer([]string{"New York", "Berlin!", "東京"})
			return err
		},
		"count": func() error {
			question.WordCloud.Words(
				"Berlin!\nNew York\n東京")
			return nil
		},
		"check a long text": func() error {
			_, err := banned.TextAnswer([]string{strings.Repeat("é!", 25)})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAnOpenTextIsOneTextHoweverManyLinesItHas(t *testing.T) {
	_, essay := freeText(t)
	answer, err := essay.TextAnswer([]string{"First\n\n\n  - second\t!"})
	require.NoError(t, err)
	require.NotContains(t, string(answer), "\n", "workers of before take one line for one text")
	require.Less(t, strings.IndexFunc(string(answer), unicode.IsControl), 0,
		"and reject control characters")
	require.Equal(t, []string{"First\n\n  - second\t!"}, answer.Texts())
	require.Equal(t, []string{string(answer)}, question.OpenText.Words(answer))
	require.Equal(t, answer.Texts()[0], question.Written(question.OpenText.Words(answer)[0]))
	require.Equal(t, question.OpenText.Words(answer),
		question.OpenText.Words("First\n\n  - second\t!"),
		"who writes it as it is shown means that word")
	require.Empty(t, question.OpenText.Words(""))
	require.Empty(t, question.WordCloud.Words(""))
	require.Empty(t, question.Answer("").Texts())
}

func TestWhatCoversOrTurnsTheTextsOfOthersIsTakenAway(t *testing.T) {
	cloud, _ := freeText(t)
	for text, want := range map[string]string{
		"Z" + strings.Repeat("\u0301", 45) + "a\u0300": "\u0179" +
			strings.Repeat("\u0301", 7) + "\u00e0",
		"e" + strings.Repeat("\u20dd", 40):  "e" + strings.Repeat("\u20dd", 8),
		strings.Repeat("e\u0301\u0323", 20): strings.Repeat("\u1eb9\u0301", 20),
		"\u202eabc\u202c d\u2067e\u2069":    "abc de",
		"\u200fשלום":                        "\u200fשלום",
	} {
		answer, err := cloud.TextAnswer([]string{text})
		require.NoError(t, err)
		require.Equal(t, question.Answer(want), answer)
	}
}
