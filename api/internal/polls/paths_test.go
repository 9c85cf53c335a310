package polls

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/web"
)

const anID = "01941f29-7c00-7ccc-8ccc-cccccccccccc"

// request asks a server, for exactly this path, and gives the answer's head.
func request(t *testing.T, s *whole, method, path string, header ...string) *http.Response {
	t.Helper()
	s.app.Handler() // it has its routes now
	client, server := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.app.Server().ServeConn(server)
		_ = server.Close()
	}()
	head := method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	for i := 0; i < len(header); i += 2 {
		head += header[i] + ": " + header[i+1] + "\r\n"
	}
	_, err := io.WriteString(client, head+"\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(client), &http.Request{Method: method})
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(t, client.Close())
	<-served
	return res
}

func TestAPathIsExact(t *testing.T) {
	s := newTestServer("database")
	for _, path := range []string{"/healthz", web.Base + "/ping", web.Base + "/openapi.yaml"} {
		require.Equal(t, 200, request(t, s, "GET", path).StatusCode, path)
		require.Equal(t, 200, request(t, s, "GET", path+"?a=/").StatusCode, path)
		last := path[len(path)-1:]
		for _, other := range []string{
			path + "/", strings.ToUpper(path), path[:len(path)-1] + strings.ToUpper(last),
			"/" + path, path + "//", path + "/.", path + "%2F", path + "%2f", path + "%00",
			path + ";", path + ".", path + "%20", "/%2e" + path, "/." + path, "/x/.." + path,
			"/x/%2e%2e" + path, strings.Replace(path, last, fmt.Sprintf("%%%02X", last[0]), 1),
			path[:len(path)-1] + fmt.Sprintf("%%%02X", last[0]), "/%2f" + path[1:], path + "%23",
			path + `\`, path + "%5c",
		} {
			require.Equal(t, 404, request(t, s, "GET", other).StatusCode, other)
		}
	}
	votes := web.Base + "/presentations/" + anID + "/polls/current/votes"
	require.Equal(t, 503, request(t, s, "POST", votes).StatusCode, "no services yet, but a route")
	for _, other := range []string{
		votes + "/", strings.Replace(votes, "votes", "Votes", 1),
		strings.Replace(votes, "current", "Current", 1),
		strings.Replace(votes, "current", "curren%74", 1),
		strings.Replace(votes, "/polls", "//polls", 1), strings.Replace(votes, anID, "", 1),
		strings.Replace(votes, "/votes", "%2fvotes", 1),
	} {
		require.Contains(t, []int{404, 405}, request(t, s, "POST", other).StatusCode, other)
	}
}

func TestARefusedMethodNamesThoseThatThePathTakes(t *testing.T) {
	s := newTestServer("database")
	p := web.Base + "/presentations"
	for path, allow := range map[string]string{
		"/healthz": "GET, HEAD, OPTIONS", p: "OPTIONS, POST",
		p + "/" + anID:            "DELETE, GET, HEAD, OPTIONS, PATCH",
		p + "/" + anID + "/polls": "OPTIONS, POST", p + "/" + anID + "/polls/order": "OPTIONS, PUT",
		p + "/" + anID + "/polls/current":            "DELETE, GET, HEAD, OPTIONS, PUT",
		p + "/" + anID + "/polls/current/votes":      "OPTIONS, POST",
		p + "/" + anID + "/polls/" + anID:            "DELETE, OPTIONS, PATCH",
		p + "/" + anID + "/polls/" + anID + "/votes": "GET, HEAD, OPTIONS",
		p + "/" + anID + "/polls/" + anID + "/reset": "OPTIONS, POST",
		p + "/" + anID + "/polls/polls/votes":        "GET, HEAD, OPTIONS",
		p + "/" + anID + "/results":                  "GET, HEAD, OPTIONS",
		p + "/" + anID + "/events":                   "GET, HEAD, OPTIONS",
		p + "/current/polls/current/votes":           "OPTIONS, POST",
		web.Base + "/join/x":                         "GET, HEAD, OPTIONS",
		p + "/" + anID + "/voters":                   "OPTIONS, POST",
	} {
		takes := strings.Split(allow, ", ")
		for _, method := range fiber.DefaultMethods {
			res := request(t, s, method, path)
			if taken := strings.Contains(allow, method); !taken {
				require.Equal(t, 405, res.StatusCode, "%s %s", method, path)
			} else if method == http.MethodOptions {
				require.Equal(t, 204, res.StatusCode, path)
			} else {
				require.NotEqual(t, 405, res.StatusCode, "%s %s", method, path)
				continue
			}
			require.Equal(t, takes, strings.Split(res.Header.Get("Allow"), ", "),
				"%s %s", method, path)
		}
	}
	for _, path := range []string{"/nowhere", p + "/", p + "/" + anID + "/polls/current/results/x",
		web.Base, "/"} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "DELETE"} {
			res := request(t, s, method, path)
			require.Equal(t, 404, res.StatusCode, "%s %s", method, path)
			require.Empty(t, res.Header.Get("Allow"), "%s %s", method, path)
		}
	}
	require.Equal(t, 400, request(t, s, "BREW", "/healthz").StatusCode)
}

var parameter = regexp.MustCompile(`:(\w+)`)

// TestEveryRouteOfTheServerIsAPathOfIts: what the site makes of the patterns is what Fiber makes of
// them.
func TestEveryRouteOfTheServerIsAPathOfIts(t *testing.T) {
	s := newTestServer()
	for _, r := range s.app.GetRoutes(true) {
		path := strings.ReplaceAll(parameter.ReplaceAllString(r.Path, anID), "+", "a/b")
		require.Contains(t, s.Methods(path), r.Method, path)
	}
}
