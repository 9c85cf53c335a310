package polls

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/table"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// afterwards is a store of one presentation that has been held.
type afterwards struct {
	poll.Store
	p      poll.Presentation
	states []poll.State
	token  string
	reads  atomic.Int64
}

// held makes a presentation of four polls, of which the last one was not displayed.
func held(t *testing.T) *afterwards {
	t.Helper()
	hard := `=HYPERLINK("http://evil.example","x"), "quoted"` + "\nsecond line"
	p, err := poll.New("Été: the \"best\"/worst 🗳️", []poll.Poll{
		{Question: question.Question{Text: hard,
			Options: []question.Option{{Key: "-A", Value: "+1"}, {Key: "B", Value: "@SUM(A1)"},
				{Key: "C", Value: "<script>"}}}},
		{Question: question.Question{Text: "What?", Kind: question.Multiple,
			Options: []question.Option{{Key: "A", Value: " =1"}, {Key: "B", Value: "\t=1"}}}},
		{Question: question.Question{Text: "How?", Kind: question.Rating}},
		{Question: question.Question{Text: "Secret?", Kind: question.Rating}},
	})
	require.NoError(t, err)
	for i, value := range []string{" =1", "\t=1"} { // which doors of before let through
		p.Polls[1].Options[i].Value = value
	}
	s := &afterwards{p: p}
	s.token, s.p.TokenHash = access.NewToken()
	s.p.Slide = poll.Slide{Version: 6, Index: 2, Displayed: true}
	s.states = []poll.State{
		{Status: poll.Final, Opened: 1, Sealed: 1, Revision: 9, Voters: 3,
			Counts: []int64{2, 1, 0}},
		{Status: poll.Closing, Opened: 5, Revision: 3, Voters: 2, Counts: []int64{2, 1}},
		{Status: poll.Open, Opened: 6, Revision: 4, Voters: 2, Counts: []int64{0, 0, 0, 1, 1}},
		{Status: poll.Pending, Counts: make([]int64, 5)},
	}
	return s
}

func (s *afterwards) Presentation(_ context.Context, id uuid.UUID) (poll.Presentation,
	[]poll.State, error) {
	s.reads.Add(1)
	if id != s.p.ID {
		return poll.Presentation{}, nil,
			fault.Errorf(fault.NotFound, "there is no such presentation")
	}
	return s.p, s.states, nil
}

func (s *afterwards) History(context.Context, uuid.UUID, int64, int) ([]poll.Mend, error) {
	return []poll.Mend{}, nil
}

func (s *afterwards) path(query string) string {
	return web.Base + "/presentations/" + s.p.ID.String() + "/results" + query
}

// serving gives a way to ask a server that has the store.
func serving(t *testing.T, store poll.Store) func(method, path string,
	header ...string) *http.Response {
	t.Helper()
	s := newTestServer()
	s.Start(Services{Store: store, Bus: inproc.NewBus()})
	t.Cleanup(s.Close)
	return func(method, path string, header ...string) *http.Response {
		t.Helper()
		req := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := s.app.Test(req, -1)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		res.Body = io.NopCloser(bytes.NewReader(body))
		return res
	}
}

func bodyOf(t *testing.T, res *http.Response) []byte {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return body
}

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

func TestAllResultsAreThoseOfThePollsThatWereDisplayed(t *testing.T) {
	s := held(t)
	ask := serving(t, s)
	for _, header := range [][]string{nil, {"Authorization", "Bearer " + s.token},
		{"Authorization", "Bearer nonsense"}} {
		res := ask("GET", s.path(""), header...)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, "application/json", res.Header.Get("Content-Type"))
		require.Empty(t, res.Header.Get("Content-Disposition"))
		var all wireAllResults
		require.NoError(t, json.Unmarshal(bodyOf(t, res), &all))
		require.Equal(t, s.p.ID, all.PresentationID)
		require.Equal(t, s.p.Title, all.Title)
		require.EqualValues(t, 6, all.Version)
		require.Len(t, all.Polls, 3, "the one that was not displayed is a secret")
		for i, p := range all.Polls {
			require.Equal(t, s.p.Polls[i].ID, p.PollID)
			require.Equal(t, s.p.Polls[i].Text, p.Question)
			require.Equal(t, s.p.Polls[i].Kind, p.Kind)
			require.Equal(t, s.states[i].Status, p.Status)
			require.Equal(t, s.states[i].Voters, p.Total)
			require.Equal(t, s.states[i].Opened, p.Version)
		}
		require.Equal(t, []wireCount{{wireOption{"-A", "+1"}, 2}, {wireOption{"B", "@SUM(A1)"}, 1},
			{wireOption{"C", "<script>"}, 0}}, all.Polls[0].Options)
		require.Equal(t, 4.5, *all.Polls[2].Mean)
		require.Equal(t, 4.5, *all.Polls[2].Median)
	}
	require.EqualValues(t, 3, s.reads.Load(), "each is one read")

	for i := range s.states {
		s.states[i].Status = poll.Pending
	}
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(bodyOf(t, ask("GET", s.path(""))), &all))
	require.JSONEq(t, "[]", string(all["polls"]))
}

