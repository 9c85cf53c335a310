package feeds

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/feed"
)

// listen gives the address of the scene on a port of its own.
func (s *scene) listen() string {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	done := make(chan error, 1)
	go func() { done <- s.site.App.Listener(ln) }()
	s.t.Cleanup(func() { // before the site stops
		s.site.EndStreams()
		require.NoError(s.t, s.site.App.ShutdownWithTimeout(time.Minute))
		require.NoError(s.t, <-done)
	})
	return "http://" + ln.Addr().String() + web.Base
}

// event is one of a stream.
type event struct{ id, name, data string }

// stream reads events of a path as an account; Nil: as anybody. It waits for each a minute.
func (s *scene) stream(base, path string, account uuid.UUID) (next func() event) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", base+path, nil)
	require.NoError(s.t, err)
	if account != uuid.Nil {
		req.Header.Set("Authorization", "Bearer "+session(account))
	}
	client := http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	res, err := client.Do(req)
	require.NoError(s.t, err)
	require.Equal(s.t, 200, res.StatusCode)
	require.Equal(s.t, "text/event-stream", res.Header.Get("Content-Type"))
	s.t.Cleanup(func() { _ = res.Body.Close(); client.CloseIdleConnections() })
	lines := bufio.NewScanner(res.Body)
	return func() (e event) {
		s.t.Helper()
		for lines.Scan() {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.data != "" {
					return e
				}
			}
		}
		require.FailNow(s.t, "the stream has ended", "%v", lines.Err())
		return e
	}
}

// until reads events until one is as it should be.
func until(next func() event, wanted func(event) bool) event {
	for {
		if e := next(); wanted(e) {
			return e
		}
	}
}

func totalOf(t *testing.T, e event) (id uuid.UUID, total int64) {
	t.Helper()
	var stats wireStats
	require.NoError(t, json.Unmarshal([]byte(e.data), &stats), e.data)
	return stats.ID, stats.Total
}

func TestAPollsStreamTellsOfItsNumbersAndOfItsEnd(t *testing.T) {
	s := newScene(t, usual, Config{})
	base, p := s.listen(), s.published(feed.Always, "")
	path := "/polls/" + p.String()
	next := s.stream(base, path+"/events", uuid.Nil)
	first := next()
	require.Equal(t, "stats", first.name)
	require.Equal(t, "0", first.id)
	require.JSONEq(t, string(s.ask("GET", path+"/stats", "", "").body), first.data)
	for range 3 {
		s.voted(uuid.New(), p, "0")
	}
	last := until(next, func(e event) bool { _, n := totalOf(t, e); return n == 3 })
	require.Equal(t, "3", last.id)
	require.Equal(t, 200, s.by(s.ann, "POST", path+"/close").status)
	end := event{"0", "poll", `{"poll_id":"` + p.String() + `","closed":true,"deleted":false}`}
	require.Equal(t, end, next())
	require.Equal(t, 204, s.by(s.ann, "DELETE", path).status)
	end.data = strings.Replace(end.data, "false", "true", 1)
	require.Equal(t, end, next())
}

func TestAStreamTellsNothingOfHiddenNumbers(t *testing.T) {
	s := newScene(t, usual, Config{})
	base, p, voter := s.listen(), s.published(feed.AfterVote, ""), uuid.New()
	hidden := event{"0", "stats", `{"poll_id":"` + p.String() + `","hidden":true}`}
	s.voted(voter, p, "0")
	path := "/polls/" + p.String()
	stranger := s.stream(base, path+"/events", uuid.Nil)
	require.Equal(t, hidden, stranger())
	reader := s.stream(base, path+"/events", uuid.New())
	require.Equal(t, hidden, reader())
	sees := s.stream(base, path+"/events", voter)
	require.Contains(t, sees().data, `"total":1`)
	author := s.stream(base, path+"/events", s.ann)
	require.Contains(t, author().data, `"total":1`)
	for range 3 {
		s.voted(uuid.New(), p, "1")
	}
	for _, next := range []func() event{sees, author} {
		until(next, func(e event) bool { _, n := totalOf(t, e); return n == 4 })
	}
	require.Equal(t, 200, s.by(s.ann, "POST", path+"/close").status)
	for _, next := range []func() event{stranger, reader} {
		require.Equal(t, "poll", next().name, "of the votes before nothing was told")
		_, n := totalOf(t, next())
		require.EqualValues(t, 4, n, "everybody sees the numbers of what is over")
	}
}

