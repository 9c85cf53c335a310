package polls

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/stage"
)

// heldAndLarge is held with a first poll of some 300 KB, and with room for so many bytes of
// answers.
func heldAndLarge(t *testing.T, room int64) (*afterwards, *whole) {
	t.Helper()
	s := held(t)
	q := &s.p.Polls[0]
	q.Options, s.states[0].Counts = nil, make([]int64, 100)
	for i := range s.states[0].Counts {
		q.Options = append(q.Options, question.Option{Key: strconv.Itoa(i), Value: noise()})
	}
	server := newTestServer()
	server.Costly = budget.NewTurns(1)
	server.Answers.Unsent = budget.NewBytes(room, 1)
	server.Start(Services{Store: s, Bus: inproc.NewBus()})
	t.Cleanup(server.Close)
	server.app.Handler() // prepares the routes
	return s, server
}

// slowClient is a connection on which every byte waits until it is read.
type slowClient struct {
	net.Conn
	*bufio.Reader
	served chan struct{} // closed when the server is done with the connection
}

func (c slowClient) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func askSlowly(t *testing.T, server *whole, request string) slowClient {
	t.Helper()
	ours, theirs := net.Pipe()
	c := slowClient{ours, bufio.NewReaderSize(ours, 16), make(chan struct{})}
	go func() {
		defer close(c.served)
		_ = server.app.Server().ServeConn(theirs)
		_ = theirs.Close()
	}()
	t.Cleanup(func() {
		_ = ours.Close()
		<-c.served
	})
	_, err := io.WriteString(ours, request)
	require.NoError(t, err)
	return c
}

// get asks, and reads the first byte: then the answer has room.
func get(t *testing.T, server *whole, path, token string) slowClient {
	t.Helper()
	c := askSlowly(t, server,
		"GET "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n\r\n")
	_, err := c.ReadByte()
	require.NoError(t, err)
	require.NoError(t, c.UnreadByte())
	return c
}

func (c slowClient) answer(t *testing.T) (*http.Response, []byte) {
	t.Helper()
	res, err := http.ReadResponse(c.Reader, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, body
}

// Whoever asks for much and reads nothing takes a bounded memory, and none of what others need.
func TestLargeAnswersThatAreNotReadAreBoundedOnEveryRoute(t *testing.T) {
	for name, rest := range map[string]string{
		"presentation": "", "export": "/export", "all results": "/results",
		"a table":    "/results?format=csv",
		"a workbook": "/results?format=xlsx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, server := heldAndLarge(t, 350_000)
			path := web.Base + "/presentations/" + s.p.ID.String() + rest
			var unread []slowClient
			for {
				c := get(t, server, path, s.token)
				line, err := c.Peek(12)
				require.NoError(t, err)
				if string(line) == "HTTP/1.1 503" {
					res, body := c.answer(t)
					require.Equal(t, "1", res.Header.Get("Retry-After"))
					var p problem
					require.NoError(t, json.Unmarshal(body, &p))
					require.EqualValues(t, "unavailable", p.Code)
					require.Contains(t, p.Detail, "too many large answers are being sent")
					require.Equal(t, res.Header.Get("X-Request-Id"), p.RequestID)
					for _, of := range []string{"ETag", "Content-Disposition", "Cache-Control"} {
						require.Empty(t, res.Header.Get(of), "of an answer that was not sent")
					}
					break
				}
				require.Equal(t, "HTTP/1.1 200", string(line))
				if unread = append(unread, c); len(unread) > 3 {
					t.Fatal("nothing bounds them")
				}
			}
			code, _ := answer(t, server, "GET", web.Base+"/ping")
			require.Equal(t, 200, code, "a small answer needs no room")
			res, err := server.app.Test(httptest.NewRequest("HEAD", path, nil), -1)
			require.NoError(t, err)
			require.NotEqual(t, 503, res.StatusCode, "nor does one without a body")

			_, body := unread[0].answer(t)
			require.NotEmpty(t, body, "who reads gets all of it")
			for _, c := range unread[1:] {
				require.NoError(t, c.Close())
			}
			require.Eventually(t, func() bool {
				c := get(t, server, path, s.token)
				line, err := c.Peek(12)
				require.NoError(t, c.Close())
				return err == nil && string(line) == "HTTP/1.1 200"
			}, 10*time.Second, time.Millisecond, "what was sent, or could not be, takes no room")
		})
	}
}

