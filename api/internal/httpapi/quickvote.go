package httpapi

import (
	"bytes"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
)

// votePath is where votes are sent to, below Base.
const votePath = "/presentations/:id/polls/current/votes"

// usualRequest is as many bytes as a connection keeps between two votes.
const usualRequest = 2 << 10

// quickVote is a vote that waits for its answer without a goroutine. There is one for each connection that votes, for
// one vote after the other.
type quickVote struct {
	server  *Server
	conn    *eventloop.Conn
	begun   time.Time
	id      string     // of the request
	client  netip.Addr // for the log
	async   bool
	request []byte // as it came: Fiber answers what is neither 204 nor 202
	answer  []byte
}

// takeVote takes the request that nearly every vote is, and leaves to Fiber what needs a second look or cannot be taken at
// once. So requests are refused in one place, and this one only says 204 and 202.
func (s *Server) takeVote(conn *eventloop.Conn, request []byte) bool {
	q, ok := quickRequest(request, s.Root)
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
	if !s.mu.TryRLock() { // Close waits for other requests: others on this loop must not
		return false
	}
	defer s.mu.RUnlock()
	if s.services == nil || s.streams.Err() != nil {
		return false
	}
	v, ok := conn.Data.(*quickVote)
	if !ok {
		v = &quickVote{server: s, conn: conn}
		conn.Data = v
	}
	v.begun, v.async = time.Now(), q.async
	if v.id = q.id; v.id == "" {
		v.id = newRequestID()
	}
	if s.AccessLog {
		v.client = s.TrustedProxies.client(string(q.forwarded), conn.RemoteAddr())
	}
	v.request = append(v.request[:0], request...)
	s.sending.Add(1)
	if !s.services.Intake.Take(s.requests, presentation, ballot, q.async, v) {
		s.sending.Done()
		return false
	}
	return true // nothing of v may be used any more: it may have its answer, and be the next vote
}

// Heard implements intake.Hearer: it answers.
func (v *quickVote) Heard(vote poll.Vote, verdict poll.Verdict, err error) {
	receipt := intake.Receipt{VoteID: vote.ID, Verdict: verdict}
	s := v.server
	defer s.sending.Done()
	if err != nil {
		v.conn.Pass(v.request, &refusedVote{v.begun, receipt, err})
		return
	}
	status, last := http.StatusNoContent, s.streams.Err() != nil // it stops
	if receipt.Verdict == 0 {
		status = http.StatusAccepted
	}
	v.answer = v.head(v.answer[:0], status, receipt, last)
	took := time.Since(v.begun)
	s.Observe(http.MethodPost, Base+votePath, status, took)
	if s.AccessLog {
		path, _, _ := strings.Cut(string(v.request[len("POST "):]), " ")
		own, _ := cutRoot([]byte(path), s.Root)
		s.access(http.MethodPost, string(own), status, took, v.id, v.client)
	}
	if cap(v.request) > usualRequest {
		v.request = nil
	}
	v.conn.Reply(v.answer, last)
}

// refusedVote is what became of a vote that was taken, where Fiber has to say it.
type refusedVote struct {
	begun   time.Time
	receipt intake.Receipt
	err     error
}

// refused gives what became of the vote that a request is about, if it was taken; nil: it was not.
func refused(c *fiber.Ctx) *refusedVote {
	turn, ok := c.Context().Conn().(*eventloop.Turn)
	if !ok {
		return nil
	}
	v, _ := turn.Outcome.(*refusedVote)
	return v
}

// forgetRefused is called when the request has its answer: the next one on the connection is another.
func forgetRefused(c *fiber.Ctx) { c.Context().Conn().(*eventloop.Turn).Outcome = nil }

// head appends the answer, which is what Fiber's would be.
func (v *quickVote) head(b []byte, status int, receipt intake.Receipt, last bool) []byte {
	switch status {
	case http.StatusAccepted:
		b = append(b, "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(acceptedBody)), 10)
	default:
		b = append(b, "HTTP/1.1 204 No Content"...)
	}
	b = append(b, "\r\nDate: "...)
	b = append(b, httpDate(time.Now())...)
	b = append(b, "\r\nX-Request-Id: "...)
	b = append(b, v.id...)
	b = append(b, "\r\nX-Content-Type-Options: nosniff\r\nX-Vote-Id: "...)
	b = append(b, receipt.VoteID.String()...)
	if receipt.Verdict == poll.Superseded {
		b = append(b, "\r\nVote-Superseded: true"...)
	}
	if v.async {
		b = append(b, "\r\nPreference-Applied: respond-async"...)
	}
	if last {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\n\r\n"...)
	if status == http.StatusAccepted {
		b = append(b, acceptedBody...)
	}
	return b
}

// lastDate is the Date of this second's answers.
var lastDate atomic.Pointer[dated]

type dated struct {
	second int64
	text   []byte
}

func httpDate(now time.Time) []byte {
	d := lastDate.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), fasthttp.AppendHTTPDate(nil, now)}
		lastDate.Store(d)
	}
	return d.text
}

