//go:build linux

package bench

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/report"
)

// run describes a part that begins now. What cannot be found out stays empty.
func (b *Bench) run(ctx context.Context) report.Run {
	m := report.Machine{Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go")}
	m.CPU = find("/proc/cpuinfo", `model name\s*:\s*(.*)`)
	if kb, err := strconv.Atoi(find("/proc/meminfo", `MemTotal:\s*(\d+)`)); err == nil {
		m.MemoryGB = (kb + 1<<19) >> 20
	}
	m.Kernel = find("/proc/sys/kernel/osrelease", `([\d.]+)`)
	if find("/proc/sys/kernel/sched_autogroup_enabled", `(\d)`) == "1" { // each of our servers has a session of its own
		m.Kernel += " with autogroups"
	}
	m.System = find("/etc/os-release", `PRETTY_NAME="(.*)"`)
	_ = b.admin.QueryRowContext(ctx, "SELECT split_part(current_setting('server_version'), ' ', 1)").Scan(&m.PostgreSQL)
	if out, err := b.plenary.Rabbitmqctl(ctx, 0, "--silent", "version"); err == nil {
		m.RabbitMQ = strings.TrimSpace(out)
	}
	m.NGINX = said(`nginx/([\d.]+)`, "nginx", "-v")
	m.Wrk = said(`wrk (?:debian/)?([\d.]+)`, "wrk", "-v")
	commit := b.git("rev-parse", "--short", "HEAD")
	if b.git("status", "--porcelain", "--untracked-files=no") != "" {
		commit += "+"
	}
	return report.Run{At: time.Now().UTC().Truncate(time.Second), Commit: commit, Machine: m, Rounds: b.Rounds, Seconds: b.Seconds,
		LoadAverage: []float64{loadAverage(), 0}}
}

// loadAverage is that of the last minute.
func loadAverage() float64 {
	load, _ := strconv.ParseFloat(find("/proc/loadavg", `([\d.]+)`), 64)
	return load
}

func (b *Bench) git(args ...string) string {
	out, _ := exec.Command("git", append([]string{"-C", b.root}, args...)...).Output() // an archive has no history
	return strings.TrimSpace(string(out))
}

func find(path, pattern string) string {
	raw, _ := os.ReadFile(path)
	return submatch(pattern, string(raw))
}

func said(pattern string, command ...string) string {
	out, _ := exec.Command(command[0], command[1:]...).CombinedOutput() // wrk -v says it and fails
	return submatch(pattern, string(out))
}

func submatch(pattern, in string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(in); found != nil {
		return strings.TrimSpace(found[1])
	}
	return ""
}
