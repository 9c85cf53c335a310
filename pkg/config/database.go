package config

import (
	"fmt"
	"strings"
)

// Database has the settings of the store.
type Database struct {
	DatabaseURL    string   // "sqlite:PATH" or "postgres://…"
	ReadURLs       []string // of PostgreSQL that follows it; empty: there is none
	DatabaseConns  int
	DatabasePooler bool
}

var databaseSettings = []Setting{
	{"DATABASE_URL", "sqlite:plenary.db", "sqlite:PATH or postgres://…",
		"Where presentations and votes are kept. A worker needs PostgreSQL.",
		func(c *Config, v string) error { c.DatabaseURL = v; return checkDatabase(v) }},
	{"DATABASE_READ_URLS", "", "postgres://…, several with commas between",
		"Replicas of DATABASE_URL, from which an API reads what is new in the feed. While one is " +
			"away, others do its work. Empty: all is read from DATABASE_URL.",
		func(c *Config, v string) (err error) {
			c.ReadURLs, err = urls(v, "postgres", "postgresql")
			return err
		}},
	{"DATABASE_CONNECTIONS", "16", "2 to 1000",
		"PostgreSQL connections of one process to one server, at most. Votes lists take up to 4 " +
			"more.",
		func(c *Config, v string) (err error) {
			c.DatabaseConns, err = number(v, 2, 1000)
			return err
		}},
	{"DATABASE_POOLER", "false", "true or false",
		"Says that DATABASE_URL leads to PgBouncer in transaction mode, or to a pooler like it. " +
			"No session then keeps anything. Direct connections count faster.",
		func(c *Config, v string) (err error) { c.DatabasePooler, err = boolean(v); return err }},
}

// SQLitePath gives the path of a SQLite database URL.
func (c Config) SQLitePath() (path string, ok bool) {
	return strings.CutPrefix(c.DatabaseURL, "sqlite:")
}

// checkDatabase never shows the value: it may hold a password.
func checkDatabase(v string) error {
	if path, ok := strings.CutPrefix(v, "sqlite:"); ok {
		if path == "" || strings.ContainsRune(path, 0) {
			return fmt.Errorf("the path is missing")
		}
		return nil
	}
	return checkURL(v, "postgres", "postgresql")
}
