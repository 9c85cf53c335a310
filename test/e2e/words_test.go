package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// quoted gives a text as JSON has it.
func quoted(text string) string {
	data, _ := json.Marshal(text) // of a string, it never fails
	return string(data)
}

func TestWordsOfTheAudienceAreCountedAsPeopleMeanThem(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Polls: []NewPoll{wordCloud("Where do you come from?"),
			openText("And now?")}})
		cloud, essay := r.Polls[0].PollID, r.Polls[1].PollID
		require.Equal(t, 3, r.Polls[0].MaxChoices)
		require.Equal(t, 1, r.Polls[1].MaxChoices)
		require.Empty(t, r.Polls[0].Options)
		v := r.watch(t, "")
		d := r.Next()
		require.Equal(t, cloud, d.PollID)
		require.Equal(t, "word_cloud", d.Kind)
		require.Equal(t, 3, d.MaxChoices)
		require.Equal(t, []Option{}, d.Options)
		require.Equal(t, []Word{}, r.Results(cloud).Words, "nobody has voted")
		require.Equal(t, []Tally{}, r.Results(cloud).Options)

		ann, bob, cyd := NewVoter(), NewVoter(), NewVoter()
		r.Count(Ballot{PollID: cloud, ClientID: ann, Texts: []string{"Rome", " BERLIN! "}})
		r.Count(Ballot{PollID: cloud, ClientID: bob, Text: "berlin"})
		r.Count(Ballot{PollID: cloud, ClientID: cyd,
			Texts: []string{"<script>alert(1)</script>", "New\u00a0\n York", "🗳️"}})
		res := r.Recount(cloud)
		require.Equal(t, []Word{{"BERLIN!", 2}, {"Rome", 1}, {"<script>alert(1)</script>", 1},
			{"New York", 1}, {"🗳️", 1}}, res.Words,
			"as most people wrote them, of equals as the first one did; the older ones first")
		require.EqualValues(t, 3, res.Total, "people are counted, not words")
		e := v.until(t, "three voters", total(cloud, 3))
		require.Equal(t, res.Words, e.tallies.Words)
		require.Empty(t, e.tallies.Options)

		r.Count(Ballot{PollID: cloud, ClientID: ann, Text: "Oslo"}) // she changes her mind
		require.Equal(t, []Word{{"berlin", 1}, {"<script>alert(1)</script>", 1}, {"New York", 1},
			{"🗳️", 1}, {"Oslo", 1}}, r.Recount(cloud).Words)
		require.Contains(t, r.Votes(cloud),
			CountedVote{ClientID: cyd,
				Texts: []string{"<script>alert(1)</script>", "New York", "🗳️"}})
		require.Contains(t, r.Votes(cloud), CountedVote{ClientID: ann, Texts: []string{"Oslo"}})

		r.Next()
		long := strings.Repeat("💬", 500)
		r.Count(Ballot{PollID: essay, ClientID: ann, Text: "More time,\r\n\r\n\r\n  please. "})
		r.Count(Ballot{PollID: essay, ClientID: bob, Text: "=HYPERLINK(\"x\")"})
		r.Count(Ballot{PollID: essay, ClientID: cyd, Texts: []string{long}})
		require.Equal(t, []Word{{long, 1}, {"=HYPERLINK(\"x\")", 1},
			{"More time,\n\n  please.", 1}}, r.Recount(essay).Words)
		require.Contains(t, r.Votes(essay),
			CountedVote{ClientID: ann, Text: "More time,\n\n  please."})

		table := func(pollID string) string {
			a := r.Do(Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/votes"),
				Token:  r.PresenterToken,
				Header: map[string]string{"Accept": "text/csv"}})
			return castAt.ReplaceAllString(string(a.Body), ",then\n")
		}
		require.Contains(t, table(cloud), "client_id,text_1,text_2,text_3,cast_at\n")
		require.Contains(t, table(cloud), cyd+",<script>alert(1)</script>,New York,🗳️,then\n")
		require.Contains(t, table(cloud), ann+",Oslo,,,then\n")
		require.Contains(t, table(essay), "client_id,text,cast_at\n")
		require.Contains(t, table(essay), ann+",\"More time,\n\n  please.\",then\n")
		require.Contains(t, table(essay), bob+`,"'=HYPERLINK(""x"")",then`+"\n")

		final := finalOf(t, r, cloud)
		for _, replica := range s.replicas {
			require.Equal(t, final, r.Through(replica).Results(cloud))
		}
		require.Equal(t, final, r.Recount(cloud))
	})
}

