package server

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
)

// About is what operators are told of a process at the root of the API. Nothing of it is secret.
type About struct {
	Version, Commit string // of what was built
	// Backends tells what the process works with. It must answer quickly.
	Backends func(ctx context.Context) []Backend
}

// Backend is something that a process works with.
type Backend struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Answers bool   `json:"answers"`
}

// answer tells operators what serves here, with what.
func (a About) answer(c *fiber.Ctx, features []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(struct {
		Name     string    `json:"name"`
		Version  string    `json:"version"`
		Commit   string    `json:"commit"`
		Features []string  `json:"features"`
		Backends []Backend `json:"backends"`
	}{"plenary", a.Version, a.Commit, features, a.Backends(ctx)})
}
