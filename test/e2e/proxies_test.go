package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// at makes a client that asks from one of this machine's own addresses.
func at(address string) *http.Transport {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}
}

// get asks and gives the body.
func get(t *testing.T, transport *http.Transport, target string, header ...string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", body)
	return string(body)
}

// loggedAddress is the client's, as the API logged the request.
func loggedAddress(t *testing.T, api *stack.Process, request string) string {
	t.Helper()
	raw, err := os.ReadFile(api.Log)
	require.NoError(t, err)
	for line := range bytes.Lines(raw) {
		var logged struct {
			Message string `json:"msg"`
			Request string `json:"request_id"`
			IP      string `json:"ip"`
		}
		if json.Unmarshal(line, &logged) == nil && logged.Request == request &&
			logged.Message == "request" {
			return logged.IP
		}
	}
	require.FailNow(t, "the request is not in the log")
	return ""
}

// TestTheAPIKnowsItsClientBehindProxiesAndIsNotLiedTo has a terminator of TLS on 127.0.0.3, which
// NGINX believes, and NGINX on 127.0.0.1, which the API believes. Clients are on 127.0.0.9.
func TestTheAPIKnowsItsClientBehindProxiesAndIsNotLiedTo(t *testing.T) {
	s, st := own(t, stack.Config{
		Parts: stack.API | stack.NGINX, APIs: 1, Trusted: "127.0.0.3",
		APIEnv: []string{"PLENARY_TRUSTED_PROXIES=127.0.0.1"},
	})
	r := show(s.Client, choice("Who wins?"))
	front, err := url.Parse(st.NGINX.URL)
	require.NoError(t, err)
	tls := httptest.NewTLSServer(&httputil.ReverseProxy{Transport: at("127.0.0.3"),
		Rewrite: func(p *httputil.ProxyRequest) {
			// it adds to it, as most do
			p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
			p.SetURL(front)
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		}})
	defer tls.Close()
	throughTLS := at("127.0.0.9")
	throughTLS.TLSClientConfig = tls.Client().Transport.(*http.Transport).TLSClientConfig

	link := func(transport *http.Transport, target string, header ...string) (string,
		func(origin string) bool) {
		id := uuid.NewString()
		svg := get(t, transport, target+"/qr.svg?code="+r.JoinCode,
			append(header, "X-Request-Id", id)...)
		return id, func(origin string) bool {
			a := beside(t, s.Client,
				Request{Method: http.MethodPost, Path: "/qr.svg",
					Body:   origin + "/join/" + r.JoinCode,
					Header: map[string]string{"Content-Type": "text/plain"}})
			return string(a.Body) == svg
		}
	}
	forged := []string{"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "https",
		"X-Forwarded-Host", "evil.example", "X-Real-IP", "6.6.6.6"}

	id, leads := link(throughTLS, tls.URL)
	require.True(t, leads(tls.URL), "the link is https, as the client came")
	require.Equal(t, "127.0.0.9", loggedAddress(t, st.APIs[0], id))

	id, _ = link(throughTLS, tls.URL, forged[:2]...)
	require.Equal(t, "127.0.0.9", loggedAddress(t, st.APIs[0], id),
		"what the client wrote stands before what its proxy did")

	id, leads = link(at("127.0.0.9"), st.NGINX.URL, forged...)
	require.True(t, leads(st.NGINX.URL), "an untrusted client's own word draws no link")
	require.Equal(t, "127.0.0.9", loggedAddress(t, st.APIs[0], id))

	id, leads = link(at("127.0.0.9"), st.APIs[0].URL, forged...)
	require.True(t, leads(st.APIs[0].URL))
	require.Equal(t, "127.0.0.9", loggedAddress(t, st.APIs[0], id))

	// A vote is logged on another way.
	id = uuid.NewString()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		st.NGINX.URL+r.Path("/polls/current/votes"),
		strings.NewReader(ballotJSON(r.Polls[0].PollID, NewVoter(), `,"key":"A"`)))
	require.NoError(t, err)
	for name, value := range map[string]string{"Content-Type": "application/json",
		"X-Forwarded-For": "6.6.6.6", "X-Request-Id": id} {
		req.Header.Set(name, value)
	}
	res, err := (&http.Client{Transport: at("127.0.0.9")}).Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	require.Equal(t, "127.0.0.9", loggedAddress(t, st.APIs[0], id))
}
