package polls

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/table"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// getVotes gives the votes list of a poll: a page of it, or all of it as a stream. Its memory does
// not depend on how many voted.
func getVotes(c *call) error {
	part, err := partOf(c.Context().QueryArgs())
	if err != nil {
		return err
	}
	separator, err := web.Separator(c.Ctx)
	if err != nil {
		return err
	}
	presentationID, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
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
		turn := web.NewTurn(ctx, c.Site.Costly)
		defer turn.Pause()
		return c.sendPage(part.limit, list, from(ctx).inTurns(turn.Take))
	}
	body, err := c.Site.NewStream(c.Ctx,
		func(ctx context.Context, w *bufio.Writer, turn *web.Turn) error {
			return list(w, from(ctx).inTurns(turn.Take))
		}, func() {})
	if err != nil {
		return err
	}
	return c.SendStream(body)
}

// sendPage answers the first lines of all, at most limit, and where the next page is if there are
// more.
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
	// of a voter with a pass, which it is no part of
	VoterID *uuid.UUID `json:"voter_id,omitempty"`
	Key     string     `json:"key,omitempty"`
	Keys    []string   `json:"keys,omitempty"`
	Text    string     `json:"text,omitempty"`
	Texts   []string   `json:"texts,omitempty"`
	CastAt  time.Time  `json:"cast_at,omitzero"` // informs; nothing is ordered by it
}

func toLine(q *poll.Poll, v poll.VoterAnswer) voteLine {
	l := voteLine{CastAt: v.CastAt()}
	if q.Identity.OfServer() {
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

// columns are a table's. Keys stand in one, with ";" between them; texts, which may hold anything,
// in one each.
func columns(q *poll.Poll) []any {
	names := []any{"client_id"}
	if q.Identity.OfServer() {
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
