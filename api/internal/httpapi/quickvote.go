package httpapi

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/pkg/intake"
)

const votesRoute = Base + "/presentations/:id/polls/current/votes"

// quickVoter is who votes on a connection, without a goroutine (package eventloop). It is used again for the next vote.
type quickVoter struct {
	server  *Server
	conn    *eventloop.Conn
	begun   time.Time
	id      string // of the request
	async   bool
	request []byte // what was sent: Fiber answers what is no 204 and no 202
	answer  []byte

	// What became of a vote that Fiber answers.
	settled bool
	receipt intake.Receipt
	err     error
}

// takeVote takes the request that nearly every vote is, and leaves every other to Fiber: with anything in it that needs a
// second look, or that cannot be taken at once. So there is one place where requests are refused.
func (s *Server) takeVote(c *eventloop.Conn, request []byte) bool {
	q, ok := quickRequest(request)
	if !ok {
		return false
	}
	ballot, ok := quickBallot(q.body)
	if !ok {
		return false
	}
	presentation, ok := quickID(q.presentation)
	if !ok {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.services == nil || s.streams.Err() != nil {
		return false
	}
	v, ok := c.Data.(*quickVoter)
	if !ok {
		v = &quickVoter{server: s, conn: c}
		c.Data = v
	}
	v.begun, v.async, v.settled = time.Now(), q.async, false
	v.id = string(q.id)
	if v.id == "" {
		v.id = newRequestID()
	}
	v.request = append(v.request[:0], request...)
	s.sending.Add(1)
	if !s.services.Intake.Take(s.requests, presentation, ballot, q.async, v) {
		s.sending.Done()
		return false
	}
	return true
}

// Heard answers.
func (v *quickVoter) Heard(receipt intake.Receipt, err error) {
	defer v.server.sending.Done()
	if err != nil {
		v.settled, v.receipt, v.err = true, receipt, err
		v.conn.Pass(v.request)
		return
	}
	status, last := http.StatusNoContent, v.server.streams.Err() != nil
	if receipt.Verdict == 0 {
		status = http.StatusAccepted
	}
	v.answer = v.head(v.answer[:0], status, receipt.VoteID, last)
	v.server.Observe(http.MethodPost, votesRoute, status, time.Since(v.begun))
	v.conn.Reply(v.answer, last)
}

// settledVote gives what became of a vote that was taken without Fiber.
func settledVote(conn net.Conn) (intake.Receipt, error, bool) {
	if turn, ok := conn.(*eventloop.Turn); ok {
		if v, ok := turn.Data.(*quickVoter); ok && v.settled {
			v.settled = false
			return v.receipt, v.err, true
		}
	}
	return intake.Receipt{}, nil, false
}

func (v *quickVoter) head(b []byte, status int, vote uuid.UUID, last bool) []byte {
	if status == http.StatusNoContent {
		b = append(b, "HTTP/1.1 204 No Content\r\nDate: "...)
	} else {
		b = append(b, "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 21\r\nDate: "...)
	}
	b = append(b, httpDate(time.Now())...)
	b = append(b, "\r\nX-Request-Id: "...)
	b = append(b, v.id...)
	b = append(b, "\r\nX-Content-Type-Options: nosniff\r\nX-Vote-Id: "...)
	b = appendID(b, vote)
	if v.async {
		b = append(b, "\r\nPreference-Applied: respond-async"...)
	}
	if last {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\n\r\n"...)
	if status == http.StatusAccepted {
		b = append(b, accepted...)
	}
	return b
}

const accepted = `{"status":"accepted"}`

func appendID(b []byte, id uuid.UUID) []byte {
	text, _ := id.MarshalText()
	return append(b, text...)
}

// datedAt is the last answer's Date.
var datedAt atomic.Pointer[dated]

type dated struct {
	second int64
	text   []byte
}

func httpDate(now time.Time) []byte {
	d := datedAt.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), fasthttp.AppendHTTPDate(nil, now)}
		datedAt.Store(d)
	}
	return d.text
}

// quickHead is what a vote's request says.
type quickHead struct {
	presentation []byte
	id           []byte // of the request; empty: none
	async        bool
	body         []byte
}

var (
	quickBegin = []byte("POST " + Base + "/presentations/")
	quickRest  = []byte("/polls/current/votes HTTP/1.1\r\n")
)

// quickRequest reads one whole request for a vote that is plain: HTTP/1.1, header fields on a line of their own each (RFC 9112, section 5),
// none of which changes how it is to be read or answered, but Prefer: respond-async, and a body of a known length and type.
func quickRequest(request []byte) (q quickHead, ok bool) {
	rest, ok := bytes.CutPrefix(request, quickBegin)
	if !ok || len(rest) < 36 {
		return q, false
	}
	q.presentation = rest[:36]
	if rest, ok = bytes.CutPrefix(rest[36:], quickRest); !ok {
		return q, false
	}
	length, typed, host := -1, false, false
	for {
		end := bytes.IndexByte(rest, '\n')
		if end < 1 || rest[end-1] != '\r' {
			return q, false
		}
		line := rest[:end-1]
		rest = rest[end+1:]
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || !plainField(name, value) {
			return q, false
		}
		value = bytes.Trim(value, " \t")
		switch {
		case is(name, "host"):
			if host {
				return q, false
			}
			host = true
		case is(name, "content-length"):
			n, err := strconv.ParseUint(string(value), 10, 16)
			if length >= 0 || err != nil || n > maxVoteBody || value[0] == '+' {
				return q, false
			}
			length = int(n)
		case is(name, "content-type"):
			if typed || string(value) != "application/json" {
				return q, false
			}
			typed = true
		case is(name, "x-request-id"):
			if q.id != nil || !plainID(value) {
				return q, false
			}
			q.id = value
		case is(name, "prefer"):
			if q.async || string(value) != "respond-async" {
				return q, false
			}
			q.async = true
		case is(name, "connection"):
			if !is(value, "keep-alive") {
				return q, false
			}
		case is(name, "transfer-encoding"), is(name, "content-encoding"), is(name, "expect"), is(name, "upgrade"), is(name, "trailer"), is(name, "te"):
			return q, false
		}
	}
	q.body = rest
	return q, typed && host && length == len(rest)
}

// is compares the name of a field, which is given in lower case.
func is(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c|0x20 != lower[i] && c != lower[i] {
			return false
		}
	}
	return true
}

func plainField(name, value []byte) bool {
	for _, c := range name {
		if (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return len(name) > 0
}

func plainID(id []byte) bool {
	for _, c := range id {
		if notInRequestID(rune(c)) {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 64
}