func TestAChangeWhoseAnswerFindsNoRoomSaysThatItWasDone(t *testing.T) {
	_, server := heldAndLarge(t, 50_000)
	done := 0
	server.app.Put("/much", func(c *fiber.Ctx) error {
		done++
		return c.Status(201).Send(make([]byte, 40_000))
	})
	release, err := server.Answers.Unsent.Hold(t.Context(), make([]byte, 50_000))
	require.NoError(t, err)
	server.Cut() // as when the server's time is over: it does not wait
	res, err := server.app.Test(httptest.NewRequest("PUT", "/much", nil), -1)
	require.NoError(t, err)
	require.Equal(t, 503, res.StatusCode)
	require.Contains(t, string(bodyOf(t, res)), "this was done")
	require.Equal(t, 1, done)
	release()
}

func TestWhatIsInMemoryAnywayIsNeverHeldBack(t *testing.T) {
	_, server := heldAndLarge(t, 20_000)
	_, err := server.Answers.Unsent.Hold(t.Context(), make([]byte, 20_000))
	require.NoError(t, err)
	standing := make([]byte, 40_000)
	server.app.Get("/standing", func(c *fiber.Ctx) error {
		budget.Standing(c)
		return c.Send(standing)
	})
	for _, path := range []string{web.Base + "/openapi.yaml", "/standing"} {
		code, body := answer(t, server, "GET", path)
		require.Equal(t, 200, code, path)
		require.Greater(t, len(body), web.SmallAnswer)
	}
}

func TestAnAnswerIsSentAsItWasMadeHoweverItIsBuffered(t *testing.T) {
	_, server := heldAndLarge(t, 1<<20)
	server.app.Get("/raw/:size", func(c *fiber.Ctx) error {
		n, _ := strconv.Atoi(c.Params("size"))
		return c.Send([]byte(strings.Repeat("r", n)))
	})
	// into a buffer of fasthttp's, which it uses again
	server.app.Get("/copied/:size", func(c *fiber.Ctx) error {
		n, _ := strconv.Atoi(c.Params("size"))
		_, err := c.WriteString(strings.Repeat("c", n))
		return err
	})
	server.app.Handler() // takes the new routes
	for _, size := range []int{1, web.SmallAnswer, web.SmallAnswer + 1, 300_000} {
		for path, sign := range map[string]string{"/raw/": "r", "/copied/": "c"} {
			path += strconv.Itoa(size)
			var slow []slowClient
			for range 2 {
				slow = append(slow, get(t, server, path, ""))
			}
			for _, c := range slow {
				res, body := c.answer(t)
				require.EqualValues(t, size, res.ContentLength)
				require.Equal(t, strings.Repeat(sign, size), string(body))
			}
			res, err := server.app.Test(httptest.NewRequest("HEAD", path, nil), -1)
			require.NoError(t, err)
			require.EqualValues(t, size, res.ContentLength, "a HEAD says how long it would be")
		}
	}
	release, err := server.Answers.Unsent.Hold(t.Context(), make([]byte, 1<<20))
	require.NoError(t, err, "nothing is held")
	release()
}

func TestAServerThatStopsWaitsForNobodyWhoReadsSlowly(t *testing.T) {
	for _, rest := range []string{"", "/results?format=xlsx", "/results?format=csv"} {
		t.Run(rest, func(t *testing.T) {
			t.Parallel()
			s, server := heldAndLarge(t, 10<<20)
			path := web.Base + "/presentations/" + s.p.ID.String() + rest
			slow, quick := get(t, server, path, s.token), get(t, server, path, s.token)
			stopped := time.Now()
			server.EndStreams()
			if rest == "" { // a list of unknown length is cut off
				_, body := quick.answer(t)
				require.NotEmpty(t, body, "who reads at once gets all of it")
			}
			<-slow.served
			require.Less(t, time.Since(stopped), web.WriteTimeout/2)
		})
	}
}

