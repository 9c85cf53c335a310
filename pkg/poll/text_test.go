package poll_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func freeText(t testing.TB) (cloud, essay poll.Poll) {
	p, err := poll.New("", []poll.Poll{{Question: question.Question{Text: "Where?", Kind: question.WordCloud}}, {Question: question.Question{Text: "Why?", Kind: question.OpenText}}})
	require.NoError(t, err)
	return p.Polls[0], p.Polls[1]
}

func TestAPollOfFreeTextHasNoOptionsAndTakesThreeWordsOrOneText(t *testing.T) {
	cloud, essay := freeText(t)
	require.Equal(t, 3, cloud.MaxChoices, "unless max_choices says otherwise")
	require.Equal(t, 1, essay.MaxChoices)
	require.Equal(t, []question.Option{}, cloud.Options)
	require.Equal(t, []question.Option{}, essay.Options)
	p, err := poll.New("", []poll.Poll{{Question: question.Question{Text: "Q", Kind: question.WordCloud, MaxChoices: 10}}, {Question: question.Question{Text: "Q", Kind: question.OpenText, MaxChoices: 1}}})
	require.NoError(t, err)
	require.Equal(t, 10, p.Polls[0].MaxChoices)
	require.Empty(t, p.State(0).Counts)
}

func TestTextIsCleanedOrNamesTheField(t *testing.T) {
	cloud, essay := freeText(t)
	both := []question.Option{{Key: "A", Value: "a"}}
	choice := poll.Poll{Question: question.Question{Kind: question.Choice, MaxChoices: 1, Options: both}}
	multiple := poll.Poll{Question: question.Question{Kind: question.Multiple, MaxChoices: 2, Options: append(both, question.Option{Key: "B", Value: "b"})}}
	lone := cloud
	lone.MaxChoices = 1
	for _, c := range []struct {
		poll  poll.Poll
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
		{cloud, []string{strings.Repeat("e\u0301", 50)}, question.Answer(strings.Repeat("é", 50)), ""},
		{cloud, []string{strings.Repeat("é", 51)}, "", "texts"},
		{cloud, []string{strings.Repeat("ß", 25)}, question.Answer(strings.Repeat("ß", 25)), ""},
		{cloud, []string{strings.Repeat("ß", 26)}, "", "texts"},             // which is folded to twice as many
		{cloud, []string{"Rome", strings.Repeat("\ufdfa", 3)}, "", "texts"}, // each is folded to eighteen
		{lone, []string{strings.Repeat("\ufdfa", 50)}, "", "text"},
		{essay, []string{strings.Repeat("\ufdfa", 500)}, question.Answer(strings.Repeat("\ufdfa", 500)), ""}, // which is not folded
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
		{essay, []string{"First.\n\nThen – \"this\"; <b>that</b> "}, "First.\u2028\u2028Then – \"this\"; <b>that</b>", ""},
		{essay, []string{"if x:\r\n\tgo  on \v\n \n\u200b\n\nelse\u2029  stop\n\n"}, "if x:\u2028\u2029go  on\u2028\u2028else\u2028  stop", ""},
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
		got, err := c.poll.TextAnswer(c.texts)
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
	for _, q := range []poll.Poll{cloud, essay} {
		_, err := q.Answer([]string{"A"})
		var e *fault.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "key", e.Field, "there are no keys")
	}
}

