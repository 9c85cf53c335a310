// Package chaos breaks things while people vote. Its checker proves that nothing was lost, counted
// twice, counted late or changed after it was final.
//
// A [Fault] strikes a stack of real processes. A [Crowd] votes, presents and reads meanwhile. It
// writes down what every client sent and was told. check.Check judges that against the store's
// rows and the API's answers.
package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// client talks to one address. It never repeats a request by itself: what the checker does not know
// of, it would take for the product's doing.
type client struct {
	host    *fasthttp.HostClient
	base    string
	counted atomic.Int64 // votes that were told here that they count
}

func newClient(url string) *client {
	addr := strings.TrimPrefix(url, "http://")
	return &client{base: url, host: &fasthttp.HostClient{
		Addr: addr, MaxConns: 4096, MaxIdemponentCallAttempts: 1, NoDefaultUserAgentHeader: true,
		RetryIfErr:  func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
		ReadTimeout: time.Minute, WriteTimeout: time.Minute, MaxIdleConnDuration: 10 * time.Second,
		Dial: func(addr string) (net.Conn,
			error) {
			return net.DialTimeout("tcp", addr, 3*time.Second)
		},
	}}
}

// answer is what came back; status 0: nothing did.
type answer struct {
	status     int
	etag       string
	voteID     string
	retryAfter bool
	body       []byte
}

// request is what is sent.
type request struct {
	method, path  string
	body          []byte
	token, prefer string
	ifMatch, key  string
}

// send sends a request once and waits for the answer, at most for patience.
func (c *client) send(r request, patience time.Duration) answer {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.Header.SetMethod(r.method)
	req.SetRequestURI(c.base + r.path)
	if r.body != nil {
		req.Header.SetContentType("application/json")
		req.SetBodyRaw(r.body)
	}
	for name, value := range map[string]string{"Prefer": r.prefer, "If-Match": r.ifMatch,
		"Idempotency-Key": r.key} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if err := c.host.DoTimeout(req, res, patience); err != nil {
		return answer{}
	}
	return answer{
		status: res.StatusCode(), etag: string(res.Header.Peek("ETag")),
		voteID:     string(res.Header.Peek("X-Vote-Id")),
		retryAfter: len(res.Header.Peek("Retry-After")) > 0, body: bytes.Clone(res.Body()),
	}
}

// get reads a path and decodes the answer into v; nil v: not. ok: the status is 200 and the body is
// whole.
func (c *client) get(path, token string, v any) (body []byte, ok bool) {
	a := c.send(request{method: "GET", path: path, token: token}, 10*time.Second)
	if a.status != fasthttp.StatusOK || v != nil && json.Unmarshal(a.body, v) != nil {
		return nil, false
	}
	return a.body, true
}

func (c *client) close() { c.host.CloseIdleConnections() }

// edge says whether an answer is NGINX's own, which no replica knows of. A replica may then still
// be busy with the request.
func (a answer) edge() bool {
	return a.status == 503 && bytes.Contains(a.body, []byte("no replica answered"))
}

func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.body) }