func TestTextThatIsNotRightIsRefusedAndSaysWhere(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Polls: []NewPoll{wordCloud("Where?"), openText("Why?"),
			choice("Who?")}})
		for i, cases := range [][]refusal{
			{
				{"an empty text", `,"text":""`, "400 invalid texts"},
				{"blanks", `,"texts":["a"," \n\t "]`, "400 invalid texts"},
				{"nothing that can be seen", `,"texts":["\u200b\u00ad"]`, "400 invalid texts"},
				{"texts that are null", `,"texts":null`, "400 invalid key"},
				{"a NUL", `,"text":"a\u0000b"`, "400 invalid texts"},
				{"a control character", `,"text":"\u001b[31mred"`, "400 invalid texts"},
				{"half of a pair", `,"text":"\ud83d"`, "400 invalid texts"},
				{"a Hangul filler", `,"text":"\u3164"`, "400 invalid texts"},
				{"an empty Braille cell", `,"text":"\u2800"`, "400 invalid texts"},
				{"a lone mark", `,"text":"\u0301"`, "400 invalid texts"},
				{"BEL", `,"text":"\u0007"`, "400 invalid texts"},
				{"a selector alone", `,"text":"\ufe0f"`, "400 invalid texts"},
				{"the same picture twice", `,"texts":["❤️","❤"]`, "400 invalid texts"},
				{"bytes that are no UTF-8", ",\"text\":\"a\xff\"", "400 invalid body"},
				{"51 characters", `,"text":"` + strings.Repeat("é", 51) + `"`, "400 invalid texts"},
				{"50 characters that count as 900",
					`,"text":"` + strings.Repeat("\ufdfa", 50) + `"`, "400 invalid texts"},
				{"the same word twice", `,"texts":["Rome","ROME!"]`, "400 invalid texts"},
				{"one text too many", `,"texts":["a","b","c","d"]`, "400 invalid texts"},
				{"text and texts", `,"text":"a","texts":["a"]`, "400 invalid texts"},
				{"a key and a text", `,"key":"A","text":"a"`, "400 invalid text"},
				{"a key", `,"key":"A"`, "400 invalid key"},
				{"keys", `,"keys":["A"]`, "400 invalid key"},
				{"a text that is a number", `,"text":7`, "400 invalid text"},
				{"texts that are no list", `,"texts":"a"`, "400 invalid texts"},
				{"a text in the list that is null", `,"texts":["a",null]`, "400 invalid texts"},
				{"no answer", ``, "400 invalid key"},
			},
			{
				{"an empty text", `,"text":" "`, "400 invalid text"},
				{"two texts", `,"texts":["a","b"]`, "400 invalid texts"},
				{"501 characters", `,"text":"` + strings.Repeat("x", 501) + `"`,
					"400 invalid text"},
				{"a NUL", `,"text":"a\u0000b"`, "400 invalid text"},
				{"a key", `,"key":"A"`, "400 invalid key"},
			},
			{
				{"a text", `,"text":"A"`, "400 invalid text"},
				{"texts", `,"texts":["A"]`, "400 invalid text"},
			},
		} {
			pollID := r.Next().PollID
			for _, c := range cases {
				t.Run(fmt.Sprintf("%s, poll %d", c.name, i), func(t *testing.T) {
					c.check(t, r.wrong(t, "/polls/current/votes",
						ballotJSON(pollID, aVoter, c.body), jsonEnc))
				})
			}
			require.Zero(t, r.Recount(pollID).Total, "a refused vote counts")
		}
		root := &Room{Client: s.Client}
		for _, c := range []refusal{
			{"a word cloud with options", `"kind":"word_cloud","options":[{"key":"A","value":"a"}]`,
				"400 invalid polls[0].options"},
			{"an open text with options", `"kind":"open_text","options":[{"key":"A","value":"a"}]`,
				"400 invalid polls[0].options"},
			{"eleven words", `"kind":"word_cloud","max_choices":11`,
				"400 invalid polls[0].max_choices"},
			{"two open texts", `"kind":"open_text","max_choices":2`,
				"400 invalid polls[0].max_choices"},
			{"an option that shows nothing", `"options":[{"key":"A","value":"\u034f"}]`,
				"400 invalid polls[0].options[0].value"},
			{"a key that shows nothing", `"options":[{"key":"\u200b","value":"a"}]`,
				"400 invalid polls[0].options[0].key"},
			{"a banned word that shows nothing", `"kind":"open_text","banned_words":["\u00ad"]`,
				"400 invalid polls[0].banned_words[0]"},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.check(t, root.wrongAt(t, Base+"/presentations",
					`{"polls":[{"question":"Q",`+c.body+`}]}`, jsonEnc))
			})
		}
	})
}

