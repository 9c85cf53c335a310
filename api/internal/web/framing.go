package web

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// PlainlyFramed says whether everybody who reads this head finds the same end of the request (RFC
// 9112, section 6), and the same host. What fasthttp refuses by itself does not get here.
func PlainlyFramed(head *fasthttp.RequestHeader) bool {
	var hosts, lengths, codings int
	for line := range bytes.Lines(head.RawHeaders()) {
		line, whole := bytes.CutSuffix(line, []byte("\r\n"))
		if !whole || len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			// a line feed alone ends a line for some; so may one that goes on in the next
			return false
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch {
		case EqualFold(name, "host"):
			hosts++
		case EqualFold(name, "content-length"):
			lengths++
		case EqualFold(name, "transfer-encoding"):
			if !EqualFold(bytes.Trim(value, " \t"), "chunked") {
				return false
			}
			codings++
		}
	}
	switch string(head.Protocol()) {
	case "HTTP/1.1":
		return hosts == 1 && lengths+codings <= 1
	case "HTTP/1.0":
		return hosts <= 1 && lengths <= 1 && codings == 0
	}
	return false
}
