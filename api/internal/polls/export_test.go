package polls

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func partOfQuery(query string) (part, error) {
	var args fasthttp.Args
	args.Parse(query)
	return partOf(&args)
}

func TestPartsOfAVotesList(t *testing.T) {
	voter := uuid.MustParse("4c7b1f3e-2d70-4b4e-9c53-1f1f0f6a9d11")
	const place = "THsfPi1wS06cUx8fD2qdEQ"
	for query, want := range map[string]part{
		"": {}, "limit=1": {limit: 1}, "limit=10000": {limit: 10000},
		"after=" + place:                  {after: voter},
		"limit=7&after=" + place + "&x=y": {voter, 7},
	} {
		got, err := partOfQuery(query)
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
	}
	for query, field := range map[string]string{
		"limit": "limit", "limit=": "limit", "limit=0": "limit", "limit=-1": "limit",
		"limit=10001": "limit", "limit=1.5": "limit",
		"limit=ten": "limit", "limit=99999999999999999999": "limit", "limit=1%00": "limit",
		"after": "after", "after=": "after", "after=" + place[1:]: "after",
		"after=" + place + "A": "after", "after=" + place + "==": "after",
		"after=" + place[:21] + "R": "after", "after=" + place[:11] + "%0A" + place[11:]: "after",
		"after=" + voter.String():      "after",
		"after=AAAAAAAAAAAAAAAAAAAAAA": "after", "after=%ff": "after", "limit=1&after=x": "after",
	} {
		_, err := partOfQuery(query)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), query)
		require.ErrorContains(t, err, field, query)
	}
}

// FuzzCursor: a cursor is what a Link header gave, byte for byte, or it is refused.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{
		"", "THsfPi1wS06cUx8fD2qdEQ", "THsfPi1wS06cUx8fD2qdER", "THsfPi1wS06cUx8fD2qdEQ==",
		"THsfPi1wS0\n6cUx8fD2qdEQ", "AAAAAAAAAAAAAAAAAAAAAA",
		"_____________________w", "4c7b1f3e-2d70-4b4e-9c53-1f1f0f6a9d11", "+/+/+/+/+/+/+/+/+/+/+w",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		voter, err := parseCursor(s)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			require.Equal(t, uuid.Nil, voter)
		} else {
			require.NotEqual(t, uuid.Nil, voter)
			require.Equal(t, s, cursor(voter))
			require.Regexp(t, `^[A-Za-z0-9_-]{22}$`, s)
		}
		if id, err := uuid.FromBytes([]byte(s[:min(len(s), 16)])); err == nil && id != uuid.Nil {
			back, err := parseCursor(cursor(id))
			require.NoError(t, err)
			require.Equal(t, id, back)
		}
	})
}

// longAnswers is a store of one poll whose voters chose every option, all of which have long keys.
type longAnswers struct {
	poll.Store
	voters uint32
}

func (s longAnswers) Access(context.Context, uuid.UUID) (a access.Tokens, err error) {
	return a, nil
}

func (s longAnswers) Results(context.Context, uuid.UUID, uuid.UUID) (poll.Results, error) {
	return poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.Multiple}}}, nil
}

func (s longAnswers) Votes(_ context.Context, _, _, after uuid.UUID,
	yield func(poll.VoterAnswer) error) error {
	answer := question.Answer(strings.Repeat(strings.Repeat("k", question.MaxKeyLength)+"\n",
		question.MaxOptions-1) + "A")
	for i := binary.BigEndian.Uint32(after[:]) + 1; i <= s.voters; i++ {
		var voter uuid.UUID
		binary.BigEndian.PutUint32(voter[:], i)
		if err := yield(poll.VoterAnswer{VoterID: voter, Answer: answer}); err != nil {
			return err
		}
	}
	return nil
}

func TestAPageOfLongLinesEndsEarlyAndTheNextOneGoesOn(t *testing.T) {
	const voters = 500 // of 6.6 kB each
	s := newTestServer()
	s.Open = true
	s.Start(Services{Store: longAnswers{voters: voters}, Bus: inproc.NewBus()})
	defer s.Close()
	next, seen, pages := web.Base+"/presentations/"+aTalk.String()+"/polls/"+aPoll.String()+
		"/votes?limit=10000", 0, 0
	for ; next != ""; pages++ {
		res, err := s.app.Test(httptest.NewRequest("GET", next, nil), -1)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode)
		require.Less(t, len(body), maxPageBytes*11/10)
		var lines []struct {
			ClientID uuid.UUID `json:"client_id"`
		}
		require.NoError(t, json.Unmarshal(body, &lines))
		for _, l := range lines {
			seen++
			require.EqualValues(t, seen, binary.BigEndian.Uint32(l.ClientID[:]),
				"every line once, in order")
		}
		target, isLink := strings.CutSuffix(strings.TrimPrefix(res.Header.Get("Link"), "<"),
			`>; rel="next"`)
		if next = ""; isLink {
			_, err = url.Parse(target)
			require.NoError(t, err)
			next = target
		}
	}
	require.Equal(t, voters, seen)
	require.Equal(t, 4, pages)
}