func TestWordsThatAreTheSameToPeopleAreOneWord(t *testing.T) {
	for _, same := range [][]string{
		{"berlin", "Berlin", "berlin ", "BERLIN!", "Berlin?!…", "Berlin .", "ＢＥＲＬＩＮ", "ber\u00adlin", "\u202eBerlin"},
		{"strasse", "Straße", "STRASSE", "straẞe"},
		{"café", "Cafe\u0301", "CAFÉ,"},
		{"new york", "New\u00a0York", "NEW  YORK."},
		{"c#", "C#"}, {"c", "C"}, {"c++", "C++"}, {".net", ".NET"}, {"100%", "100%!"},
		{"❤", "❤️", "❤\ufe0e", "❤️!"}, {"istanbul", "İstanbul", "ISTANBUL", "İSTANBUL", "ıstanbul", "I\u0307stanbul"}, {"ș", "s\u034f\u0326"},
		{"葛", "葛\U000e0101"}, {"rome", "Rome\u200d", "ro\u2060me", "\u200cRome!\u200d"}, {"1⃣", "1️⃣"}, {"می\u200cخواهم", "می\u200cخواهم!"},
		{"!!!", "!!!"}, {"👍", "👍!"}, {"👨‍👩‍👧", "👨‍👩‍👧"}, {"ок", "ОК"}, {"σας", "ΣΑΣ"}, {"東京", "東京。"},
	} {
		for _, text := range same[1:] {
			require.Equal(t, question.WordCloud.Words(question.Answer(same[0])), question.WordCloud.Words(question.Answer(text)), "%q", text)
		}
	}
	require.Equal(t, []string{"berlin"}, question.WordCloud.Words("BERLIN!"), "they are counted folded")
	for _, others := range [][]string{
		{"👍", "👍🏽"}, {"می\u200cخواهم", "میخواهم"}, {"❤\u200d🔥", "❤🔥"}, {"a", "à"}, {"kir", "kır\u0323"},
		{"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"},
	} {
		require.NotEqual(t, question.WordCloud.Words(question.Answer(others[0])), question.WordCloud.Words(question.Answer(others[1])), "%q", others)
	}
	require.Equal(t, []string{"berlin", "rome"}, question.WordCloud.Words("BERLIN\nBerlin\nRome"), "a person counts once for each")
	require.Equal(t, []string{"Berlin!"}, question.OpenText.Words("Berlin!"), "an open text counts as it is")
}

func TestAnEntryThatHoldsABannedWordIsRefused(t *testing.T) {
	cloud, essay := freeText(t)
	cloud.Banned = []string{"Darn", " two  WORDS ", "👎", "don't", "Ｗｉｄｅ", "", "  ", "hell", "❤️", "idiot"}
	essay.Banned = cloud.Banned
	for text, field := range map[string]string{
		"darn": "texts", "DARN!": "texts", "oh, darn it": "texts", "darn-it": "texts", "d\u00adarn": "texts", "da\u200drn": "texts",
		"two words": "texts", "Two, words": "texts", "these two words here": "texts", "so 👎👎": "texts", "DON’T do": "texts", "Don't do": "texts",
		"wide": "texts", "hell\ufe0e": "texts", "HELL\u200d!": "texts", "❤": "texts", "so ❤\ufe0e": "texts", "İDIOT": "texts", "darning": "", "two other words": "", "words two": "", "👍": "", "wider": "",
	} {
		for _, q := range []poll.Poll{cloud, essay} {
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

func TestWordsBannedLaterAreLeftOutAndOthersTakeTheirPlace(t *testing.T) {
	all := make([]question.WordCount, 100_000)
	for i := range all {
		all[i] = question.WordCount{Word: "word" + strconv.Itoa(i), Count: int64(len(all) - i)}
	}
	read := func(stored []question.WordCount, banned ...string) (poll.Results, int) {
		for n := poll.MaxWords; ; n *= 10 {
			r := poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.WordCloud, Banned: banned}}, Words: slices.Clone(stored[:min(n, len(stored))])}
			r.WordsTotal = min(len(stored), question.MaxTotal)
			if r.Sift(n) {
				return r, n
			}
		}
	}
	r, n := read(all)
	require.Equal(t, all[:poll.MaxWords], r.Words)
	require.Equal(t, poll.MaxWords, n, "nothing is banned: one read")
	r, n = read(all, "word7", "word50")
	require.Equal(t, slices.Concat(all[:7], all[8:50], all[51:102]), r.Words)
	require.Equal(t, 1000, n)
	require.Equal(t, question.MaxTotal-2, r.WordsTotal)
	r, _ = read(all[:20], "word7")
	require.Equal(t, 19, r.WordsTotal)
	require.Equal(t, slices.Concat(all[:7], all[8:20]), r.Words)

	for i := range all[:50_000] {
		all[i].Word += " darn"
	}
	r, n = read(all, "darn")
	require.Empty(t, r.Words, "there is an end to looking for others")
	require.LessOrEqual(t, n, 10_000)
}

