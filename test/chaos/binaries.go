package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// binaries are built once for all faults, with the points at which tests can kill them.
var binaries builds

type builds struct {
	once sync.Once
	dir  string
	err  error

	wrongClock sync.Once
	wrongErr   error
}

func (b *builds) build(ctx context.Context) (string, error) {
	b.once.Do(func() { b.dir, b.err = build(ctx) })
	return b.dir, b.err
}

// buildWrongClock gives the API with a wrong clock, which takes long to build and which one fault
// needs.
func (b *builds) buildWrongClock(ctx context.Context) (binary string, err error) {
	dir, err := b.build(ctx)
	if err != nil {
		return "", err
	}
	b.wrongClock.Do(func() { b.wrongErr = buildWithWrongClock(ctx, dir) })
	return filepath.Join(dir, "api-wrong-clock"), b.wrongErr
}

func (b *builds) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // a temporary folder that is left is no failure
	}
}

func build(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "plenary-chaos-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the stack's processes have another user
		return dir, err
	}
	for _, target := range []string{"api", "worker"} {
		if err := goBuild(ctx, filepath.Join(dir, target), "./"+target); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

func goBuild(ctx context.Context, to, target string, flags ...string) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go",
		append(append([]string{"build", "-tags", "faultpoints", "-o", to}, flags...), target)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", target, err, out)
	}
	return nil
}

// moduleRoot is the folder of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
}

// buildWithWrongClock builds the API against a standard library whose wall clock steps every few
// seconds. It steps 30 s ahead, 30 s back, and right again, while the monotonic clock goes on as
// it does. Nothing outside can do that to a Go program: it reads the clock without a system call
// and without the C library.
func buildWithWrongClock(ctx context.Context, dir string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	raw, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	const read = "sec, nsec, mono := runtimeNow()\n"
	if !strings.Contains(string(raw), read) {
		return fmt.Errorf("%s reads the clock in another way than known", source)
	}
	text := strings.Replace(string(raw), read,
		read+"\tsec += [...]int64{30, -30, 0, -30, 30}[uint64(runtimeNano())/4e9%5]\n", 1)
	flag, err := overlay(dir, map[string]string{source: text})
	if err != nil {
		return err
	}
	return goBuild(ctx, filepath.Join(dir, "api-wrong-clock"), "./api", flag)
}

// overlay gives the flag that has the compiler take other texts for some source files.
func overlay(dir string, texts map[string]string) (flag string, err error) {
	replace := map[string]string{}
	for source, text := range texts {
		replace[source] = filepath.Join(dir, fmt.Sprintf("overlay-%d.go", len(replace)))
		if err := os.WriteFile(replace[source], []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return "-overlay=" + file, os.WriteFile(file, raw, 0o644)
}