func TestResultsHaveTheHundredWordsThatMostPeopleSay(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		ten := NewPoll{Question: "Where?", Kind: "word_cloud", MaxChoices: 10}
		r := show(s.Client, ten)
		pollID := r.Polls[0].PollID
		for i := range 12 {
			texts := []string{"everywhere"}
			for j := range 9 {
				texts = append(texts, fmt.Sprintf("Place %d-%d", i, j))
			}
			r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Texts: texts})
		}
		res := r.Results(pollID)
		require.EqualValues(t, 12, res.Total)
		require.Len(t, res.Words, 100)
		require.Equal(t, []Word{{"everywhere", 12}, {"Place 0-0", 1},
			{"Place 0-1", 1}}, res.Words[:3])
		r.Recount(pollID)
	})
}

func TestTheLargestTextsFitIntoAVote(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, openText("Why?"))
		pollID := r.Polls[0].PollID
		for text, want := range map[string]string{
			quoted(strings.Repeat("💬", 500)):                "204",
			quoted(strings.Repeat("e\u0301", 500)):          "204",
			`"` + strings.Repeat(`\u0436`, 500) + `"`:       "204",
			`"` + strings.Repeat(`\ud83d\udcac`, 500) + `"`: "413 payload_too_large",
		} {
			a := r.Do(Request{Method: http.MethodPost,
				Path: r.Path("/polls/current/votes"), Wrong: true,
				Body:   ballotJSON(pollID, NewVoter(), `,"text":`+text),
				Header: map[string]string{"Content-Type": jsonEnc, "Prefer": "wait=5"}})
			require.Equal(t, want, a.Code(), "%v", a)
		}
		r.Recount(pollID)
	})
}

func TestAnEventWithoutRoomForAllSaysWhereTheRestIs(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		const n, most = 30, 16 << 10
		long := NewPoll{Question: "Which?"}
		for i := range n {
			long.Options = append(long.Options,
				Option{fmt.Sprint(i), fmt.Sprint(i) + strings.Repeat(" <", 450)})
		}
		r := s.Create(NewPresentation{Polls: []NewPoll{long, openText("Why?")}})
		v := r.watch(t, "")
		r.Next()
		e := v.until(t, "a slide", shows(r.Polls[0].PollID))
		require.True(t, e.shown.More)
		require.Equal(t, []Option{}, e.shown.Poll.Options)
		var d Displayed
		require.NoError(t, r.Current().Decode(&d))
		require.EqualValues(t, e.shown.Version, d.Version)
		require.Equal(t, long.Options, d.Options)

		r.Next()
		essay := r.Polls[1].PollID
		for i := range n {
			r.Count(Ballot{PollID: essay, ClientID: NewVoter(),
				Text: fmt.Sprintf("%02d", i) + strings.Repeat("💬", 450)})
		}
		e = v.until(t, "all voters", total(essay, n))
		require.False(t, v.until(t, "final results of the first",
			func(e event) bool {
				return e.tallies != nil &&
					e.tallies.Status == "final"
			}).tallies.More)
		all := r.Results(essay).Words
		require.True(t, e.tallies.More)
		require.Len(t, all, n)
		require.Equal(t, all[:len(e.tallies.Words)], e.tallies.Words)
		require.Greater(t, len(e.tallies.Words), 5)
		require.Less(t, len(quoted(all[0].Text))*len(e.tallies.Words), most)
	})
}