// slowWords is a store whose words of free text come when it is told to give them.
type slowWords struct {
	*afterwards
	asked, proceed chan struct{}
}

func (s slowWords) Results(ctx context.Context, _, _ uuid.UUID) (poll.Results, error) {
	s.asked <- struct{}{}
	select {
	case <-s.proceed:
		return poll.Results{Poll: s.p.Polls[0], State: s.states[0]}, nil
	case <-ctx.Done():
		return poll.Results{}, fault.Unavailablef(ctx.Err(), "too slow")
	}
}

func TestWhileAllResultsAreReadNobodyWaitsForATurn(t *testing.T) {
	s := slowWords{held(t), make(chan struct{}), make(chan struct{})}
	s.p.Polls[0].Kind, s.p.Polls[0].Options, s.states[0].Counts = question.WordCloud, nil, nil
	server := newTestServer()
	server.Costly = budget.NewTurns(1)
	server.Start(Services{Store: s, Bus: inproc.NewBus()})
	t.Cleanup(server.Close)
	server.app.Handler()
	read := make(chan int)
	go func() {
		code, _ := answer(t, server, "GET", s.path(""))
		read <- code
	}()
	<-s.asked
	require.True(t, server.Costly.Free())
	code, _ := answer(t, server, "GET", web.Base+"/presentations/"+s.p.ID.String())
	require.Equal(t, 200, code)
	close(s.proceed)
	require.Equal(t, 200, <-read)
}

// anyTalk is a store of as many presentations as are asked for.
type anyTalk struct{ *afterwards }

func (s anyTalk) Presentation(ctx context.Context, _ uuid.UUID) (poll.Presentation,
	[]poll.State, error) {
	return s.afterwards.Presentation(ctx, s.p.ID)
}

