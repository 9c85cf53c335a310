package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Client talks to one address of a system and holds every request and answer to the contract. It
// may be used by many goroutines of a test: what is wrong is reported with Errorf, and the answer
// then has the status 0.
type Client struct {
	tb   testing.TB
	base string
	// path that all of the system is below, which the OpenAPI file does not know
	root      string
	operators string    // where an API tells operators; empty: it is no single API
	open      bool      // PLENARY_OPEN: presenter calls need no token
	contract  *Contract // nil: who answers may have an earlier one
}

// transport is shared, so that clients reuse connections. TestMain closes the idle ones.
var transport = &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true}

// NewClient makes a client for the server at base, "http://127.0.0.1:8080".
func NewClient(tb testing.TB, base string) *Client {
	tb.Helper()
	contract, err := TheContract()
	if err != nil {
		tb.Fatal(err)
	}
	return &Client{tb: tb, base: base, contract: contract}
}

// Request is what a client sends.
type Request struct {
	Method string
	Path   string
	Token  string // of the presenter; empty: none
	Header map[string]string
	Body   string
	JSON   any  // instead of Body; sets the content type
	Wrong  bool // deliberately not as the OpenAPI file wants it
	Stays  bool // an answer that leads elsewhere is the answer
}

// Do sends a request and reads the answer.
func (c *Client) Do(r Request) *Answer {
	c.tb.Helper()
	a, err := c.send(r)
	if err != nil {
		c.tb.Errorf("%s %s %s: %v", r.Method, c.base+r.Path, short(r.Body), err)
		return &Answer{Header: http.Header{}}
	}
	return a
}

// Try sends a request to a server that may be gone: a lost connection is an error to return, not to
// report.
func (c *Client) Try(r Request) (*Answer, error) { return c.send(r) }

// Operators asks at the address that only operators reach. A process that does not answer gives the
// status 0.
func (c *Client) Operators(path string) *Answer {
	client := http.Client{Transport: transport, Timeout: 30 * time.Second}
	res, err := client.Get(c.operators + path)
	if err != nil {
		return &Answer{Header: http.Header{}}
	}
	defer func() { _ = res.Body.Close() }()
	a := &Answer{Status: res.StatusCode, Header: res.Header}
	if a.Body, err = io.ReadAll(res.Body); err != nil {
		return &Answer{Header: http.Header{}}
	}
	return a
}

func (c *Client) send(r Request) (*Answer, error) {
	req, err := c.request(r)
	if err != nil {
		return nil, err
	}
	if !r.Wrong && c.contract != nil {
		if err := c.contract.Request(req); err != nil {
			return nil, fmt.Errorf("the request is not as the OpenAPI file says: %w", err)
		}
	}
	sent := req.Clone(req.Context())
	if sent.URL, err = url.Parse(c.base + c.root + r.Path); err != nil {
		return nil, err
	}
	client := http.Client{Transport: transport, Timeout: 30 * time.Second}
	if r.Stays {
		client.CheckRedirect = stay
	}
	res, err := client.Do(sent)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	a := &Answer{Status: res.StatusCode, Header: res.Header}
	if a.Body, err = io.ReadAll(res.Body); err != nil {
		return nil, err
	}
	if c.contract == nil {
		return a, nil
	}
	if err := c.contract.Answer(req, a); err != nil {
		return nil, fmt.Errorf("the answer is not as the OpenAPI file says: %w\n%v", err, a)
	}
	return a, nil
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c *Client) request(r Request) (*http.Request, error) {
	body := []byte(r.Body)
	if r.JSON != nil {
		var err error
		if body, err = json.Marshal(r.JSON); err != nil {
			return nil, err
		}
	}
	// Not the test's context: goroutines may finish what they began when the test has failed.
	req, err := http.NewRequest(r.Method, c.base+r.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if r.JSON != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" && !c.open {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	return req, nil
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode reads the body into v and refuses members that v does not have, so that the types here
// stay complete.
func (a *Answer) Decode(v any) error {
	d := json.NewDecoder(bytes.NewReader(a.Body))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Problem is the body of an error.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Field     string `json:"field"`
	RequestID string `json:"request_id"`
	Errors    []struct {
		Field  string `json:"field"`
		Detail string `json:"detail"`
	} `json:"errors"`
}

// Problem reads the body as a problem; the zero value if it is none.
func (a *Answer) Problem() Problem {
	var p Problem
	_ = a.Decode(&p)
	return p
}

// Code is the status with the problem's code and field, if there are any: "204", "409
// not_displayed", "400 invalid polls[0].kind".
func (a *Answer) Code() string {
	return strings.TrimRight(a.Kind()+" "+a.Problem().Field, " ")
}

// Kind is Code without the field.
func (a *Answer) Kind() string {
	return strings.TrimRight(fmt.Sprintf("%d %s", a.Status, a.Problem().Code), " ")
}

func (a *Answer) String() string {
	return fmt.Sprintf("%d %v %s", a.Status, a.Header, short(string(a.Body)))
}

// read decodes an answer with the status 200 and reports any other.
func (c *Client) read(r Request, v any) *Answer {
	c.tb.Helper()
	a := c.Do(r)
	if a.Status != http.StatusOK && a.Status != http.StatusCreated {
		c.tb.Errorf("%s %s: %v", r.Method, r.Path, a)
	} else if err := a.Decode(v); err != nil {
		c.tb.Errorf("%s %s: %v in %v", r.Method, r.Path, err, a)
	}
	return a
}

func short(s string) string {
	if len(s) > 500 {
		return s[:500] + "…"
	}
	return s
}
