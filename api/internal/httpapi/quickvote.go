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

// quickVote is a vote that waits for its answer without a goroutine. There is one for each connection that votes, for
// one vote after the other.
type quickVote struct {
	server       *Server
	conn         *eventloop.Conn
	begun        time.Time
	id           string     // of the request
	client       netip.Addr // for the log
	presentation [36]byte   // as its id was written, for the log
	async        bool
	answer       []byte
}

// takeVote takes a vote of the usual form that the intake can take at once. Every other request is left to Fiber.
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
	copy(v.presentation[:], q.presentation)
	if v.id = q.id; v.id == "" {
		v.id = newRequestID()
	}
	if s.AccessLog {
		v.client = s.TrustedProxies.client(string(q.forwarded), conn.RemoteAddr())
	}
	s.sending.Add(1)
	if !s.services.Intake.Take(s.requests, presentation, ballot, q.async, v) {
		s.sending.Done()
		return false
	}
	return true // nothing of v may be used any more: it may have its answer, and be the next vote
}

// Heard implements intake.Hearer: it answers.
func (v *quickVote) Heard(receipt intake.Receipt, err error) {
	s := v.server
	defer s.sending.Done()
	last := s.streams.Err() != nil // it stops
	status := http.StatusNoContent
	switch {
	case err != nil:
		r := refusalOf(err, v.id)
		status = r.status
		s.logFailure(http.MethodPost, v.path(), v.id, status, err)
		v.begin(status, problemType, r.body)
		for _, f := range r.fields {
			v.field(f.name, f.value)
		}
		v.end(last, r.body)
	case receipt.Verdict == 0:
		status = http.StatusAccepted
		v.begin(status, fiber.MIMEApplicationJSON, acceptedBody)
		v.receipt(receipt)
		v.end(last, acceptedBody)
	default:
		v.begin(status, "", nil)
		v.receipt(receipt)
		v.end(last, nil)
	}
	took := time.Since(v.begun)
	s.Observe(http.MethodPost, Base+votePath, status, took)
	if s.AccessLog {
		s.access(http.MethodPost, v.path(), status, took, v.id, v.client)
	}
	v.conn.Reply(v.answer, last)
}

// path gives the request's, without the root.
func (v *quickVote) path() string { return beforeID + string(v.presentation[:]) + behindID }

// begin writes the head of an answer up to the fields that not every answer to a vote has. The bytes are Fiber's.
func (v *quickVote) begin(status int, contentType string, body []byte) {
	v.answer = append(v.answer[:0], "HTTP/1.1 "...)
	v.answer = strconv.AppendInt(v.answer, int64(status), 10)
	v.answer = append(v.answer, ' ')
	v.answer = append(v.answer, http.StatusText(status)...)
	v.answer = append(v.answer, "\r\nDate: "...)
	v.answer = append(v.answer, httpDate(time.Now())...)
	if body != nil {
		v.answer = append(v.answer, "\r\nContent-Type: "...)
		v.answer = append(v.answer, contentType...)
		v.answer = append(v.answer, "\r\nContent-Length: "...)
		v.answer = strconv.AppendInt(v.answer, int64(len(body)), 10)
	}
	v.answer = append(v.answer, "\r\nX-Request-Id: "...)
	v.answer = append(v.answer, v.id...)
	v.answer = append(v.answer, "\r\nX-Content-Type-Options: nosniff"...)
	if v.async {
		v.answer = append(v.answer, "\r\nPreference-Applied: respond-async"...)
	}
}

// receipt writes the fields of a vote that was accepted.
func (v *quickVote) receipt(r intake.Receipt) {
	v.answer = append(v.answer, "\r\nX-Vote-Id: "...)
	v.answer = append(v.answer, r.VoteID.String()...)
	if r.Verdict == poll.Superseded {
		v.answer = append(v.answer, "\r\nVote-Superseded: true"...)
	}
}