func TestWhoReadsAByteNowAndThenIsCutOff(t *testing.T) {
	s, server := heldAndLarge(t, 10<<20)
	server.app.Server().WriteTimeout = 200 * time.Millisecond
	c := get(t, server, web.Base+"/presentations/"+s.p.ID.String(), s.token)
	for {
		if _, err := c.ReadByte(); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	<-c.served
	release, err := server.Answers.Unsent.Hold(t.Context(), make([]byte, 10<<20))
	require.NoError(t, err)
	release()
}

func TestWhoFindsSomethingCostlyUnderWayWaits(t *testing.T) {
	s, server := heldAndLarge(t, 10<<20)
	end, err := server.Costly.Take(t.Context())
	require.NoError(t, err)
	paths := []string{"/results?format=xlsx", "/results?format=csv", "/results", "",
		"/export", "/history"}
	answered := make(chan int)
	for _, rest := range paths {
		go func() {
			req := httptest.NewRequest("GET", web.Base+"/presentations/"+s.p.ID.String()+rest, nil)
			req.Header.Set("Authorization", "Bearer "+s.token)
			res, err := server.app.Test(req, -1)
			if err != nil {
				t.Error(err)
				answered <- 0
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			answered <- res.StatusCode
		}()
	}
	select {
	case <-answered:
		t.Error("it did not wait")
	case <-time.After(100 * time.Millisecond):
	}
	code, _ := answer(t, server, "GET", web.Base+"/ping")
	require.Equal(t, 200, code, "what costs little needs no turn")
	end()
	for range paths {
		require.Equal(t, 200, <-answered)
	}
	require.True(t, server.Costly.Free())
}

func TestAListHasATurnOnlyWhileItIsMade(t *testing.T) {
	server := newTestServer()
	server.Open, server.Costly = true, budget.NewTurns(1)
	server.Start(Services{Store: longAnswers{voters: 500}, Bus: inproc.NewBus()})
	t.Cleanup(server.Close)
	server.app.Handler()
	votes := web.Base + "/presentations/" + aTalk.String() + "/polls/" + aPoll.String() + "/votes"
	slow := get(t, server, votes, "")
	require.Eventually(t, func() bool { return server.Costly.Free() }, 10*time.Second,
		time.Millisecond, "while it is not read there is none")
	end, err := server.Costly.Take(t.Context())
	require.NoError(t, err)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, body := slow.answer(t)
		if !json.Valid(body) {
			t.Error("not whole")
		}
	}()
	select {
	case <-answered:
		t.Error("it took no turn")
	case <-time.After(100 * time.Millisecond):
	}
	end()
	<-answered
	require.True(t, server.Costly.Free())
}

func TestNoMoreThanAFewChangePresentationsAtOnce(t *testing.T) {
	s, server := heldAndLarge(t, 10<<20)
	for range maxChanges {
		_, err := server.changes.Take(t.Context())
		require.NoError(t, err)
	}
	server.Cut() // nobody waits
	presentation := web.Base + "/presentations/" + s.p.ID.String()
	for _, c := range []struct{ method, path, body string }{
		{"POST", web.Base + "/presentations", "no JSON"}, {"PATCH", presentation, "no JSON"},
		{"DELETE", presentation, ""},
		{"POST", presentation + "/polls", "no JSON"},
		{"PATCH", presentation + "/polls/" + aPoll.String(), "no JSON"},
		{"DELETE", presentation + "/polls/" + aPoll.String(), ""},
		{"PUT", presentation + "/polls/order", "no JSON"},
		{"POST", presentation + "/polls/" + aPoll.String() + "/reset", ""},
	} {
		req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		req.Header.Set("Content-Type", "application/json")
		res, err := server.app.Test(req, -1)
		require.NoError(t, err)
		require.Equal(t, 503, res.StatusCode, "%v: it is not even decoded", c)
		require.Contains(t, string(bodyOf(t, res)),
			"the server is busy: this did not get its turn in time")
	}
}

// uneditable is a store that panics when something is edited.
type uneditable struct{ poll.Store }

func (uneditable) Access(context.Context, uuid.UUID) (a access.Tokens, err error) { return a, nil }

func (uneditable) Edit(context.Context, uuid.UUID, poll.Edit) (poll.Edited,
	error) {
	panic("a fault")
}

// editing gives a way to send edits, of a presentation that anybody may edit, to a server that
// cannot make them.
func editing(t *testing.T) (server *whole, send func(method, path, body string) (int, string)) {
	t.Helper()
	server = newTestServer()
	server.Open = true
	quiet := slog.New(slog.DiscardHandler)
	server.Start(Services{
		Store: uneditable{}, Bus: inproc.NewBus(),
		Stage: stage.New(uneditable{}, nil, deadLog{}, nil, quiet),
	})
	t.Cleanup(server.Close)
	return server, func(method, path, body string) (int, string) {
		t.Helper()
		req := httptest.NewRequest(method, web.Base+"/presentations"+path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		res, err := server.app.Test(req, -1)
		require.NoError(t, err)
		return res.StatusCode, string(bodyOf(t, res))
	}
}

func TestATurnComesBackHoweverAnEditEnds(t *testing.T) {
	server, send := editing(t)
	talk := "/" + aTalk.String()
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"PATCH", talk, `{"title":"x"}`, 500}, {"PATCH", talk, `{}`, 400},
		{"PATCH", talk, `{`, 400},
		{"PUT", talk + "/polls/order", `{"poll_ids":[]}`, 500},
		{"PUT", talk + "/polls/order", `{"poll_ids":["x"]}`, 400},
		{"POST", talk + "/polls", `{}`, 500},
		{"POST", talk + "/polls/" + aPoll.String() + "/reset", "", 500},
		{"PATCH", talk + "/polls/" + aPoll.String(), `{}`, 500},
		{"DELETE", talk + "/polls/" + aPoll.String(), "", 500},
	} {
		code, body := send(c.method, c.path, c.body)
		require.Equal(t, c.status, code, "%v: %s", c, body)
		require.True(t, server.changes.Free(), c)
	}
}

