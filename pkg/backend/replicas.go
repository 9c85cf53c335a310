package backend

import (
	"context"
	"errors"

	"github.com/plenary-live/plenary/pkg/postgres"
)

// followed is a database with the replicas that follow it.
type followed struct {
	*postgres.DB
	reads *postgres.Replicas
}

// Close closes both.
func (f followed) Close() error { return errors.Join(f.reads.Close(), f.DB.Close()) }

// follow opens the replicas of a database that the settings name.
func (b *Backend) follow(ctx context.Context, db *postgres.DB) (followed, error) {
	var all []postgres.Config
	for _, url := range b.cfg.ReadURLs {
		all = append(all, postgres.Config{
			URL: url, MaxConns: b.cfg.DatabaseConns, Pooler: b.cfg.DatabasePooler,
			Observe: b.metrics.StoreCall,
		})
	}
	reads, err := postgres.OpenReplicas(ctx, db, all, b.logger)
	if err != nil {
		return followed{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas = reads
	return followed{db, reads}, nil
}

// replicasAway says whether a replica of the database is away now.
func (b *Backend) replicasAway() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.replicas != nil && b.replicas.Away()
}
