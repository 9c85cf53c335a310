package httpapi

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// getVotes streams the votes list of a poll: its memory does not depend on how many voted.
func getVotes(c *call) error {
	presentationID, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	if err := c.presenter(ctx, presentationID); err != nil {
		return err
	}
	results, err := c.Store.Results(ctx, presentationID, pollID)
	if err != nil {
		return err
	}
	c.Vary(fiber.HeaderAccept)
	list := listJSON(results.Kind == poll.Multiple)
	if c.Accepts(fiber.MIMEApplicationJSON, "text/csv") == "text/csv" {
		list = listCSV
		c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	} else {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	}
	store := c.Store // the stream outlives the handler, and so may not use its call
	body, err := newStream(c.server, func(ctx context.Context, w *bufio.Writer) error {
		return list(w, func(yield func(poll.VoterAnswer) error) error {
			return store.Votes(ctx, presentationID, pollID, yield)
		})
	})
	if err != nil {
		return err
	}
	return c.SendStream(body)
}

// votes calls yield for every vote.
type votes func(yield func(poll.VoterAnswer) error) error

func listJSON(multiple bool) func(*bufio.Writer, votes) error {
	type line struct {
		ClientID uuid.UUID `json:"client_id"`
		Key      string    `json:"key,omitempty"`
		Keys     []string  `json:"keys,omitempty"`
	}
	return func(w *bufio.Writer, all votes) error {
		before := "["
		err := all(func(v poll.VoterAnswer) error {
			l := line{ClientID: v.VoterID, Key: string(v.Answer)}
			if multiple {
				l.Key, l.Keys = "", v.Answer.Keys()
			}
			data, err := json.Marshal(l)
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

func listCSV(w *bufio.Writer, all votes) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"client_id", "key"}); err != nil {
		return err
	}
	err := all(func(v poll.VoterAnswer) error {
		return out.Write([]string{v.VoterID.String(), strings.Join(v.Answer.Keys(), ";")})
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// stream is an answer's body that a goroutine writes while the server reads it.
type stream struct {
	*io.PipeReader
	cancel context.CancelFunc
	done   chan struct{}
}

// newStream runs write in a goroutine of its own and returns when the first buffer is full or write has ended, with its
// error if it ended with one, or Unavailable if neither happens in time: until then the answer's status is not sent.
// The server closes the stream, which ends the goroutine and waits for it. A later error cuts the answer off, so that
// the client sees that it is not whole, and is logged, since the access log has called it a success.
func newStream(server *Server, write func(ctx context.Context, w *bufio.Writer) error) (*stream, error) {
	ctx, cancel := context.WithTimeout(server.streams, writeTimeout)
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) }) // also while nobody reads
	s := &stream{PipeReader: r, cancel: cancel, done: make(chan struct{})}
	begun := make(chan error, 1)
	var once sync.Once
	begin := func(err error) { once.Do(func() { begun <- err }) }
	server.sending.Go(func() {
		defer close(s.done)
		buffer := bufio.NewWriterSize(beginner{w, begin}, 32<<10)
		err := write(ctx, buffer)
		begin(err)
		if err == nil {
			err = buffer.Flush()
		}
		_ = w.CloseWithError(err) // never fails
		if err != nil {
			server.Logger.Warn("a votes list was not sent whole", "error", err)
		}
	})
	var err error
	select {
	case err = <-begun:
	case <-time.After(callTimeout):
		err = poll.Errorf(poll.Unavailable, "the list did not begin in time")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// beginner says that there is something to send before it is sent: nobody reads before.
type beginner struct {
	io.Writer
	begin func(error)
}

func (b beginner) Write(p []byte) (int, error) {
	b.begin(nil)
	return b.Writer.Write(p)
}

// Close ends the writer and waits for it.
func (s *stream) Close() error {
	s.cancel()
	err := s.PipeReader.Close()
	<-s.done
	return err
}
