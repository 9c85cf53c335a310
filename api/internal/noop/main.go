// Command noop is the limit that benchmarks compare Plenary with. It has the API's own server
// settings, listener, route and parse of a vote, and its 204, with nothing between. No middleware,
// no metrics, no log. It belongs to no product: make bench builds it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/polls"
	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "noop:", err)
		os.Exit(1)
	}
}

func run() error {
	ln, err := net.Listen("tcp", os.Getenv("PLENARY_ADDR"))
	if err != nil {
		return err
	}
	app := web.NewApp(fiber.DefaultErrorHandler, polls.BodyLimits)
	app.Post(web.Base+"/presentations/:id/polls/current/votes", func(c *fiber.Ctx) error {
		if _, err := polls.ParseVote(c); err != nil {
			return fiber.NewError(http.StatusBadRequest, err.Error())
		}
		return c.SendStatus(http.StatusNoContent)
	})
	ok := func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }
	app.Get("/readyz", ok)
	app.Get(web.Base+"/ping", ok)

	listener := server.NewListener(ln, 0, 0, slog.Default())
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	closeErr := listener.Close()
	return errors.Join(closeErr, app.ShutdownWithTimeout(5*time.Second), <-served)
}
