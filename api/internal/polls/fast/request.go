package fast

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/plenary-live/plenary/api/internal/web"
)

// Path is where votes are sent to, below web.Base.
const Path = "/presentations/:id/polls/current/votes"

// MaxBody is how many bytes a vote may have.
const MaxBody = 4 << 10

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
	beforeID, behindID, _ = strings.Cut(web.Base+Path, ":id")
	quickMethod           = []byte("POST ")
	quickBegin            = []byte(beforeID)
	quickRest             = []byte(behindID + " HTTP/1.1\r\n")
	plainScheme           = []byte("http")
	beforeHost            = []byte("://")
)

// quickRequest reads one whole request for a vote that is plain. That is HTTP/1.1, with a line for
// each header field (RFC 9112, section 5), and a body of a known length and type. Every field is
// known here, or harmless. A page that it comes from, if any, is of the origin that it was sent to.
// Its path may begin with the root, if there is one.
func quickRequest(request []byte, root string) (q quickHead, ok bool) {
	rest, ok := bytes.CutPrefix(request, quickMethod)
	if !ok {
		return q, false
	}
	rest, _ = web.CutRoot(rest, root)
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
			if length >= 0 || err != nil || n > MaxBody || value[0] == '+' {
				return q, false
			}
			length = int(n)
		case "content-type":
			if typed || string(value) != "application/json" {
				return q, false
			}
			typed = true
		case "x-request-id":
			if q.id != "" || !web.PlainRequestID(string(value)) {
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
			if !web.EqualFold(value, "keep-alive") {
				return q, false
			}
		default:
			if !harmless(name) {
				return q, false
			}
		}
	}
	q.body = rest
	return q, typed && host != nil && length == len(rest) &&
		(origin == nil || isOwn(origin, proto, host))
}

// isOwn says whether a page's origin is what the request was sent to: its browser then asks for no
// permission to read the answer.
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

// harmlessFields are those that change nothing about a vote and its answer, on whatever way. A
// field that is on no list here may mean something to somebody one day: its request goes to Fiber.
var harmlessFields = fieldNames(
	// A vote's answer has one form, one language and no coding, whatever its client is and would
	// like.
	"accept", "accept-charset", "accept-encoding", "accept-language", "dnt", "priority",
	"save-data", "user-agent",
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

// browsersOwn begins the names of fields that only browsers can set, about themselves and the page
// (Fetch standard, "forbidden request-header"). New ones come with new browsers.
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

// lower gives the name of a plain field in lower case, in space. A name that is too long for it is
// no known one.
func lower(space *[maxFieldName]byte, name []byte) []byte {
	if len(name) > len(space) {
		return nil
	}
	for i, c := range name {
		space[i] = c | 0x20 // letters, digits and "-" alone
	}
	return space[:len(name)]
}

// plainHost says whether a host holds nothing about which readers may differ.
func plainHost(host []byte) bool {
	for _, c := range host {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' &&
			c != '-' && c != ':' {
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
