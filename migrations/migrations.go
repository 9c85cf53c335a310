// Package migrations holds the schemas of the stores, one numbered step after the other, and brings
// a database to the newest one. The numbers of both dialects match: version 3 means the same
// everywhere.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Dialect names a folder of migrations.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// SchemaError says that a database cannot be used as it is found: a migration broke off, or a newer
// program has been there. Nothing was changed, and trying again does not help.
type SchemaError struct {
	Found  int  // the version of the database's schema
	Newest int  // the newest version that this program knows
	Dirty  bool // a migration to Found broke off
}

func (e *SchemaError) Error() string {
	if e.Dirty {
		return fmt.Sprintf(
			"the database's schema is dirty: the migration to version %d broke off (newest "+
				"known: %d); "+
				"find out from the database's log why, restore a backup or put right by hand what "+
				"the migration left, "+
				"and write the version that is true and dirty = false to the table "+
				"schema_migrations",
			e.Found, e.Newest)
	}
	return fmt.Sprintf(
		"the database's schema has version %d, newer than %d, the newest that this program knows; "+
			"start a newer version of the program", e.Found, e.Newest)
}

// Up brings the database behind driver to the newest version. The caller excludes others, by the
// driver's Lock or around Up, and closes the driver. When ctx ends, the step under way is finished,
// no other begins, and the error is ctx's. Errors about the schema are SchemaErrors; others are the
// driver's.
func Up(ctx context.Context, dialect Dialect, driver database.Driver) error {
	m, err := upward(dialect, driver)
	if err != nil {
		return err
	}
	for newest := false; !newest && ctx.Err() == nil; {
		if newest, err = step(m); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Step brings the database behind driver one version up, and says whether it was at the newest one
// already. The caller excludes others. Errors are as Up's.
func Step(dialect Dialect, driver database.Driver) (newest bool, err error) {
	m, err := upward(dialect, driver)
	if err != nil {
		return false, err
	}
	return step(m)
}

// step takes one step. The library's own stop in the middle of several has a race and leaves
// goroutines behind.
func step(m *migrate.Migrate) (newest bool, err error) {
	if err = m.Steps(1); errors.Is(err, fs.ErrNotExist) { // there is no next one
		return true, nil
	}
	return false, err
}

func upward(dialect Dialect, driver database.Driver) (*migrate.Migrate, error) {
	newest, err := Newest(dialect)
	if err != nil {
		return nil, err
	}
	source, err := iofs.New(files, string(dialect))
	if err != nil {
		return nil, err
	}
	return migrate.NewWithInstance("embedded", source, string(dialect), checked{driver, newest})
}

// Down removes everything that Up made, data included.
func Down(dialect Dialect, driver database.Driver) error {
	source, err := iofs.New(files, string(dialect))
	if err != nil {
		return err
	}
	m, err := migrate.NewWithInstance("embedded", source, string(dialect), driver)
	if err != nil {
		return err
	}
	return m.Down()
}

// Newest gives the newest version of a dialect.
func Newest(dialect Dialect) (int, error) {
	names, err := fs.Glob(files, string(dialect)+"/*.up.sql")
	if err != nil {
		return 0, err
	}
	newest := 0
	for _, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, string(dialect)+"/"), "_")
		n, err := strconv.Atoi(number)
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", name, err)
		}
		newest = max(newest, n)
	}
	return newest, nil
}

// checked looks at the version where the library reads it, which is under the lock. To look before
// would race with another replica's migration and find it dirty.
type checked struct {
	database.Driver
	newest int
}

func (d checked) Version() (int, bool, error) {
	version, dirty, err := d.Driver.Version()
	if err == nil && (dirty || version > d.newest) {
		err = &SchemaError{version, d.newest, dirty}
	}
	return version, dirty, err
}