func TestOfManyWhoWantAllResultsFewAreReadAtOnceAndAPresenterWaitsBehindOneOfThem(t *testing.T) {
	s := held(t)
	synctest.Test(t, func(t *testing.T) {
		turns := budget.NewTurns(1)
		end, err := turns.Take(t.Context())
		require.NoError(t, err)
		c := newCoalescedAll(anyTalk{s}, turns)
		var crowd sync.WaitGroup
		var served atomic.Int64
		for range 20 {
			crowd.Go(func() {
				_, err := c.Read(t.Context(), uuid.New())
				if served.Add(1); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // they are in line
		read := s.reads.Load()
		end()
		end, err = turns.Take(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		before := served.Load()
		end()
		crowd.Wait()
		lifetest.Stop(t, c)
		require.EqualValues(t, maxAllResults, read)
		require.LessOrEqual(t, before, int64(1))
	})
}

func TestATableHasARowForEachAnswerAndNoFormula(t *testing.T) {
	s := held(t)
	ask := serving(t, s)
	res := ask("GET", s.path("?format=csv"))
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/csv; charset=utf-8", res.Header.Get("Content-Type"))
	table, marked := strings.CutPrefix(string(bodyOf(t, res)), "\xef\xbb\xbf")
	require.True(t, marked, "Excel garbles it")
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	require.NoError(t, err)
	question := `'=HYPERLINK("http://evil.example","x"), "quoted"` + "\nsecond line"
	for i, row := range rows[1:] {
		at, err := time.Parse(time.RFC3339, row[13])
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), at, time.Minute)
		rows[i+1] = row[:13]
	}
	require.Equal(t, [][]string{
		strings.Split(
			"poll,question,kind,status,total,mean,median,key,value,count,identity,first_at,hidden,"+
				"exported_at", ","),
		{"1", question, "choice", "final", "3", "", "", "'-A", "'+1", "2", "client", "", ""},
		{"1", question, "choice", "final", "3", "", "", "B", "'@SUM(A1)", "1", "client", "", ""},
		{"1", question, "choice", "final", "3", "", "", "C", "<script>", "0", "client", "", ""},
		{"2", "What?", "multiple", "closing", "2", "", "", "A", "' =1", "2", "client", "", ""},
		{"2", "What?", "multiple", "closing", "2", "", "", "B", "'\t'=1", "1", "client", "", ""},
		{"3", "How?", "rating", "open", "2", "4.5", "4.5", "1", "1", "0", "client", "", ""},
		{"3", "How?", "rating", "open", "2", "4.5", "4.5", "2", "2", "0", "client", "", ""},
		{"3", "How?", "rating", "open", "2", "4.5", "4.5", "3", "3", "0", "client", "", ""},
		{"3", "How?", "rating", "open", "2", "4.5", "4.5", "4", "4", "1", "client", "", ""},
		{"3", "How?", "rating", "open", "2", "4.5", "4.5", "5", "5", "1", "client", "", ""},
	}, rows)
}

func TestAPollWithoutAnswersHasARow(t *testing.T) {
	all := wireAllResults{Polls: []wirePollResults{{
		place: 4, Question: "What?", Kind: "open_text",
		wireResults: wireResults[wireCount]{Identity: access.ByClient},
	}}}
	var body bytes.Buffer
	f, err := beginCSV(&body, &all, time.UnixMilli(0), ',', func() error { return nil })
	require.NoError(t, err)
	require.NoError(t, f.poll(&all.Polls[0]))
	require.NoError(t, f.end())
	require.Equal(
		t, "\uFEFFpoll,question,kind,status,total,mean,median,key,value,count,identity,first_at,"+
			"hidden,exported_at\n"+
			"4,What?,open_text,,0,,,,,,client,,,1970-01-01T00:00:00.000Z\n", body.String())
}

func TestAWorkbookHasASheetForEachPoll(t *testing.T) {
	s := held(t)
	ask := serving(t, s)
	res := ask("GET", s.path("?format=xlsx"))
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, xlsxType, res.Header.Get("Content-Type"))
	f, err := excelize.OpenReader(res.Body)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	require.Equal(t, []string{"Overview", "1 =HYPERLINK(\"http evil.example", "2 What", "3 How"},
		f.GetSheetList())
	rows, err := f.GetRows("Overview")
	require.NoError(t, err)
	require.Len(t, rows[1], 2)
	at, err := time.Parse("2006-01-02 15:04:05", rows[1][1])
	require.NoError(t, err, "a time, as a spreadsheet shows it")
	require.WithinDuration(t, time.Now().UTC(), at, time.Minute)
	rows[1] = rows[1][:1]
	require.Equal(t, [][]string{
		{"title", s.p.Title}, {"exported_at (UTC)"}, nil,
		{"poll", "question", "kind", "status", "total", "mean", "median", "identity"},
		{"1", table.Text(s.p.Polls[0].Text), "choice", "final", "3", "", "", "client"},
		{"2", "What?", "multiple", "closing", "2", "", "", "client"},
		{"3", "How?", "rating", "open", "2", "4.5", "4.5", "client"},
	}, rows)
	formula, err := f.GetCellFormula("Overview", "B5")
	require.NoError(t, err)
	require.Empty(t, formula)
	rows, err = f.GetRows("3 How")
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"question", "How?"}, {"kind", "rating"}, {"status", "open"}, {"total", "2"},
		{"identity", "client"}, {"mean", "4.5"}, {"median", "4.5"}, nil,
		{"key", "value", "count"}, {"1", "1", "0"}, {"2", "2", "0"}, {"3", "3", "0"},
		{"4", "4", "1"}, {"5", "5", "1"},
	}, rows)
}