// quickHead is what a vote's request says.
type quickHead struct {
	presentation []byte
	id           string // of the request; empty: none
	forwarded    []byte // X-Forwarded-For
	async        bool
	body         []byte
}

// What stands before the presentation's id in a vote's request, and behind it.
var (
	beforeID, behindID, _ = strings.Cut(Base+votePath, ":id")
	quickMethod           = []byte("POST ")
	quickBegin            = []byte(beforeID)
	quickRest             = []byte(behindID + " HTTP/1.1\r\n")
	plainScheme           = []byte("http")
	beforeHost            = []byte("://")
)

// quickRequest reads one whole request for a vote that is plain: HTTP/1.1, header fields on a line of their own each (RFC 9112, section 5),
// none of which changes how it is to be read or answered, but Prefer: respond-async, and a body of a known length and type. A page
// that it comes from, if any, is of the origin that it was sent to. Its path may begin with the root, if there is one.
func quickRequest(request []byte, root string) (q quickHead, ok bool) {
	rest, ok := bytes.CutPrefix(request, quickMethod)
	if !ok {
		return q, false
	}
	rest, _ = cutRoot(rest, root)
	if rest, ok = bytes.CutPrefix(rest, quickBegin); !ok || len(rest) < 36 {
		return q, false
	}
	q.presentation = rest[:36]
	if rest, ok = bytes.CutPrefix(rest[36:], quickRest); !ok {
		return q, false
	}
	var host, origin, proto []byte
	length, typed, forwarded := -1, false, false
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
		value = bytes.Trim(value, " ")
		switch {
		case is(name, "host"):
			if host != nil || !plainHost(value) {
				return q, false
			}
			host = value
		case is(name, "origin"):
			if origin != nil || len(value) == 0 {
				return q, false
			}
			origin = value
		case is(name, "x-forwarded-proto"):
			if proto != nil || len(value) == 0 {
				return q, false
			}
			proto = value
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
			if q.id != "" || !plainRequestID(string(value)) {
				return q, false
			}
			q.id = string(value)
		case is(name, "prefer"):
			if q.async || string(value) != "respond-async" {
				return q, false
			}
			q.async = true
		case is(name, "x-forwarded-for"):
			if forwarded { // one list in several lines
				return q, false
			}
			q.forwarded, forwarded = value, true
		case is(name, "connection"):
			if !is(value, "keep-alive") {
				return q, false
			}
		case is(name, "transfer-encoding"), is(name, "content-encoding"), is(name, "expect"), is(name, "upgrade"), is(name, "trailer"), is(name, "te"):
			return q, false
		}
	}
	q.body = rest
	return q, typed && host != nil && length == len(rest) && (origin == nil || isOwn(origin, proto, host))
}

// isOwn says whether a page's origin is what the request was sent to: its browser then asks for no permission to read the answer.
func isOwn(origin, proto, host []byte) bool {
	if proto == nil {
		proto = plainScheme
	}
	rest, ok := bytes.CutPrefix(origin, proto)
	if !ok {
		return false
	}
	rest, ok = bytes.CutPrefix(rest, beforeHost)
	return ok && bytes.Equal(rest, host)
}

// is compares the name of a field, which is given in lower case.
func is(name []byte, lower string) bool {
	return len(name) == len(lower) && strings.EqualFold(string(name), lower)
}

// plainHost says whether a host holds nothing about which readers may differ.
func plainHost(host []byte) bool {
	for _, c := range host {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != ':' {
			return false
		}
	}
	return len(host) > 0
}

func plainField(name, value []byte) bool {
	for _, c := range name {
		if (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	for _, c := range value {
		if c < ' ' || c == 0x7f { // a tab, too: fasthttp takes it for a part of the value
			return false
		}
	}
	return len(name) > 0
}
