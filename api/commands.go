package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// openTimeout is how long a command waits for a database that is away.
const openTimeout = 10 * time.Second

// onDatabase makes what a command runs of what it does with the database, which may be open in the
// API at the same time. do says whether it knows the arguments. site is the public address.
func onDatabase(
	do func(ctx context.Context, b *backend.Backend, site string, args []string) (
		known bool, err error),
) func(context.Context, config.Config, []string, *slog.Logger) error {
	return func(
		ctx context.Context, cfg config.Config, args []string, logger *slog.Logger,
	) (err error) {
		adapters := backend.New(cfg, telemetry.NewMetrics(), logger)
		defer func() { err = errors.Join(err, adapters.Close()) }()
		opening, cancel := context.WithTimeout(ctx, openTimeout)
		defer cancel()
		if err := adapters.OpenDatabase(opening); err != nil {
			return err
		}
		known, err := do(ctx, adapters, cfg.PublicURL, args)
		if !known {
			return fmt.Errorf("%w: %q", backend.ErrUsage, args)
		}
		return err
	}
}
