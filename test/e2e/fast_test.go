package e2e

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// fast is an HTTP client that costs little, for tests whose servers shall have the processors.
type fast struct {
	base   string
	client fasthttp.HostClient
}

func newFast(base string, connections int) *fast {
	return &fast{base: base, client: fasthttp.HostClient{
		Addr: strings.TrimPrefix(base, "http://"),
		// fasthttp's own leaves a goroutine
		Dial:                func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) },
		MaxConns:            connections,
		MaxConnWaitTimeout:  30 * time.Second,
		ReadTimeout:         30 * time.Second,
		MaxIdleConnDuration: 30 * time.Second,
		// whoever calls counts the tries
		RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
	}}
}

func (f *fast) post(path, body string) (*Answer, error) {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.SetRequestURI(f.base + path)
	req.Header.SetMethod(http.MethodPost)
	req.Header.SetContentType(jsonEnc)
	req.SetBodyString(body)
	if err := f.client.Do(req, res); err != nil {
		return nil, err
	}
	a := &Answer{Status: res.StatusCode(), Header: http.Header{}, Body: slices.Clone(res.Body())}
	for k, v := range res.Header.All() {
		a.Header.Add(string(k), string(v))
	}
	return a, nil
}

func (f *fast) close() { f.client.CloseIdleConnections() }

func percentile(all []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)*p/100]
}
