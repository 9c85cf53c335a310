package chaos

import (
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
		Name: "kill-embedded", What: "kill -9 the API that does all by itself, with SQLite, three times", Embedded: true, Short: true,
		Strike: func(s *Scene) error {
			for range 3 {
				s.APIs[0].Kill()
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
			err = s.Wait(6 * time.Second)
			if err := errors.Join(err, os.Remove(full)); err != nil {
				return err
			}
			s.Measure()
			return nil
		},
	},
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