func TestAStreamTellsOfSeveralPolls(t *testing.T) {
	s := newScene(t, usual, Config{})
	base, voter := s.listen(), uuid.New()
	shown, hidden := s.published(feed.Always, ""), s.published(feed.AfterClose, "")
	voted, gone := s.published(feed.AfterVote, ""), uuid.New()
	other := s.published(feed.Always, "")
	s.voted(voter, voted, "0")
	ids := []string{shown.String(), hidden.String(), voted.String(), gone.String(), shown.String()}
	next := s.stream(base, "/polls/events?ids="+strings.Join(ids, ","), voter)
	told := map[string]string{}
	for range 4 {
		e := next()
		require.Equal(t, "0", e.id)
		var data struct {
			ID string `json:"poll_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(e.data), &data))
		told[data.ID] = e.name + e.data
	}
	require.Contains(t, told[shown.String()], `"total":0`)
	require.Contains(t, told[hidden.String()], `"hidden":true`)
	require.Contains(t, told[voted.String()], `"total":1`)
	require.Equal(t, `poll{"poll_id":"`+gone.String()+`","closed":true,"deleted":true}`,
		told[gone.String()])
	s.voted(voter, other, "0")
	s.voted(voter, hidden, "0")
	s.voted(voter, shown, "0")
	id, n := totalOf(t, next())
	require.Equal(t, shown, id, "nothing is told of others")
	require.EqualValues(t, 1, n)
}

func TestAStreamTakesOneToFiftyIDs(t *testing.T) {
	s := newScene(t, usual, Config{})
	many := func(n int) string {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = uuid.NewString()
		}
		return strings.Join(ids, ",")
	}
	for _, ids := range []string{
		"", ",", "x", "%00", many(51), many(400), many(2) + ",", "," + many(1), many(1) + ",x",
		uuid.Nil.String(), "{" + many(1) + "}", strings.Repeat(",", 3000), many(1) + "%20",
	} {
		a := s.ask("HEAD", "/polls/events?ids="+ids, "", "")
		require.Equal(t, 400, a.status, ids)
	}
	require.Equal(t, "Bad Request invalid ids", s.ask("GET", "/polls/events", "", "").code())
	for _, n := range []int{1, 2, 50} {
		for _, token := range []string{"", session(s.ann)} {
			require.Equal(t, 200, s.ask("HEAD", "/polls/events?ids="+many(n), token, "").status)
		}
	}
}

func TestACrowdThatWatchesAPollCostsTheStoreFewReads(t *testing.T) {
	s := newScene(t, usual, Config{})
	base, p := s.listen(), s.published(feed.Always, "")
	const crowd, votes = 30, 40
	var streams []func() event
	for range crowd { // each has another set of polls on its screen
		ids := p.String() + "," + uuid.NewString()
		next := s.stream(base, "/polls/events?ids="+ids, uuid.Nil)
		until(next, func(e event) bool { return e.name == "stats" })
		streams = append(streams, next)
	}
	before, begun := s.store.reads.Load(), time.Now()
	for range votes {
		s.voted(uuid.New(), p, "0")
	}
	for _, next := range streams {
		until(next, func(e event) bool {
			return e.name == "stats" && strings.Contains(e.data, `"total":40`)
		})
	}
	took := time.Since(begun)
	looks := int64(took/(250*time.Millisecond)) + 1 // what was missed is asked for all at once
	most := int64(live.Burst+took/live.Pace+2) + looks
	require.Less(t, most, int64(crowd*votes), "this took too long to tell anything")
	require.LessOrEqual(t, s.store.reads.Load()-before, most)
}

func TestAnEventHasRoomForTheLargestPoll(t *testing.T) {
	p := feed.Poll{ID: uuid.New()}
	for range feed.MaxOptions {
		p.Options = append(p.Options, strings.Repeat("<", feed.MaxOption))
	}
	p.Votes = make([]int64, feed.MaxOptions)
	p.Votes[3] = 7
	full, err := json.Marshal(toStats(&p))
	require.NoError(t, err)
	require.Greater(t, len(full), 16<<10, "it has none with its texts")
	fit, err := json.Marshal(toStats(&p).Fit(0))
	require.NoError(t, err)
	require.Less(t, len(fit), 4<<10)
	require.Contains(t, string(fit), `"more":true`)
	require.Contains(t, string(fit), `{"option":"","count":7}`)
	require.Equal(t, p.Options[0], toStats(&p).Votes[0].Option, "the original is as it was")
}