func TestAnOrderOfMorePollsThanThereCanBeIsRefusedAtOnce(t *testing.T) {
	_, send := editing(t)
	order := func(polls int) string {
		return `{"poll_ids":["` + aPoll.String() + `"` +
			strings.Repeat(`,"`+aPoll.String()+`"`, polls-1) + `]}`
	}
	code, _ := send("PUT", "/"+aTalk.String()+"/polls/order", order(poll.MaxPolls))
	require.Equal(t, 500, code, "this one is asked for")
	code, body := send("PUT", "/"+aTalk.String()+"/polls/order", order(poll.MaxPolls+1))
	require.Equal(t, 400, code)
	require.Contains(t, body, `"field":"poll_ids"`)
	require.Contains(t, body, "must name each of the presentation's polls once")
}

func TestAnAddressThatMayCreateNothingMoreTakesNoTurn(t *testing.T) {
	server, send := editing(t)
	server.CreateLimit = 1
	server.bounds = newBounds(server.CreateLimit, server.WrongCodes, time.Now)
	code, _ := send("POST", "", `{}`)
	require.Equal(t, 400, code)
	code, _ = send("POST", "", `{}`)
	require.Equal(t, 400, code, "what is no presentation costs nothing")
	// from where tests ask
	server.bounds.creation.Take(limit.Address(netip.MustParseAddr("0.0.0.0")))
	for range maxChanges {
		_, err := server.changes.Take(t.Context())
		require.NoError(t, err)
	}
	server.Cut() // nobody waits
	code, body := send("POST", "", `{}`)
	require.Equal(t, 429, code, body)
	require.Contains(t, body, "this address has created 1 presentations within a minute")
}

// noise is a text of 3 KB that cannot be compressed well.
func noise() string {
	var all strings.Builder
	for all.Len() < 3000 {
		all.WriteString(rand.Text())
	}
	return all.String()
}
