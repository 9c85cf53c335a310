package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hiddenID is the request id of a request that is smuggled in the body of another, if anybody takes
// it for one.
const hiddenID = "smuggled"

var hiddenRequest = "GET " + Base + "/ping HTTP/1.1\r\nHost: x\r\nX-Request-Id: " +
	hiddenID + "\r\n\r\n"

// misframed are requests about whose end, or host, two readers may differ. %s is a line of the
// head, or what follows it.
func misframed(path, body string) map[string]string {
	post := "POST " + path + " HTTP/1.1\r\nContent-Type: application/json\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	const host, chunks = "Host: x\r\n", "Transfer-Encoding: chunked\r\n"
	all := map[string]string{
		"a length and chunks": post + host + length + chunks + "\r\n" + chunked,
		"chunks and a length": post + host + chunks + length + "\r\n" + chunked,
		"a length that hides a request": post + host + "Content-Length: 5\r\n" + chunks +
			"\r\n0\r\n\r\n",
		"two lengths": post + host + length +
			"Content-Length: 1\r\n\r\n" + body,
		"the same length twice": post + host + length + length + "\r\n" + body,
		"a list of lengths": post + host +
			fmt.Sprintf("Content-Length: %d, %d\r\n\r\n", len(body), len(body)) + body,
		"chunks twice":             post + host + chunks + chunks + "\r\n" + chunked,
		"no host":                  post + length + "\r\n" + body,
		"two hosts":                post + host + "Host: y\r\n" + length + "\r\n" + body,
		"the same host twice":      post + host + host + length + "\r\n" + body,
		"a space before the colon": post + host + "Content-Length : 5\r\n\r\n" + body,
		"a space before the chunks' colon": post + host + "Transfer-Encoding : chunked\r\n" +
			length + "\r\n" + body,
		"a folded length": post + host + "X: y\r\n " + length + "\r\n" + body,
		"a folded coding": post + host +
			"Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked,
		"no name":           post + host + length + ": x\r\n\r\n" + body,
		"a null in a value": post + host + length + "X: a\x00b\r\n\r\n" + body,
		"a carriage return in a value": post + host + length +
			"X: a\rTransfer-Encoding: chunked\r\n\r\n" + body,
		"HTTP/1.0 with chunks": strings.Replace(post, "1.1", "1.0", 1) + host +
			chunks + "\r\n" + chunked,
		"a chunk's size that is none": post + host + chunks + "\r\nxyz\r\n" + body +
			"\r\n0\r\n\r\n",
		"a chunk's size with a sign": post + host + chunks +
			"\r\n+5\r\nabcde\r\n0\r\n\r\n",
		"a chunk's size in other notation": post + host + chunks +
			"\r\n0x5\r\nabcde\r\n0\r\n\r\n",
		"a chunk's size beyond all": post + host + chunks +
			"\r\nfffffffffffffffff\r\nabcde\r\n0\r\n\r\n",
		"a chunk that is longer than it says": post + host + chunks + "\r\n3\r\nabcde\r\n0\r\n\r\n",
	}
	for _, value := range []string{"gzip", "identity", "x", "gzip, chunked", "chunked, chunked",
		"chunked, identity", "chunked;q=1", `"chunked"`, "xchunked", "chunked\x0b", ""} {
		all[fmt.Sprintf("the coding %q", value)] = post + host + "Transfer-Encoding: " + value +
			"\r\n\r\n" + chunked
	}
	for _, value := range []string{"-1", "+5", "0x5", "5 5", "1e1", "5;",
		"99999999999999999999", "", "\x0b5"} {
		all[fmt.Sprintf("the length %q", value)] = post + host + "Content-Length: " + value +
			"\r\n\r\n" + body
	}
	return all
}

// looselyFramed are requests that the API refuses. NGINX reads them in the one way there is and
// puts them right for it: there is no setting to refuse them. (A bare line feed behind the request
// line alone is a line's end to both, as RFC 9112, section 2.2, allows.)
func looselyFramed(path, body string) map[string]string {
	post := "POST " + path + " HTTP/1.1\r\nContent-Type: application/json\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	const host = "Host: x\r\n"
	return map[string]string{
		"a bare line feed behind a field": post + host + "X: y\n" + length + "\r\n" + body,
		"a bare line feed behind the length": post + host +
			strings.Replace(length, "\r\n", "\n", 1) + "\r\n" + body,
		"a bare line feed behind the head": post + host + length + "\n" + body,
		"no colon":                         post + host + length + "Nothing\r\n\r\n" + body,
		"bare line feeds only": strings.ReplaceAll(post+host+length+"\r\n",
			"\r\n", "\n") + body,
		"a bare line feed behind a chunk size": post + host + "Transfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\n%s\r\n0\r\n\r\n", len(body), body),
	}
}

// answerTo sends a request and gives the status of its answer.
func answerTo(addr, request string) (status int, err error) {
	conn, err := net.DialTimeout("tcp", addr, wait)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// refusalTo sends a request, and one behind it that nobody may answer, and reads all that comes
// until the connection is closed.
func refusalTo(addr, request string) (status int, answers string, err error) {
	conn, err := net.DialTimeout("tcp", addr, wait)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, request+hiddenRequest); err != nil {
		return 0, "", err
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		return 0, string(raw), fmt.Errorf("it is not closed: %w", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(raw))), nil)
	if err != nil {
		return 0, string(raw), err
	}
	if typ := res.Header.Get("Content-Type"); typ != problemType {
		return res.StatusCode, string(raw), errors.New("it is no problem")
	}
	return res.StatusCode, string(raw), nil
}

// TestARequestThatCanBeReadInTwoWaysIsRefusedAndItsConnectionClosed: by the API, and by NGINX
// before it.
func TestARequestThatCanBeReadInTwoWaysIsRefusedAndItsConnectionClosed(t *testing.T) {
	begin(embedded, production)
	refuse := func(t *testing.T, base string, requests map[string]string) {
		for name, request := range requests {
			status, answers, err := refusalTo(strings.TrimPrefix(base, "http://"), request)
			assert.NoError(t, err, "%s: %q", name, answers)
			assert.Equal(t, http.StatusBadRequest, status, "%s: %q", name, answers)
			assert.NotContains(t, answers, hiddenID, name)
			assert.Equal(t, 1, strings.Count(answers, "HTTP/1.1 "), "%s: %q", name, answers)
		}
	}
	for _, system := range []*system{embedded, production} {
		t.Run(system.name, func(t *testing.T) {
			s := system.on(t)
			r := show(s.Client, choice("Who wins?"))
			path, vote := r.Path("/polls/current/votes"),
				ballotJSON(r.Polls[0].PollID, aVoter, `,"key":"A"`)
			refuse(t, s.base, misframed(path, vote))
			refuse(t, s.replicas[0].base, misframed(path, vote))
			refuse(t, s.replicas[0].base, looselyFramed(path, vote))
			require.Zero(t, r.Recount(r.Polls[0].PollID).Total, "none of them was a vote")
			for name, request := range looselyFramed(path, vote) {
				if s.production {
					status, err := answerTo(strings.TrimPrefix(s.base, "http://"), request)
					require.NoError(t, err, name)
					require.Contains(t, []int{http.StatusNoContent,
						http.StatusBadRequest}, status, name)
				}
			}
		})
	}
}