func TestTheFormatIsWhatTheQuerySaysElseWhatIsAccepted(t *testing.T) {
	s := held(t)
	ask := serving(t, s)
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "application/json"}, {"", "*/*", "application/json"}, {"", "text/csv", "text/csv"},
		{"", xlsxType, xlsxType},
		{"", "text/html, text/csv;q=0.5", "text/csv"},
		{"", "application/json;q=0.1, " + xlsxType, xlsxType},
		{"", "image/png", "application/json"},
		{"?format=json", "text/csv", "application/json"},
		{"?format=csv", "application/json", "text/csv"}, {"?format=xlsx", "~,;;q", xlsxType},
		{"?x=y&format=csv&format=pdf", "", "text/csv"}, {"?Format=pdf", "", "application/json"},
	} {
		res := ask("GET", s.path(c.query), "Accept", c.accept)
		require.Equal(t, 200, res.StatusCode, c)
		require.True(t, strings.HasPrefix(res.Header.Get("Content-Type"), c.want), "%v: %s", c,
			res.Header.Get("Content-Type"))
		require.Contains(t, res.Header.Get("Vary"), "Accept")
		require.Contains(t, res.Header.Get("Vary"), "Authorization")
		require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
	}
	for _, wrong := range []string{
		"", "pdf", "CSV", "csv ", " json", "json,csv", "xlsx\x00", "text/csv", "%00",
		strings.Repeat("x", 5000), "../csv", "🗳️", "\xff",
	} {
		res := ask("GET", s.path("?format="+url.QueryEscape(wrong)), "Accept", "text/csv")
		require.Equal(t, 400, res.StatusCode, wrong)
		var p problem
		require.NoError(t, json.Unmarshal(bodyOf(t, res), &p))
		require.Equal(t, "format", p.Field)
		require.EqualValues(t, "invalid", p.Code)
	}
	for path, want := range map[string]int{
		web.Base + "/presentations/" + uuid.NewString() + "/results?format=xlsx": 404,
		web.Base + "/presentations/x/results":                                    404,
		web.Base + "/presentations/" + uuid.Nil.String() + "/results":            400,
		web.Base + "/presentations/" + uuid.NewString() + "/results?format=x":    400,
	} {
		require.Equal(t, want, ask("GET", path).StatusCode, path)
	}
}

func TestWhatIsKnownAlreadyIsNotSentAgain(t *testing.T) {
	s := held(t)
	ask := serving(t, s)
	tags := map[string]bool{}
	for _, query := range []string{"", "?format=csv"} {
		tag := ask("GET", s.path(query)).Header.Get("ETag")
		require.Regexp(t, `^(W/)?"[0-9a-f]{32}"$`, tag)
		tags[tag] = true
		res := ask("GET", s.path(query), "If-None-Match", tag)
		require.Equal(t, 304, res.StatusCode)
		require.Empty(t, bodyOf(t, res))
	}
	s.states[2].Voters++
	for _, query := range []string{"", "?format=csv"} {
		tags[ask("GET", s.path(query)).Header.Get("ETag")] = true
	}
	require.Len(t, tags, 4, "other content, other tag")
	require.Equal(t, 200, ask("HEAD", s.path("?format=xlsx")).StatusCode)
}

func TestNobodyKeepsAPresentationByItsVersionWhichEditsDoNotChange(t *testing.T) {
	s := held(t)
	ask := serving(t, s)
	path := web.Base + "/presentations/" + s.p.ID.String()
	was := bodyOf(t, ask("GET", path))
	s.p.Title = "New"
	res := ask("GET", path, "If-None-Match", `"6"`)
	require.Equal(t, 200, res.StatusCode)
	require.NotEqual(t, was, bodyOf(t, res))
	require.Equal(t, `"6"`, res.Header.Get("ETag"), "a transition's If-Match")
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	require.Contains(t, res.Header.Get("Vary"), "Authorization")
	require.NotEqual(t, bodyOf(t, ask("GET", path)),
		bodyOf(t, ask("GET", path, "Authorization", "Bearer "+s.token)))
}

func TestARoomThatLooksAtAllResultsCostsTheStoreTenReadsASecond(t *testing.T) {
	const people = 300
	s := held(t)
	s.p.Polls[0].Visibility = poll.PresenterOnly
	ask := serving(t, s)
	begun := time.Now()
	var room sync.WaitGroup
	tags := make([]string, people)
	for i := range people {
		room.Go(func() {
			var header []string
			if i%2 == 0 {
				header = []string{"Authorization", "Bearer " + s.token}
			}
			tags[i] = ask("GET", s.path(""), header...).Header.Get("ETag")
		})
	}
	room.Wait()
	require.LessOrEqual(t, s.reads.Load(), int64(live.Burst+time.Since(begun)/live.Pace+1))
	require.NotEqual(t, tags[0], tags[1], "what one may see is not given to the other")
	for i, tag := range tags {
		require.Equal(t, tags[i%2], tag)
	}
	s.p.Title = "New"
	require.NotEqual(t, tags[1], ask("GET", s.path("")).Header.Get("ETag"),
		"nobody gets what is older than their request")
}
