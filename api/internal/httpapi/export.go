package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/table"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// getVotes gives the votes list of a poll: a page of it, or all of it as a stream. Its memory does not depend on how many
// voted.
func getVotes(c *call) error {
	part, err := partOf(c.Context().QueryArgs())
	if err != nil {
		return err
	}
	separator, err := separatorOf(c.Context().QueryArgs())
	if err != nil {
		return err
	}
	presentationID, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	if _, err := c.need(ctx, presentationID, toTake); err != nil {
		return err
	}
	results, err := c.Store.Results(ctx, presentationID, pollID)
	if err != nil {
		return err
	}
	c.use(presentationID)
	c.Vary(fiber.HeaderAccept)
	list := listJSON(&results.Poll)
	if c.Accepts(fiber.MIMEApplicationJSON, "text/csv") == "text/csv" {
		list = listCSV(&results.Poll, separator)
		c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	} else {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	}
	store := c.Store // the stream outlives the handler, and so may not use its call
	from := func(ctx context.Context) votes {
		return func(yield func(poll.VoterAnswer) error) error {
			return store.Votes(ctx, presentationID, pollID, part.after, yield)
		}
	}
	if part.limit > 0 {
		turn := costlyTurn{ctx: ctx, turns: c.server.Costly}
		defer turn.pause()
		return c.sendPage(part.limit, list, from(ctx).inTurns(turn.take))
	}
	body, err := c.newStream(func(ctx context.Context, w *bufio.Writer, turn *costlyTurn) error {
		return list(w, from(ctx).inTurns(turn.take))
	}, func() {})
	if err != nil {
		return err
	}
	return c.SendStream(body)
}

// part of a votes list is what a client asked for.
type part struct {
	after uuid.UUID // the voter behind whom it begins
	limit int       // lines at most; 0: all there are
}

// What a page holds: maxPageBytes ends it early, since a line has as many keys as its voter chose, or as long a text as they wrote.
const (
	maxPage      = 10_000
	maxPageBytes = 1 << 20
)

func partOf(query *fasthttp.Args) (p part, err error) {
	if p.limit, err = limitOf(query, 0, maxPage); err != nil {
		return part{}, err
	}
	if query.Has("after") {
		p.after, err = parseCursor(string(query.Peek("after")))
	}
	return p, err
}

// limitOf gives how many items a client asks for, at most so many, or usual where it does not say.
func limitOf(query *fasthttp.Args, usual, most int) (int, error) {
	if !query.Has("limit") {
		return usual, nil
	}
	limit, err := strconv.Atoi(string(query.Peek("limit")))
	if err != nil || limit < 1 || limit > most {
		return 0, fault.Field("limit", "must be a number from 1 to %d", most)
	}
	return limit, nil
}

// separatorOf gives what is to part the cells of a table.
func separatorOf(query *fasthttp.Args) (rune, error) {
	if !query.Has("separator") {
		return ',', nil
	}
	switch string(query.Peek("separator")) {
	case ",":
		return ',', nil
	case ";":
		return ';', nil
	case "tab", "\t":
		return '\t', nil
	}
	return 0, fault.Field("separator", `must be ",", ";" or "tab"`)
}

// cursors are opaque to clients: what they hold may change.
var cursors = base64.RawURLEncoding.Strict()

// cursor names the place in a votes list behind a voter.
func cursor(voter uuid.UUID) string { return cursors.EncodeToString(voter[:]) }

func parseCursor(s string) (uuid.UUID, error) {
	b, _ := cursors.DecodeString(s) // of what is wrong, the length or the way back tells
	voter, err := uuid.FromBytes(b)
	if err != nil || voter == uuid.Nil || cursor(voter) != s {
		return uuid.Nil, fault.Field("after", "must be what a Link header gave")
	}
	return voter, nil
}

