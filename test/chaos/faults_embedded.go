package chaos

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/plenary-live/plenary/test/stack"
)

var embeddedFaults = []*Fault{
	{
		Name: "kill-embedded", Embedded: true, Short: true,
		What: "kill -9 the API that does all by itself, with votes that wait for SQLite, " +
			"three times",
		Strike: func(s *Scene) error {
			for range 3 {
				if err := s.killWaiting(); err != nil {
					return err
				}
				if err := s.APIs[0].Start(s); err != nil {
					return err
				}
				s.Measure()
				if err := s.Resumed(); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "full-disk", What: "the disk under SQLite is full for 6 s", Embedded: true,
		Shape: smallDisk,
		Strike: func(s *Scene) error {
			full, err := s.fill()
			if err != nil {
				return err
			}
			unknown := s.crowd.unknown.Load()
			err = s.Wait(6 * time.Second)
			err = errors.Join(err, s.awaitUnknown(unknown))
			if err := errors.Join(err, os.Remove(full)); err != nil {
				return err
			}
			s.Measure()
			return nil
		},
	},
}

// databaseFile is where SQLite has its data.
func (s *Scene) databaseFile() string {
	if s.disk != "" {
		return filepath.Join(s.disk, "plenary.db")
	}
	return filepath.Join(s.Dir, "api-0", "plenary.db")
}

// killWaiting keeps the API from writing until votes wait for that, and kills it. It is suspended
// while the database is let go, so that it writes none of them.
func (s *Scene) killWaiting() error {
	db, err := sql.Open("sqlite",
		"file:"+s.databaseFile()+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(s, nil)
	if err != nil {
		return err
	}
	err = s.Wait(500 * time.Millisecond)
	unknown := s.crowd.unknown.Load()
	s.APIs[0].Pause()
	err = errors.Join(err, tx.Rollback(), db.Close())
	s.APIs[0].Kill()
	if err != nil {
		return err
	}
	return s.awaitUnknown(unknown)
}

// ErrCannot says that a fault cannot be made on this machine.
var ErrCannot = errors.New("cannot be made here")

// smallDisk puts the database onto a file system of its own, which only root can make.
func smallDisk(s *Scene, cfg *stack.Config) {
	dir := filepath.Join(s.binary, "disk")
	err := os.MkdirAll(dir, 0o777)
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m,mode=0777")
	}
	if err != nil {
		s.broken = fmt.Errorf("a small file system %w: %w", ErrCannot, err)
		return
	}
	s.cleanup = append(s.cleanup, func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s.disk = dir
	cfg.APIEnv = append(cfg.APIEnv, "PLENARY_DATABASE_URL=sqlite:"+filepath.Join(dir, "plenary.db"))
}

// fill leaves no room on the small disk.
func (s *Scene) fill() (string, error) {
	path := filepath.Join(s.disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		return path, err
	}
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return path, errors.Join(err, f.Close())
		}
	}
	return path, f.Close()
}