func (v *quickVote) field(name, value string) {
	v.answer = append(v.answer, "\r\n"...)
	v.answer = append(v.answer, name...)
	v.answer = append(v.answer, ": "...)
	v.answer = append(v.answer, value...)
}

func (v *quickVote) end(last bool, body []byte) {
	if last {
		v.answer = append(v.answer, "\r\nConnection: close"...)
	}
	v.answer = append(v.answer, "\r\n\r\n"...)
	v.answer = append(v.answer, body...)
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

// quickRequest reads one whole request for a vote that is plain: HTTP/1.1, a line for each header field (RFC 9112,
// section 5), and a body of a known length and type. Every field is known here, or harmless. A page that it comes from,
// if any, is of the origin that it was sent to. Its path may begin with the root, if there is one.
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
	var space [maxFieldName]byte
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
		switch name := lower(&space, name); string(name) {
		case "host":
			if host != nil || !plainHost(value) {
				return q, false
			}
			host = value
		case "origin":
			if origin != nil || len(value) == 0 {
				return q, false
			}
			origin = value
		case "x-forwarded-proto":
			if proto != nil || len(value) == 0 {
				return q, false
			}
			proto = value
		case "content-length":
			n, err := strconv.ParseUint(string(value), 10, 16)
			if length >= 0 || err != nil || n > maxVoteBody || value[0] == '+' {
				return q, false
			}
			length = int(n)
		case "content-type":
			if typed || string(value) != "application/json" {
				return q, false
			}
			typed = true
		case "x-request-id":
			if q.id != "" || !plainRequestID(string(value)) {
				return q, false
			}
			q.id = string(value)
		case "prefer":
			if q.async || string(value) != "respond-async" {
				return q, false
			}
			q.async = true
		case "x-forwarded-for":
			if forwarded { // one list in several lines
				return q, false
			}
			q.forwarded, forwarded = value, true
		case "connection":
			if !is(value, "keep-alive") {
				return q, false
			}
		default:
			if !harmless(name) {
				return q, false
			}
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

// maxFieldName is the length of the longest name that is looked up among those that are known.
const maxFieldName = 48

// harmlessFields are those that change nothing about a vote and its answer, on whatever way. A field that is on no list
// here may mean something to somebody one day: its request goes to Fiber.
var harmlessFields = fieldNames(
	// A vote's answer has one form, one language and no coding, whatever its client is and would like.
	"accept", "accept-charset", "accept-encoding", "accept-language", "dnt", "priority", "save-data", "user-agent",
	// Nobody is known by a cookie, and no answer depends on the page that asks.
	"cookie", "referer",
	// An answer to a POST is not kept.
	"cache-control", "pragma",
	// Proxies say these of themselves. Only X-Forwarded-For and X-Forwarded-Proto count here.
	"forwarded", "via", "x-forwarded-host", "x-forwarded-port", "x-forwarded-server", "x-real-ip",
	"cdn-loop", "cf-connecting-ip", "cf-ipcountry", "cf-ray", "cf-visitor",
	// Those who trace requests carry these through.
	"traceparent", "tracestate",
)

// browsersOwn begins the names of fields that only browsers can set, about themselves and the page (Fetch standard,
// "forbidden request-header"). New ones come with new browsers.
const browsersOwn = "sec-"

func fieldNames(names ...string) map[string]struct{} {
	set := make(map[string]struct{}, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}

// harmless says whether a field, whose name is in lower case, changes nothing.
func harmless(name []byte) bool {
	if _, ok := harmlessFields[string(name)]; ok {
		return true
	}
	return bytes.HasPrefix(name, []byte(browsersOwn))
}

// lower gives the name of a plain field in lower case, in space. A name that is too long for it is no known one.
func lower(space *[maxFieldName]byte, name []byte) []byte {
	if len(name) > len(space) {
		return nil
	}
	for i, c := range name {
		space[i] = c | 0x20 // letters, digits and "-" alone
	}
	return space[:len(name)]
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
