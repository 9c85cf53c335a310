//go:build linux

package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// event is a server-sent event. Its bytes belong to the stream, until it is fed again.
type event struct{ id, name, data []byte }

// stream reads the answer to a request for server-sent events, which comes in pieces of any size: chunked, as NGINX sends it, or as it
// is until the connection ends, as an API does. What it keeps is bounded by longestLine, whatever the server says.
type stream struct {
	part    part
	chunked bool
	left    int    // bytes of the chunk that are to come
	frame   []byte // of a line of the head or before a chunk that came in pieces
	line    []byte // of a line of an event, which chunks may cut in two as well

	id, name, data []byte // of the event that is being read
	hasData        bool
}

// part is what a stream reads next.
type part uint8

const (
	statusLine part = iota
	head
	chunkSize
	chunk
	chunkEnd
	body // all of the rest
)

// longestLine is longer than any event of a presentation.
const longestLine = 64 << 10

var errLongLine = fmt.Errorf("a line of more than %d bytes", longestLine)

var errEnded = errors.New("the server ended the stream")

// feed reads a piece, and calls take for each event that is complete with it. An error says that this is no event stream, or that it
// ended: there is nothing to feed it after that.
func (s *stream) feed(in []byte, take func(event) error) error {
	for len(in) > 0 {
		switch s.part {
		case body:
			return s.lines(in, take)
		case chunk:
			n := min(s.left, len(in))
			if err := s.lines(in[:n], take); err != nil {
				return err
			}
			if in, s.left = in[n:], s.left-n; s.left == 0 {
				s.part = chunkEnd
			}
		default:
			line, rest, whole, err := cutLine(&s.frame, in)
			if err == nil && whole {
				err = s.framing(string(line))
			}
			if err != nil {
				return err
			}
			in = rest
		}
	}
	return nil
}

// framing reads a line that is not of an event.
func (s *stream) framing(line string) (err error) {
	switch s.part {
	case statusLine:
		if !strings.HasPrefix(line, "HTTP/1.1 200") {
			return fmt.Errorf("no stream: %.80q", line)
		}
		s.part = head
	case head:
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "Transfer-Encoding"):
			if s.chunked = strings.EqualFold(value, "chunked"); !s.chunked {
				return fmt.Errorf("a transfer coding that is not known: %.80q", value)
			}
		case strings.EqualFold(name, "Content-Type"):
			if !strings.HasPrefix(value, "text/event-stream") {
				return fmt.Errorf("no event stream: %.80q", value)
			}
		case line == "" && s.chunked:
			s.part = chunkSize
		case line == "":
			s.part = body
		}
	case chunkSize:
		digits, _, _ := strings.Cut(line, ";")
		size, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 31)
		if err != nil {
			return fmt.Errorf("no size of a chunk: %.80q", line)
		}
		if size == 0 {
			return errEnded
		}
		s.part, s.left = chunk, int(size)
	case chunkEnd:
		if line != "" {
			return fmt.Errorf("a chunk is longer than it said: %.80q", line)
		}
		s.part = chunkSize
	}
	return nil
}

// lines reads a piece of the events.
func (s *stream) lines(in []byte, take func(event) error) error {
	for len(in) > 0 {
		line, rest, whole, err := cutLine(&s.line, in)
		if err != nil || !whole {
			return err
		}
		if in = rest; len(line) > 0 {
			err = s.field(line)
		} else if s.hasData {
			err = take(event{s.id, s.name, s.data})
			s.name, s.data, s.hasData = s.name[:0], s.data[:0], false
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "", "retry": // a comment, which is a heartbeat; nobody comes back here
	case "id":
		s.id = append(s.id[:0], value...)
	case "event":
		s.name = append(s.name[:0], value...)
	case "data":
		if s.hasData {
			s.data = append(s.data, '\n')
		}
		if len(s.data)+len(value) > longestLine {
			return errLongLine
		}
		s.data, s.hasData = append(s.data, value...), true
	default:
		return fmt.Errorf("no line of an event: %.80q", line)
	}
	return nil
}

// cutLine takes the first line from in, which begins in kept. If it is not whole there is nothing left, and kept has it.
func cutLine(kept *[]byte, in []byte) (line, rest []byte, whole bool, err error) {
	end := bytes.IndexByte(in, '\n')
	whole = end >= 0
	if line = in; whole {
		line, rest = in[:end], in[end+1:]
	}
	if len(*kept)+len(line) > longestLine {
		return nil, nil, false, errLongLine
	}
	if !whole {
		*kept = append(*kept, line...)
		return nil, nil, false, nil
	}
	if len(*kept) > 0 {
		line = append(*kept, line...)
		*kept = line[:0] // its bytes hold until the next line that comes in pieces
	}
	return bytes.TrimSuffix(line, []byte("\r")), rest, true, nil
}
