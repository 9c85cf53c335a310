// Command usual takes the feed's votes as a server usually does: a transaction each, which checks,
// inserts, counts, and keeps to a quota. Make bench compares Plenary with it. It takes the id of an
// account for its token.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// tables are its own.
const tables = `
	DROP SCHEMA IF EXISTS usual CASCADE;
	CREATE SCHEMA usual;
	CREATE TABLE usual.polls (
		id uuid PRIMARY KEY, options integer NOT NULL, closed boolean NOT NULL);
	CREATE TABLE usual.votes (
		account_id uuid, poll_id uuid REFERENCES usual.polls, option integer NOT NULL,
		at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (account_id, poll_id));
	CREATE TABLE usual.tallies (
		poll_id uuid, option integer, count bigint NOT NULL, PRIMARY KEY (poll_id, option))
		WITH (fillfactor = 40);
	CREATE TABLE usual.days (
		account_id uuid, day date, votes integer NOT NULL, PRIMARY KEY (account_id, day))
		WITH (fillfactor = 40)`

// quota is how many votes an account has for a day. A benchmark never meets it.
const quota = 1_000_000

// connections are more than PostgreSQL has use for on few processors.
const connections = 32

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "usual:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := pgxpool.ParseConfig(os.Getenv("USUAL_DATABASE_URL"))
	if err != nil {
		return err
	}
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := warm(ctx, pool); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, tables); err != nil {
		return err
	}
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"ok"}`)) }
	mux.HandleFunc("GET /readyz", ok)
	mux.HandleFunc("GET /api/v1/ping", ok)
	mux.HandleFunc("POST /api/v1/polls/{id}/vote", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Option int `json:"option_index"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		account := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		w.WriteHeader(vote(r.Context(), pool, account, r.PathValue("id"), body.Option))
	})
	server := &http.Server{
		Addr: os.Getenv("PLENARY_ADDR"), Handler: mux, ReadHeaderTimeout: 10 * time.Second,
	}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	shut, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(shut), <-served)
}

// warm opens all connections, which nobody is to wait for later.
func warm(ctx context.Context, pool *pgxpool.Pool) error {
	for range connections {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release() // when all of them are there
	}
	return nil
}

// refusal is a status of a vote that does not count.
type refusal int

func (r refusal) Error() string { return http.StatusText(int(r)) }

// vote counts one, and gives the status of the answer.
func vote(ctx context.Context, pool *pgxpool.Pool, account, poll string, option int) int {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var options int
		var closed, voted bool
		err := tx.QueryRow(ctx, `SELECT options, closed FROM usual.polls WHERE id = $1`, poll).
			Scan(&options, &closed)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return refusal(http.StatusNotFound)
		case err != nil:
			return err
		case closed:
			return refusal(http.StatusConflict)
		case option < 0 || option >= options:
			return refusal(http.StatusBadRequest)
		}
		err = tx.QueryRow(ctx, `SELECT EXISTS (
			SELECT FROM usual.votes WHERE account_id = $1 AND poll_id = $2)`, account, poll).
			Scan(&voted)
		if err != nil {
			return err
		}
		if voted {
			return refusal(http.StatusConflict)
		}
		var used int
		err = tx.QueryRow(ctx, `INSERT INTO usual.days AS d (account_id, day, votes)
			VALUES ($1, (now() AT TIME ZONE 'UTC')::date, 1)
			ON CONFLICT (account_id, day) DO UPDATE SET votes = d.votes + 1
			RETURNING votes`, account).Scan(&used)
		if err != nil {
			return err
		}
		if used > quota {
			return refusal(http.StatusTooManyRequests)
		}
		_, err = tx.Exec(ctx, `INSERT INTO usual.votes (account_id, poll_id, option)
			VALUES ($1, $2, $3)`, account, poll, option)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO usual.tallies AS t (poll_id, option, count)
			VALUES ($1, $2, 1) ON CONFLICT (poll_id, option) DO UPDATE SET count = t.count + 1`,
			poll, option)
		return err
	})
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return int(refused)
	case err != nil:
		return http.StatusServiceUnavailable
	}
	return http.StatusNoContent
}
