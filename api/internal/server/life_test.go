package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// fasthttp's clock runs as long as the process, and its pool notices its end with a delay.
var fasthttps = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
}

func TestAServerLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		site := web.New(web.Config{Record: web.Record{
			Logger:  slog.New(slog.DiscardHandler),
			Observe: func(string, string, int, time.Duration) {},
		}})
		asked := make(chan struct{})
		site.App.Get("/slow", func(c *fiber.Ctx) error {
			close(asked)
			time.Sleep(20 * time.Millisecond)
			return c.SendString("an answer")
		})
		ln := NewListener(listen(t), 9, 0, slog.New(slog.DiscardHandler))
		away := func(context.Context) []string { return nil }
		s := New(site, Config{Away: away}).On(ln)
		t.Cleanup(func() { lifetest.Stop(t, site) })
		return lifetest.Made{Service: s, Work: func() {
			dial(t, ln, "") // is idle
			dial(t, ln, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
			<-asked
		}}
	}, fasthttps...)
}

// dial connects, and says something.
func dial(t *testing.T, ln net.Listener, text string) {
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
}