// sendPage answers the first lines of all, at most limit, and where the next page is if there are more.
func (c *call) sendPage(limit int, list func(*bufio.Writer, votes) error, all votes) error {
	var body bytes.Buffer
	full := errors.New("the page is full")
	lines, last, more := 0, uuid.Nil, false
	w := bufio.NewWriter(&body)
	err := list(w, func(yield func(poll.VoterAnswer) error) error {
		err := all(func(v poll.VoterAnswer) error {
			if lines == limit || body.Len() >= maxPageBytes {
				more = true
				return full
			}
			lines++
			last = v.VoterID
			return yield(v)
		})
		if errors.Is(err, full) {
			return nil
		}
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return err
	}
	if more {
		next := fmt.Sprintf("%s?limit=%d&after=%s", c.Path(), limit, cursor(last))
		if separator := c.Context().QueryArgs().Peek("separator"); separator != nil {
			next += "&separator=" + url.QueryEscape(string(separator))
		}
		c.Set(fiber.HeaderLink, "<"+next+`>; rel="next"`)
	}
	return c.Send(body.Bytes())
}

// votes calls yield for every vote.
type votes func(yield func(poll.VoterAnswer) error) error

// inTurns takes a turn before each vote, and none while it waits for the store's first one.
func (all votes) inTurns(turn func() error) votes {
	return func(yield func(poll.VoterAnswer) error) error {
		return all(func(v poll.VoterAnswer) error {
			if err := turn(); err != nil {
				return err
			}
			return yield(v)
		})
	}
}

// voteLine is a line of a votes list. Which member has the answer depends on the kind alone.
type voteLine struct {
	ClientID *uuid.UUID `json:"client_id,omitempty"` // the client's own id
	VoterID  *uuid.UUID `json:"voter_id,omitempty"`  // of a voter with a pass, which it is no part of
	Key      string     `json:"key,omitempty"`
	Keys     []string   `json:"keys,omitempty"`
	Text     string     `json:"text,omitempty"`
	Texts    []string   `json:"texts,omitempty"`
	CastAt   time.Time  `json:"cast_at,omitzero"` // informs; nothing is ordered by it
}

func toLine(q *poll.Poll, v poll.VoterAnswer) voteLine {
	l := voteLine{CastAt: v.CastAt()}
	if q.Identity == access.Passed {
		l.VoterID = &v.VoterID
	} else {
		l.ClientID = &v.VoterID
	}
	switch q.Kind {
	case question.Multiple:
		l.Keys = v.Answer.Keys()
	case question.WordCloud:
		l.Texts = v.Answer.Texts()
	case question.OpenText:
		l.Text = question.Written(string(v.Answer))
	default:
		l.Key = string(v.Answer)
	}
	return l
}

func listJSON(q *poll.Poll) func(*bufio.Writer, votes) error {
	return func(w *bufio.Writer, all votes) error {
		before := "["
		err := all(func(v poll.VoterAnswer) error {
			data, err := json.Marshal(toLine(q, v))
			if err != nil {
				return err
			}
			data = append([]byte(before), data...)
			before = ","
			_, err = w.Write(data)
			return err
		})
		if err != nil {
			return err
		}
		end := "]"
		if before == "[" { // there was none
			end = "[]"
		}
		_, err = w.WriteString(end)
		return err
	}
}

func listCSV(q *poll.Poll, separator rune) func(*bufio.Writer, votes) error {
	return func(w *bufio.Writer, all votes) error {
		out, err := table.NewCSV(w, separator)
		if err == nil {
			err = out.Row(columns(q)...)
		}
		if err == nil {
			err = all(func(v poll.VoterAnswer) error { return out.Row(row(q, v)...) })
		}
		return errors.Join(err, out.Close())
	}
}

// columns are a table's. Keys stand in one, with ";" between them; texts, which may hold anything, in one each.
func columns(q *poll.Poll) []any {
	names := []any{"client_id"}
	if q.Identity == access.Passed {
		names[0] = "voter_id"
	}
	switch q.Kind {
	case question.OpenText:
		names = append(names, "text")
	case question.WordCloud:
		for i := range q.MaxChoices {
			names = append(names, "text_"+strconv.Itoa(i+1))
		}
	default:
		names = append(names, "key")
	}
	return append(names, "cast_at")
}

func row(q *poll.Poll, v poll.VoterAnswer) []any {
	switch q.Kind {
	case question.OpenText: // which may have lines
		return []any{v.VoterID.String(), question.Written(string(v.Answer)), v.CastAt()}
	case question.WordCloud:
	default:
		return []any{v.VoterID.String(), strings.Join(v.Answer.Keys(), ";"), v.CastAt()}
	}
	cells := []any{v.VoterID.String()}
	for _, text := range v.Answer.Texts() {
		cells = append(cells, text)
	}
	for len(cells) <= q.MaxChoices {
		cells = append(cells, nil)
	}
	return append(cells, v.CastAt())
}

// stream is an answer's body that a goroutine writes while the server reads it.
type stream struct {
	*io.PipeReader
	leaving leaving
	cancel  context.CancelFunc
	done    chan struct{}
	closed  atomic.Bool // by the server, which reads it no further
	release func()
}

// newStream runs write in a goroutine of its own and returns when the first buffer is full or write has ended, with its
// error if it ended with one, or Unavailable if neither happens in time: until then the answer's status is not sent.
// The server closes the stream, which ends the goroutine, waits for it, and releases what it was made of; so does an error. A later
// error cuts the answer off, so that the client sees that it is not whole, and is logged, since the access log has called it a success.
//
// write takes the turn before each line: a buffer is filled in a turn at what is costly, which ends while the client takes it.
func (c *call) newStream(write func(ctx context.Context, w *bufio.Writer, turn *costlyTurn) error, release func()) (*stream, error) {
	server := c.server
	ctx, cancel := context.WithTimeout(server.streams, writeTimeout)
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) }) // also while nobody reads
	s := &stream{
		PipeReader: r, leaving: server.leave(c.Ctx), cancel: cancel, done: make(chan struct{}), release: release,
	}
	begun := make(chan error, 1)
	var once sync.Once
	begin := func(err error) { once.Do(func() { begun <- err }) }
	server.sending.Go(func() {
		defer close(s.done)
		turn := &costlyTurn{ctx: ctx, turns: server.Costly, late: cancel}
		buffer := bufio.NewWriterSize(beginner{w, begin, turn}, 32<<10)
		err := write(ctx, buffer, turn)
		begin(err)
		if err == nil {
			err = buffer.Flush()
		}
		turn.pause()
		_ = w.CloseWithError(err) // never fails
		switch {
		case err == nil:
		case s.closed.Load() && server.streams.Err() == nil:
			server.Logger.Debug("a list was not sent whole: its client went away", "status", statusAborted, "error", err)
		default:
			server.Logger.Warn("a list was not sent whole", "error", err)
		}
	})
	var err error
	select {
	case err = <-begun:
	case <-time.After(callTimeout):
		err = fault.Errorf(fault.Unavailable, "the list did not begin in time")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// beginner says that there is something to send before it is sent: nobody reads before. While it is sent there is no turn.
type beginner struct {
	io.Writer
	begin func(error)
	turn  *costlyTurn
}

func (b beginner) Write(p []byte) (int, error) {
	b.begin(nil)
	b.turn.pause()
	return b.Writer.Write(p)
}

// costlyTurn is a turn at what is costly for a list, which comes and goes. It is for use by one goroutine.
type costlyTurn struct {
	ctx   context.Context
	turns *budget.Turns
	late  func() // ends a list whose turn lasts longer than a call may, since others wait; nil: ctx does
	timer *time.Timer
	end   func() // nil: there is no turn
}

// take waits for a turn, unless there is one.
func (t *costlyTurn) take() (err error) {
	if t.end != nil {
		return nil
	}
	if t.end, err = t.turns.TakeLong(t.ctx); err == nil && t.late != nil {
		t.timer = time.AfterFunc(callTimeout, t.late)
	}
	return err
}

// pause ends the turn, if there is one.
func (t *costlyTurn) pause() {
	if t.end == nil {
		return
	}
	if t.timer != nil {
		t.timer.Stop()
	}
	t.end()
	t.end = nil
}

// Close ends the writer and waits for it.
func (s *stream) Close() error {
	s.closed.Store(true)
	s.leaving.unwatch()
	s.cancel()
	err := s.PipeReader.Close()
	<-s.done
	s.release()
	return err
}