// manyTexts is a votes list in which everybody wrote what a spreadsheet or a reader of lists might
// take for something else.
var manyTexts = []string{"=1+1", "+49 30", "-5", "@sum", "＝1", "a,b;c", `say "hi"`, "'", "<b>",
	"plain", "two\n  lines"}

func listed(t *testing.T, list func(*bufio.Writer, votes) error,
	answers ...question.Answer) string {
	t.Helper()
	var out strings.Builder
	w := bufio.NewWriter(&out)
	require.NoError(t, list(w, func(yield func(poll.VoterAnswer) error) error {
		for i, a := range answers {
			if err := yield(poll.VoterAnswer{VoterID: uuid.UUID{15: byte(i + 1)},
				Answer: a}); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, w.Flush())
	return out.String()
}

func TestTextsAreListedWholeAndAreNoFormulas(t *testing.T) {
	essay := &poll.Poll{Question: question.Question{Kind: question.OpenText, MaxChoices: 1}}
	answers := make([]question.Answer, len(manyTexts))
	for i, text := range manyTexts {
		answers[i] = question.Answer(strings.NewReplacer("\n", "\u2028", "\t",
			"\u2029").Replace(text))
	}
	var lines []voteLine
	require.NoError(t, json.Unmarshal([]byte(listed(t, listJSON(essay), answers...)), &lines))
	table, marked := strings.CutPrefix(listed(t, listCSV(essay, ','), answers...), "\xef\xbb\xbf")
	require.True(t, marked, "Excel garbles it")
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"client_id", "text", "cast_at"}, rows[0])
	for i, text := range manyTexts {
		require.Equal(t, text, lines[i].Text, "JSON has what was written")
		require.NotContains(t, "=+-@＝", string([]rune(rows[i+1][1])[:1]))
		require.Equal(t, strings.ReplaceAll(text, "'", ""),
			strings.ReplaceAll(rows[i+1][1], "'", ""), "a table has all of it")
	}

	cloud := &poll.Poll{Question: question.Question{Kind: question.WordCloud, MaxChoices: 3}}
	require.JSONEq(t, `[{"client_id":"00000000-0000-0000-0000-000000000001","texts":["Rome"]},
		{"client_id":"00000000-0000-0000-0000-000000000002","texts":["a;b","b, c"]}]`, listed(t, listJSON(cloud), "Rome", "a;b\nb, c"))
	require.Equal(t, "\uFEFF"+
		"client_id,text_1,text_2,text_3,cast_at\n00000000-0000-0000-0000-000000000001,Rome,,,\n"+
		"00000000-0000-0000-0000-000000000002,a;b,\"b, c\",,\n",
		listed(t, listCSV(cloud, ','), "Rome", "a;b\nb, c"))
	require.Equal(t, "[]", listed(t, listJSON(cloud)))
	require.Equal(
		t, "\uFEFFclient_id;text;cast_at\n00000000-0000-0000-0000-000000000001;\"one\n  two\";\n",
		listed(t, listCSV(essay, ';'), "one\u2028  two"), "an answer of several lines is one cell")
}

func TestResultsOfFreeTextHaveWordsAndOthersHaveNone(t *testing.T) {
	r := poll.Results{Poll: poll.Poll{ID: aPoll,
		Question: question.Question{Kind: question.WordCloud}},
		State: poll.State{Status: poll.Open, Opened: 1, Revision: 1}}
	data, err := json.Marshal(toTallies(r))
	require.NoError(t, err)
	require.Contains(t, string(data), `"options":[],"words":[]`)
	r.Words = []question.WordCount{{Text: "<script>", Count: 2}}
	data, err = json.Marshal(toTallies(r))
	require.NoError(t, err)
	require.Contains(t, string(data), `"words":[{"text":"\u003cscript\u003e","count":2}]`)
	r.Kind = question.Choice
	data, err = json.Marshal(toTallies(r))
	require.NoError(t, err)
	require.NotContains(t, string(data), "words")
}
