package stack

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unprivileged system user that the servers run as when root starts the stack.
// PostgreSQL refuses to run as root, and nothing else here needs to. nil: whoever started the
// stack.
type account struct {
	name     string
	uid, gid uint32
}

// unprivileged finds an account that the system has anyway; the stack creates none.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &account{name, uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf(
		"root cannot run PostgreSQL, and there is neither a user postgres nor nobody to run it as")
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// mkdir makes a folder that only the account can read.
func (a *account) mkdir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return a.own(path)
}

// write makes a file that only the account can read: the files hold passwords and cookies.
func (a *account) write(path, content string, mode os.FileMode) error {
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		return err
	}
	return a.own(path)
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// Reachable tells whether the servers of a stack could live in dir: their user must be able to
// enter it.
func Reachable(dir string) bool {
	a, err := unprivileged()
	return err == nil && a.reaches(dir)
}

// reaches tells whether the account can enter dir. A clone below /root, for one, is closed to
// others.
func (a *account) reaches(dir string) bool {
	if a == nil {
		return true
	}
	for {
		info, err := os.Stat(dir)
		if err == nil && info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}
