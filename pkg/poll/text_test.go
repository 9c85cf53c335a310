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
	p, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "Where?", Kind: question.WordCloud}},
			{Question: question.Question{Text: "Why?", Kind: question.OpenText}}})
	require.NoError(t, err)
	return p.Polls[0], p.Polls[1]
}

func TestAPollOfFreeTextHasNoOptionsAndTakesThreeWordsOrOneText(t *testing.T) {
	cloud, essay := freeText(t)
	require.Equal(t, 3, cloud.MaxChoices, "unless max_choices says otherwise")
	require.Equal(t, 1, essay.MaxChoices)
	require.Equal(t, []question.Option{}, cloud.Options)
	require.Equal(t, []question.Option{}, essay.Options)
	p, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "Q", Kind: question.WordCloud,
			MaxChoices: 10}}, {Question: question.Question{Text: "Q", Kind: question.OpenText,
			MaxChoices: 1}}})
	require.NoError(t, err)
	require.Equal(t, 10, p.Polls[0].MaxChoices)
	require.Empty(t, p.State(0).Counts)
}

func TestWordsBannedLaterAreLeftOutAndOthersTakeTheirPlace(t *testing.T) {
	all := make([]question.WordCount, 100_000)
	for i := range all {
		all[i] = question.WordCount{Word: "word" + strconv.Itoa(i), Count: int64(len(all) - i)}
	}
	read := func(stored []question.WordCount, banned ...string) (poll.Results, int) {
		for n := poll.MaxWords; ; n *= 10 {
			r := poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.WordCloud,
				Banned: banned}}, Words: slices.Clone(stored[:min(n, len(stored))])}
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
		batch(write(cloud, 1, 0, "Berlin\nRome"), write(cloud, 2, 0, "BERLIN!"),
			write(cloud, 3, 0, "Paris"), write(essay, 1, 0, "Berlin!")),
		// nobody's door lets that through, and it counts once all the same
		batch(write(cloud, 3, 0, "berlin\nBerlin")))
	require.Equal(t, [][]poll.Verdict{{poll.Counted, poll.Counted, poll.Superseded, poll.Counted},
		{poll.Counted}}, o.Verdicts)
	require.Equal(t, map[uuid.UUID]map[string]int64{cloud: {"berlin": 3, "rome": 1},
		essay: {"Berlin!": 1}}, m.words)
	require.EqualValues(t, 3, m.states[cloud].Voters, "people are counted, not words")

	m.count(batch(write(cloud, 1, 2, "Rome\nOslo"), write(cloud, 1, 1, "Lima"),
		write(essay, 1, 0, "Rome")))
	require.Equal(t, map[uuid.UUID]map[string]int64{cloud: {"berlin": 2, "rome": 1, "oslo": 1},
		essay: {"Rome": 1}}, m.words)

	b := batch(write(cloud, 9, 0, "z\na"), write(essay, 9, 0, "b"), write(cloud, 8, 0, "m"))
	l := poll.NewLedger([]poll.Batch{b})
	l.Load(talk, cloud, question.WordCloud, nil, m.states[cloud])
	l.Load(talk, essay, question.OpenText, nil, m.states[essay])
	l.Walk(map[uuid.UUID]bool{b.ID: true})
	_, _, words, _ := l.Settle()
	once := func(word string) poll.WordChange {
		return poll.WordChange{PollID: cloud,
			WordMove: question.WordMove{Word: word, By: 1,
				Spellings: []question.SpellingMove{{Spelling: word, By: 1}}}}
	}
	require.Equal(t, []poll.WordChange{once("a"), once("m"), once("z"),
		{PollID: essay, WordMove: question.WordMove{Word: "b", By: 1}}}, words,
		"whoever writes them locks in one order")
}

func TestTextThatNoStoreCouldKeepIsRejectedAloneAndNotItsBatch(t *testing.T) {
	m := newMemory()
	write := func(pollID uuid.UUID, v int, answer question.Answer) poll.Vote {
		return poll.Vote{PollID: pollID, VoterID: voter(v), Version: 1, Answer: answer}
	}
	bad := []question.Answer{"\n", "a\x00b", "\xff", "a\n\nb", "a\n ", "\u200b", "a\tb",
		question.Answer(strings.Repeat("x", 51)),
		question.Answer(strings.Repeat("a\n", 10) + "a")}
	b := batch(write(cloud, 1, "good"))
	want := []poll.Verdict{poll.Counted}
	for i, answer := range bad {
		b.Votes = append(b.Votes, write(cloud, 10+i, answer))
		want = append(want, poll.Rejected)
	}
	b.Votes = append(b.Votes, write(essay, 1, "a\nb"),
		write(essay, 2, question.Answer(strings.Repeat("x", 501))), write(essay, 3, "good, too"))
	want = append(want, poll.Rejected, poll.Rejected, poll.Counted)
	require.Equal(t, [][]poll.Verdict{want}, m.count(b).Verdicts)
	require.Equal(t, map[uuid.UUID]map[string]int64{cloud: {"good": 1},
		essay: {"good, too": 1}}, m.words)
}

// Whatever voters write, change and repeat: the words equal a recount of the votes.
func TestTheWordsEqualARecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		var log []poll.Batch
		answers := []question.Answer{"Berlin", "BERLIN!", "Rome", "Berlin\nRome",
			"Oslo\nROME\nberlin", "berlin\nBerlin", "", "a\x00"}
		for range rapid.IntRange(1, 15).Draw(t, "batches") {
			b := poll.Batch{ID: uuid.New(), Replayed: rapid.IntRange(0, 3).Draw(t, "replayed") == 0}
			for range rapid.IntRange(1, 6).Draw(t, "votes") {
				b.Votes = append(b.Votes, poll.Vote{
					PollID:  rapid.SampledFrom([]uuid.UUID{cloud, essay}).Draw(t, "poll"),
					VoterID: voter(rapid.IntRange(1, 4).Draw(t, "voter")), Version: 1,
					Seq:    rapid.Int64Range(0, 2).Draw(t, "seq"),
					Answer: rapid.SampledFrom(answers).Draw(t, "answer"),
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

// FuzzText: what is taken is clean, stays as it is when it is written again, and counts as words
// that are shown.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"Berlin", " New \t York\n", "Cafe\u0301", "Straße!", "\u202eabc\u200b", "👨‍👩‍👧", "a\x00",
		"\xff", "\ufffd", "İI", "ΌΣΟΣ", "\ufdfa", "¨´", "ﬃ",
		"İ\u0323", "❤️\u200d🔥", "🏴\U000e0067\U000e0062\U000e007f", "a\u034f\u0301", "\u3164x",
		"\u202ex\u202c", "a\tb\r\n\r\n\r\nc", "e" + strings.Repeat("\u0301", 45),
		"\u0344\u0345", strings.Repeat("\u0301", 60), strings.Repeat("x", 501), "...", " . ",
		"\u2028", "ǅ", "\u1e9e", "한글", "㎏", "\u0390",
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
			require.LessOrEqual(t, utf8.RuneCountInString(words[0]),
				map[question.Kind]int{question.WordCloud: 50, question.OpenText: 500}[q.Kind])
			require.Equal(t, words, q.Kind.Words(question.Answer(words[0])),
				"what is folded stays as it is")
			for _, form := range []norm.Form{norm.NFC, norm.NFD} {
				if q.Kind == question.WordCloud {
					require.Equal(t, words, q.Kind.Words(question.Answer(form.String(s))),
						"however it is composed")
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