func TestVotesOfFreeTextMoveWordsByTheDifference(t *testing.T) {
	write := func(pollID uuid.UUID, v int, seq int64, answer question.Answer) poll.Vote {
		return poll.Vote{PollID: pollID, VoterID: voter(v), Version: 1, Seq: seq, Answer: answer}
	}
	m := newMemory()
	o := m.count(
		batch(write(cloud, 1, 0, "Berlin\nRome"), write(cloud, 2, 0, "BERLIN!"), write(cloud, 3, 0, "Paris"), write(essay, 1, 0, "Berlin!")),
		batch(write(cloud, 3, 0, "berlin\nBerlin"))) // nobody's door lets that through, and it counts once all the same
	require.Equal(t, [][]poll.Verdict{{poll.Counted, poll.Counted, poll.Superseded, poll.Counted}, {poll.Counted}}, o.Verdicts)
	require.Equal(t, map[uuid.UUID]map[string]int64{cloud: {"berlin": 3, "rome": 1}, essay: {"Berlin!": 1}}, m.words)
	require.EqualValues(t, 3, m.states[cloud].Voters, "people are counted, not words")

	m.count(batch(write(cloud, 1, 2, "Rome\nOslo"), write(cloud, 1, 1, "Lima"), write(essay, 1, 0, "Rome")))
	require.Equal(t, map[uuid.UUID]map[string]int64{cloud: {"berlin": 2, "rome": 1, "oslo": 1}, essay: {"Rome": 1}}, m.words)

	b := batch(write(cloud, 9, 0, "z\na"), write(essay, 9, 0, "b"), write(cloud, 8, 0, "m"))
	l := poll.NewLedger([]poll.Batch{b})
	l.Load(talk, cloud, question.WordCloud, nil, m.states[cloud])
	l.Load(talk, essay, question.OpenText, nil, m.states[essay])
	l.Walk(map[uuid.UUID]bool{b.ID: true})
	_, _, words, _ := l.Settle()
	once := func(word string) poll.WordChange {
		return poll.WordChange{PollID: cloud, WordMove: question.WordMove{Word: word, By: 1, Spellings: []question.SpellingMove{{Spelling: word, By: 1}}}}
	}
	require.Equal(t, []poll.WordChange{once("a"), once("m"), once("z"), {PollID: essay, WordMove: question.WordMove{Word: "b", By: 1}}}, words,
		"whoever writes them locks in one order")
}

func TestTextThatNoStoreCouldKeepIsRejectedAloneAndNotItsBatch(t *testing.T) {
	m := newMemory()
	write := func(pollID uuid.UUID, v int, answer question.Answer) poll.Vote {
		return poll.Vote{PollID: pollID, VoterID: voter(v), Version: 1, Answer: answer}
	}
	bad := []question.Answer{"\n", "a\x00b", "\xff", "a\n\nb", "a\n ", "\u200b", "a\tb", question.Answer(strings.Repeat("x", 51)),
		question.Answer(strings.Repeat("a\n", 10) + "a")}
	b := batch(write(cloud, 1, "good"))
	want := []poll.Verdict{poll.Counted}
	for i, answer := range bad {
		b.Votes = append(b.Votes, write(cloud, 10+i, answer))
		want = append(want, poll.Rejected)
	}
	b.Votes = append(b.Votes, write(essay, 1, "a\nb"), write(essay, 2, question.Answer(strings.Repeat("x", 501))), write(essay, 3, "good, too"))
	want = append(want, poll.Rejected, poll.Rejected, poll.Counted)
	require.Equal(t, [][]poll.Verdict{want}, m.count(b).Verdicts)
	require.Equal(t, map[uuid.UUID]map[string]int64{cloud: {"good": 1}, essay: {"good, too": 1}}, m.words)
}

// Whatever voters write, change and repeat: the words equal a recount of the votes.
func TestTheWordsEqualARecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		var log []poll.Batch
		answers := []question.Answer{"Berlin", "BERLIN!", "Rome", "Berlin\nRome", "Oslo\nROME\nberlin", "berlin\nBerlin", "", "a\x00"}
		for range rapid.IntRange(1, 15).Draw(t, "batches") {
			b := poll.Batch{ID: uuid.New(), Replayed: rapid.IntRange(0, 3).Draw(t, "replayed") == 0}
			for range rapid.IntRange(1, 6).Draw(t, "votes") {
				b.Votes = append(b.Votes, poll.Vote{
					PollID:  rapid.SampledFrom([]uuid.UUID{cloud, essay}).Draw(t, "poll"),
					VoterID: voter(rapid.IntRange(1, 4).Draw(t, "voter")), Version: 1,
					Seq: rapid.Int64Range(0, 2).Draw(t, "seq"), Answer: rapid.SampledFrom(answers).Draw(t, "answer"),
				})
			}
			log = append(log, b)
		}
		for from := 0; from < len(log); {
			to := from + rapid.IntRange(1, len(log)-from).Draw(t, "transaction")
			m.count(log[rapid.IntRange(0, from).Draw(t, "from"):to]...)
			from = to
		}
		recount := map[uuid.UUID]map[string]int64{cloud: {}, essay: {}}
		for key, v := range m.votes {
			for _, word := range kinds[key.PollID].Words(v.Answer) {
				recount[key.PollID][word]++
			}
		}
		require.Equal(t, recount, m.words)
	})
}

