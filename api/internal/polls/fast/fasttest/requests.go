// Package fasttest has requests for votes as clients send them, and as they do not.
package fasttest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
)

// ABody is a plain vote, APassBody one with a pass, and APath where they go.
const (
	ABody = `{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":"A",` +
		`"client_id":"01941f29-7c00-7bbb-8bbb-bbbbbbbbbbbb"}`
	APassBody = `{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":"A",` +
		`"pass":"nB0cMr3rS1a6yKqkB9V1xGoVQMBQPVHqUe5D4R6mYB0qvH3Z"}`
)

var APath = Path(uuid.MustParse("01941f29-7c00-7ccc-8ccc-cccccccccccc"))

// Path is where the votes of a presentation go.
func Path(presentation uuid.UUID) string {
	return web.Base + "/presentations/" + presentation.String() + "/polls/current/votes"
}

// Request makes a request for a vote; fields are further header lines.
func Request(path, body string, fields ...string) []byte {
	lines := append([]string{
		"POST " + path + " HTTP/1.1", "Host: plenary", "Content-Type: application/json",
		"Content-Length: " + strconv.Itoa(len(body)),
	}, fields...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

// Clients are the header fields that the usual clients send with a vote, beside those of Request.
var Clients = map[string][]string{
	"none": nil,
	"NGINX": {
		"X-Request-Id: 4c5a8b0e6d1f4c0c9d0f8c2a7b6e5d4c", "X-Real-IP: 1.2.3.4",
		"X-Forwarded-For: 1.2.3.4",
		"X-Forwarded-Proto: https", "X-Forwarded-Host: plenary.example", "User-Agent: x",
	},
	"Chrome": {
		"Connection: keep-alive", "sec-ch-ua-platform: \"Android\"",
		"User-Agent: Mozilla/5.0 (Linux; Android 10; K)", "Accept: application/json",
		"sec-ch-ua: \"Chromium\";v=\"142\", \"Not?A_Brand\";v=\"99\"", "sec-ch-ua-mobile: ?1",
		"Origin: http://plenary", "Sec-Fetch-Site: same-origin",
		"Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Sec-Fetch-Storage-Access: active",
		"Referer: http://plenary/ABC123", "Accept-Encoding: gzip, deflate, br, zstd",
		"Accept-Language: de-DE,de;q=0.9", "Priority: u=1, i", "Save-Data: on", "DNT: 1",
		"Sec-GPC: 1",
	},
	"Firefox": {
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
		"Accept: application/json", "Accept-Language: en-US,en;q=0.5",
		"Accept-Encoding: gzip, deflate, br, zstd", "Referer: http://plenary/ABC123",
		"Origin: http://plenary", "DNT: 1", "Sec-GPC: 1", "Connection: keep-alive",
		"Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin",
		"Priority: u=0", "Pragma: no-cache", "Cache-Control: no-cache",
	},
	"Safari": {
		"Accept: application/json", "Sec-Fetch-Site: same-origin",
		"Accept-Language: en-GB,en;q=0.9", "Accept-Encoding: gzip, deflate, br",
		"Sec-Fetch-Mode: cors",
		"Origin: http://plenary",
		"User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X)",
		"Referer: http://plenary/ABC123", "Connection: keep-alive",
		"Sec-Fetch-Dest: empty", "Priority: u=3, i", "Cookie: of=another; server=1",
	},
	"a proxy before NGINX": {
		"Via: 1.1 caddy", "Forwarded: for=1.2.3.4;proto=https", "X-Forwarded-Port: 443",
		"X-Forwarded-Server: edge", "CDN-Loop: cloudflare", "CF-Ray: 8a-FRA",
		"CF-Connecting-IP: 1.2.3.4", "CF-IPCountry: DE", "CF-Visitor: {\"scheme\":\"https\"}",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"tracestate: a=b",
	},
	"wrk":      {"Prefer: respond-async"},
	"k6":       {"User-Agent: k6/1.8.0 (https://k6.io/)", "Accept-Encoding: gzip"},
	"curl":     {"User-Agent: curl/7.88.1", "Accept: */*"},
	"net/http": {"User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip"},
	"odd values": {
		"connection:  Keep-Alive ", "Cookie:", "referer: \xff", "ACCEPT: a",
		"X-Request-Id: 0198-a_b.C",
	},
}

// Good are what the usual clients send.
var Good = func() (all [][]byte) {
	for _, client := range slices.Sorted(maps.Keys(Clients)) {
		all = append(all, Request(APath, ABody, Clients[client]...))
	}
	return all
}()

// UnknownFields are lines that mean nothing to a vote today, and may mean something tomorrow.
var UnknownFields = []string{
	"Authorization: Bearer abc", "Idempotency-Key: 01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa",
	"If-Match: \"1\"", "If-None-Match: *", "Range: bytes=0-1",
	"X-HTTP-Method-Override: DELETE", "X-Empty:", "x-1: \xff", "Content-Language: en",
	"Content-MD5: x", "Date: now", "Keep-Alive: timeout=5", "X-Forwarded: a", "Sec: a",
	"Security: a", "X-Sec-Fetch-Mode: cors", "Accept-: a", "Accept-Encodin: a",
	"Cookie2: a", strings.Repeat("a", 48+1) + ": a",
	"sec-" + strings.Repeat("a", 48) + ": a",
}

// OddFields are lines with which a request is not plain.
var OddFields = []string{
	"Content-Length: " + strconv.Itoa(len(ABody)), "Content-Length: 0",
	"Transfer-Encoding: chunked", "transfer-encoding: identity",
	"Expect: 100-continue", "Content-Encoding: gzip", "Connection: close",
	"Connection: keep-alive, close", "Connection: upgrade\r\nUpgrade: h2c",
	"TE: trailers", "Trailer: X", "Host: other", "Content-Type: text/plain",
	"Content-Type: application/json", "Prefer: wait=3", "Prefer: respond-async\r\nPrefer: wait=3",
	"X-Request-Id: a\r\nX-Request-Id: b", "X-Request-Id:", "X-Request-Id:\ta",
	"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8",
	"X-Request-Id: " + strings.Repeat("a", 65), " folded", "X: a\r\n\tfolded",
	"Origin: https://plenary", "Origin: null", "Origin:", "Origin: http://plenary:80",
	"Origin: http://plenary\r\nX-Forwarded-Proto: https",
	"Origin: https://plenary\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Proto: http",
	"Origin: http://plenary\r\nOrigin: http://plenary",
	"Host: plenary", "X : a", "X", ": a", "X: a\x00", "X: a\rY: b", "X: a\nContent-Length: 0",
}

// Odd are what is not plain, or no vote at all.
func Odd() [][]byte {
	good := string(Good[0])
	odd := [][]byte{
		nil, []byte("POST "),
		Request(APath+"?a=b", ABody), Request(APath+"/", ABody), Request(strings.ToUpper(APath),
			ABody),
		Request("http://plenary"+APath, ABody),
		Request(strings.Replace(APath, "0", "%30", 1), ABody),
		Request(APath, strings.Repeat(" ", 4<<10)+ABody),
		[]byte(good + "\n"), []byte("\r\n" + good), []byte(good + good),
	}
	for _, change := range [][2]string{
		{"POST", "post"}, {"HTTP/1.1", "HTTP/1.0"}, {"Content-Length: ", "Content-Length:\t"},
		{"Content-Length: ", "Content-Length: +"},
		{"Content-Length: ", "Content-Length : "}, {"Host: plenary\r\n", ""},
		{"Host: plenary\r\n", "Host: plenary\n"},
		{"Host: plenary", "Host:"}, {"Host: plenary", "Host: a b"}, {"Host: plenary", "Host: a,b"},
		{"Host: plenary", "Host: a/b"}, {"Host: plenary", "Host: a@b"},
	} {
		odd = append(odd, []byte(strings.Replace(good, change[0], change[1], 1)))
	}
	for _, field := range slices.Concat(OddFields, UnknownFields) {
		odd = append(odd, Request(APath, ABody, field))
	}
	return odd
}
