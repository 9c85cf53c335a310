package web

import (
	"bufio"
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestASiteLives(t *testing.T) {
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		s := New(Config{Record: Record{
			Logger:  slog.New(slog.DiscardHandler),
			Observe: func(string, string, int, time.Duration) {},
		}})
		asked := make(chan struct{})
		s.App.Get("/call", s.Serving(func(*fiber.Ctx) error {
			asked <- struct{}{}
			<-s.Requests.Done()
			return s.Requests.Err()
		}))
		s.App.Get("/list", s.Serving(func(c *fiber.Ctx) error {
			list, err := s.NewStream(c, endless, func() {})
			assert.NoError(t, err)
			asked <- struct{}{}
			<-s.Requests.Done() // nobody reads it
			return list.Close()
		}))
		return lifetest.Made{Service: s, Work: func() {
			for _, path := range []string{"/list", "/call"} {
				go func() { _, _ = s.App.Test(httptest.NewRequest("GET", path, nil), -1) }()
				<-asked
			}
		}}
	}, goleak.IgnoreAnyFunction(
		"github.com/valyala/fasthttp.updateServerDate.func1")) // it never ends
}

// endless writes until ctx ends.
func endless(ctx context.Context, w *bufio.Writer, turn *Turn) error {
	for ctx.Err() == nil {
		if err := turn.Take(); err != nil {
			return err
		}
		if _, err := w.WriteString("a line\n"); err != nil {
			return err
		}
	}
	return ctx.Err()
}
