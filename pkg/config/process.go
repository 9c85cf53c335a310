package config

import (
	"log/slog"
	"time"
)

// Process has the settings of a process as its operators see it.
type Process struct {
	WorkerAddr  string
	MetricsAddr string // empty: nowhere
	LogLevel    slog.Level
	AccessLog   bool
	StopTimeout time.Duration
}

var processSettings = []Setting{
	{"WORKER_ADDR", ":8081", "host:port", "Where a worker serves health and metrics.",
		func(c *Config, v string) error { c.WorkerAddr = v; return checkAddr(v) }},
	{"METRICS_ADDR", "", "host:port",
		"Where the API serves metrics, and readiness with what is away. It is for operators " +
			"alone: on no address that the audience reaches. Empty: nowhere.",
		func(c *Config, v string) error {
			if c.MetricsAddr = v; v == "" {
				return nil
			}
			return checkAddr(v)
		}},
	{"LOG_LEVEL", "info", "debug, info, warn or error",
		"The least important log lines that are written.",
		func(c *Config, v string) error { return c.LogLevel.UnmarshalText([]byte(v)) }},
	{"ACCESS_LOG", "true", "true or false", "Writes a log line per request.",
		func(c *Config, v string) (err error) { c.AccessLog, err = boolean(v); return err }},
	{"STOP_TIMEOUT", "20s", "a duration, 1s to 5m",
		"How long a stopping process may take to answer and count what it has accepted.",
		func(c *Config, v string) (err error) {
			c.StopTimeout, err = duration(v, time.Second, 5*time.Minute)
			return err
		}},
}
