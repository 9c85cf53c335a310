// Package rivals has the designs that Plenary is compared with, each as small as it can honestly be: on the same
// PostgreSQL and RabbitMQ, with the same libraries, one row per voter and poll, and an answer only when the vote is
// durable. They check nothing but the vote's form: no lease, no seal, no slide.
package rivals

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/lib/pq"
)

// Variable is the environment variable that says what a process is to be: one of the names below. Connections is the one that
// says how many it may have to the database.
const (
	Variable    = "PLENARY_BENCH_RIVAL"
	Connections = "PLENARY_BENCH_CONNECTIONS"
)

// What a process can be.
const (
	Insert      = "insert"      // an API: a transaction per vote, which inserts it; results would count rows
	Transaction = "transaction" // an API: a transaction per vote, which inserts it and moves the tally
	Statement   = "statement"   // an API: the same in a single statement per vote, which commits itself
	Message     = "message"     // an API: a message and a confirm per vote
	Counter     = "counter"     // the worker behind Message
)

// Schema makes the rivals' tables, in a database of their own.
const Schema = `
	CREATE TABLE votes (
		poll_id uuid NOT NULL, voter_id uuid NOT NULL, answer text NOT NULL,
		PRIMARY KEY (poll_id, voter_id)
	);
	CREATE TABLE tallies (
		poll_id uuid NOT NULL, answer text NOT NULL, count bigint NOT NULL DEFAULT 0,
		PRIMARY KEY (poll_id, answer)
	) WITH (fillfactor = 40)`

// Run is the main of such a process, until SIGTERM.
func Run(name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch name {
	case Insert:
		return perVote(ctx, insert)
	case Transaction:
		return perVote(ctx, transaction)
	case Statement:
		return perVote(ctx, statement)
	case Message:
		return message(ctx)
	case Counter:
		return counter(ctx)
	}
	return fmt.Errorf("%s=%q names nothing", Variable, name)
}

// vote is what comes in.
type vote struct {
	PollID   uuid.UUID `json:"poll_id"`
	ClientID uuid.UUID `json:"client_id"`
	Key      string    `json:"key"`
}

// serve answers votes with take, until ctx ends.
func serve(ctx context.Context, take func(context.Context, vote) error) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	ok := func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }
	app.Get("/readyz", ok)
	app.Get("/api/v1/ping", ok)
	app.Post("/api/v1/presentations/:id/polls/current/votes", func(c *fiber.Ctx) error {
		var v vote
		if err := json.Unmarshal(c.Body(), &v); err != nil || v.Key == "" {
			return fiber.NewError(http.StatusBadRequest, "no vote")
		}
		if err := take(ctx, v); err != nil {
			return fiber.NewError(http.StatusServiceUnavailable, err.Error())
		}
		return c.SendStatus(http.StatusNoContent)
	})
	return untilDone(ctx, app, os.Getenv("PLENARY_ADDR"))
}

func untilDone(ctx context.Context, app *fiber.App, addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return errors.Join(app.ShutdownWithTimeout(5*time.Second), <-served)
	}
}

func open() (*sql.DB, error) {
	cfg, err := pq.NewConfig(os.Getenv("PLENARY_DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	cfg.BinaryParameters = true // as Plenary does: a statement in one round trip
	connections, err := strconv.Atoi(os.Getenv(Connections))
	if err != nil || connections < 1 {
		return nil, fmt.Errorf("%s takes a number of connections, not %q", Connections, os.Getenv(Connections))
	}
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}
