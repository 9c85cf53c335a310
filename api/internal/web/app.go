package web

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/eventloop"
)

// Base is the path that every call of the API begins with.
const Base = "/api/v1"

// Limits of requests and answers.
const (
	maxHeader    = 16 << 10
	ReadTimeout  = 10 * time.Second
	WriteTimeout = time.Minute
	// IdleTimeout is longer than a proxy keeps a connection to us (15 s in nginx.conf). So the
	// proxy closes, and a request never meets a connection that is just being closed.
	IdleTimeout = 2 * time.Minute
)

// NewApp makes the bare Fiber application: the settings, no route yet. Exported for the
// benchmark's no-op.
func NewApp(fail fiber.ErrorHandler, limits BodyLimits) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:   "Plenary",
		BodyLimit: MaxBody,
		// the memory for a body is not taken when it is announced: see body.go
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		CaseSensitive:                true,
		StrictRouting:                true,
		ReadBufferSize:               maxHeader,
		ReadTimeout:                  ReadTimeout,
		WriteTimeout:                 WriteTimeout,
		IdleTimeout:                  IdleTimeout,
		DisableStartupMessage:        true,
		ErrorHandler:                 fail,
	})
	app.Server().CloseOnShutdown = true
	app.Server().HeaderReceived = limits.headReceived
	app.Server().ConnState = eventloop.State
	// event streams close theirs; fasthttp's buffers do not wait for that
	app.Server().KeepHijackedConns = true
	return app
}
