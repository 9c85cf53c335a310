// Package fast takes votes of the form that nearly every vote has, without a goroutine and without
// Fiber for each. Every other request is left to Fiber, which answers alike.
package fast

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
)

// AcceptedBody answers a vote that is durable and not counted yet.
var AcceptedBody = []byte(`{"status":"accepted"}`)

// Votes takes a site's votes.
type Votes struct {
	site   *web.Site
	intake *intake.Intake // while the site is open
}

// New makes one that takes nothing until the site opens.
func New(site *web.Site) *Votes { return &Votes{site: site} }

// To says where votes go. It is called before the site opens.
func (s *Votes) To(in *intake.Intake) { s.intake = in }

// vote is one that waits for its answer without a goroutine. There is one for each connection that
// votes, for one vote after the other.
type vote struct {
	site         *web.Site
	conn         *eventloop.Conn
	begun        time.Time
	id           string     // of the request
	client       netip.Addr // for the log
	presentation [36]byte   // as its id was written, for the log
	async        bool
	answer       []byte
}

// Take takes a vote of the usual form that the intake can take at once (eventloop.Answerer).
func (s *Votes) Take(conn *eventloop.Conn, request []byte) bool {
	q, ok := quickRequest(request, s.site.Root)
	if !ok {
		return false
	}
	ballot, ok := Ballot(q.body)
	if !ok {
		return false
	}
	presentation, ok := quickID(q.presentation)
	if !ok || !s.site.TryEnter() {
		return false
	}
	defer s.site.Leave()
	v, ok := conn.Data.(*vote)
	if !ok {
		v = &vote{site: s.site, conn: conn}
		conn.Data = v
	}
	v.begun, v.async = time.Now(), q.async
	copy(v.presentation[:], q.presentation)
	if v.id = q.id; v.id == "" {
		v.id = web.NewRequestID()
	}
	if s.site.AccessLog {
		v.client = s.site.TrustedProxies.Behind(string(q.forwarded), conn.RemoteAddr())
	}
	s.site.Sending.Add(1)
	if !s.intake.Take(s.site.Requests, presentation, ballot, q.async, v) {
		s.site.Sending.Done()
		return false
	}
	return true // nothing of v may be used any more: it may have its answer, and be the next vote
}

// Heard implements intake.Hearer: it answers.
func (v *vote) Heard(cast poll.Vote, verdict poll.Verdict, err error) {
	receipt := intake.Receipt{VoteID: cast.ID, Verdict: verdict}
	s := v.site
	defer s.Sending.Done()
	last := s.Stopping()
	status := http.StatusNoContent
	switch {
	case err != nil:
		r := web.RefusalOf(err, v.id)
		status = r.Status
		s.Failure(http.MethodPost, v.path(), v.id, status, err)
		v.begin(status, web.ProblemType, r.Body)
		for _, f := range r.Fields {
			v.field(f.Name, f.Value)
		}
		v.end(last, r.Body)
	case receipt.Verdict == 0:
		status = http.StatusAccepted
		v.begin(status, fiber.MIMEApplicationJSON, AcceptedBody)
		v.receipt(receipt)
		v.end(last, AcceptedBody)
	default:
		v.begin(status, "", nil)
		v.receipt(receipt)
		v.end(last, nil)
	}
	took := time.Since(v.begun)
	s.Observe(http.MethodPost, web.Base+Path, status, took)
	if s.AccessLog {
		s.Access(http.MethodPost, v.path(), status, took, v.id, v.client)
	}
	v.conn.Reply(v.answer, last)
}

// path gives the request's, without the root.
func (v *vote) path() string { return beforeID + string(v.presentation[:]) + behindID }

// begin writes the head of an answer up to the fields that not every answer to a vote has. The
// bytes are Fiber's.
func (v *vote) begin(status int, contentType string, body []byte) {
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
func (v *vote) receipt(r intake.Receipt) {
	v.answer = append(v.answer, "\r\nX-Vote-Id: "...)
	v.answer = append(v.answer, r.VoteID.String()...)
	if r.Verdict == poll.Superseded {
		v.answer = append(v.answer, "\r\nVote-Superseded: true"...)
	}
}

func (v *vote) field(name, value string) {
	v.answer = append(v.answer, "\r\n"...)
	v.answer = append(v.answer, name...)
	v.answer = append(v.answer, ": "...)
	v.answer = append(v.answer, value...)
}

func (v *vote) end(last bool, body []byte) {
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
