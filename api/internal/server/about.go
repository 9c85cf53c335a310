package server

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	// askFor is how long backends have. One that has not answered by then does not answer.
	askFor = time.Second
	// knownFor is how long an answer is told again. So nobody keeps a database or a broker busy by
	// asking how it is.
	knownFor = time.Second
)

// About is what operators are told of a process at the root of the API. Nothing of it is secret.
type About struct {
	Version, Commit string // of what was built
	// Backends tells what the process works with. It answers when its context ends, at the latest.
	Backends func(ctx context.Context) []Backend
}

// Backend is something that a process works with.
type Backend struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Answers bool   `json:"answers"`
}

// about tells operators what serves here, with what.
type about struct {
	About
	features []string

	turn     chan struct{} // a token while backends are asked: others want the same answer
	backends []Backend     // never changed
	since    time.Time     // when they had answered; zero: never
}

func newAbout(a About, features []string) *about {
	return &about{About: a, features: features, turn: make(chan struct{}, 1)}
}

// ask gives the backends as they were within the last second. It waits for two at most.
func (a *about) ask() []Backend {
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	if a.since.IsZero() || time.Since(a.since) >= knownFor {
		ctx, cancel := context.WithTimeout(context.Background(), askFor)
		defer cancel()
		a.backends, a.since = a.Backends(ctx), time.Now()
	}
	return a.backends
}

func (a *about) answer(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(struct {
		Name     string    `json:"name"`
		Version  string    `json:"version"`
		Commit   string    `json:"commit"`
		Features []string  `json:"features"`
		Backends []Backend `json:"backends"`
	}{"plenary", a.Version, a.Commit, a.features, a.ask()})
}