// FuzzText: what is taken is clean, stays as it is when it is written again, and counts as words that are shown.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"Berlin", " New \t York\n", "Cafe\u0301", "Straße!", "\u202eabc\u200b", "👨‍👩‍👧", "a\x00", "\xff", "\ufffd", "İI", "ΌΣΟΣ", "\ufdfa", "¨´", "ﬃ",
		"İ\u0323", "❤️\u200d🔥", "🏴\U000e0067\U000e0062\U000e007f", "a\u034f\u0301", "\u3164x", "\u202ex\u202c", "a\tb\r\n\r\n\r\nc", "e" + strings.Repeat("\u0301", 45),
		"\u0344\u0345", strings.Repeat("\u0301", 60), strings.Repeat("x", 501), "...", " . ", "\u2028", "ǅ", "\u1e9e", "한글", "㎏", "\u0390",
	} {
		f.Add(s, "darn")
	}
	f.Add("oh DARN, it", "Darn")
	f.Add("👎", "👎")
	cloud, essay := freeText(f)
	f.Fuzz(func(t *testing.T, text, banned string) {
		for _, q := range []poll.Poll{cloud, essay} {
			answer, err := q.TextAnswer([]string{text})
			if err != nil {
				require.Equal(t, fault.Invalid, fault.CodeOf(err))
				require.Empty(t, answer)
				continue
			}
			s := string(answer)
			require.True(t, utf8.ValidString(s) && norm.NFC.IsNormalString(s))
			require.Less(t, strings.IndexFunc(s, unicode.IsControl), 0, "%q", s)
			require.LessOrEqual(t, utf8.RuneCountInString(s), 500)
			require.Len(t, answer.Texts(), 1)
			again, err := q.TextAnswer(answer.Texts())
			require.NoError(t, err)
			require.Equal(t, answer, again)

			words := q.Kind.Words(answer)
			require.Len(t, words, 1)
			require.NotEmpty(t, words[0])
			require.Less(t, strings.IndexFunc(words[0], unicode.IsControl), 0, "%q", words)
			require.LessOrEqual(t, utf8.RuneCountInString(words[0]), map[question.Kind]int{question.WordCloud: 50, question.OpenText: 500}[q.Kind])
			require.Equal(t, words, q.Kind.Words(question.Answer(words[0])), "what is folded stays as it is")
			for _, form := range []norm.Form{norm.NFC, norm.NFD} {
				if q.Kind == question.WordCloud {
					require.Equal(t, words, q.Kind.Words(question.Answer(form.String(s))), "however it is composed")
				}
				other, err := q.TextAnswer([]string{form.String(answer.Texts()[0])})
				require.NoError(t, err)
				require.Equal(t, answer, other)
			}
			require.NotEmpty(t, q.Kind.WordsBy(question.FirstFold, answer)[0])

			q.Banned = answer.Texts()
			_, err = q.TextAnswer([]string{text})
			require.Error(t, err, "a text that is banned as a whole is refused")
			q.Banned = []string{banned}
			_, refused := q.TextAnswer([]string{text})
			r := poll.Results{Poll: q, Words: []question.WordCount{{Word: words[0], Count: 1}}}
			require.True(t, r.Sift(poll.MaxWords))
			require.True(t, refused != nil || len(r.Words) == 1, "what is taken is not left out")
		}
	})
}

// BenchmarkText is what checking and counting a voter's text costs beside everything else that a vote does.
func BenchmarkText(b *testing.B) {
	cloud, _ := freeText(b)
	banned := cloud
	for i := range 200 {
		banned.Banned = append(banned.Banned, "word"+strconv.Itoa(i))
	}
	for name, f := range map[string]func() error{
		"check":             func() error { _, err := cloud.TextAnswer([]string{"New York", "Berlin!", "東京"}); return err },
		"check, 200 banned": func() error { _, err := banned.TextAnswer([]string{"New York", "Berlin!", "東京"}); return err },
		"count":             func() error { question.WordCloud.Words("Berlin!\nNew York\n東京"); return nil },
		"check a long text": func() error { _, err := banned.TextAnswer([]string{strings.Repeat("é!", 25)}); return err },
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
