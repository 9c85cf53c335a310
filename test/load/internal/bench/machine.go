//go:build linux

package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/report"
)

// describe describes a part that begins now. What cannot be found out stays empty.
func (b *Bench) describe(ctx context.Context) report.Run {
	kb, _ := strconv.Atoi(find("/proc/meminfo", `MemTotal:\s*(\d+)`))
	kernel := find("/proc/sys/kernel/osrelease", `([\d.]+)`)
	if find("/proc/sys/kernel/sched_autogroup_enabled", `(\d)`) == "1" { // each server has a session of its own
		kernel += " with autogroups"
	}
	var postgres string
	_ = b.now.database.QueryRowContext(ctx, "SELECT split_part(current_setting('server_version'), ' ', 1)").Scan(&postgres)
	rabbit, _ := b.now.Rabbitmqctl(ctx, 0, "--silent", "version")
	commit := said(`(\w+)`, "git", "-C", b.root, "rev-parse", "--short", "HEAD") // an archive has no history
	if said(`(\w+)`, "git", "-C", b.root, "status", "--porcelain", "--untracked-files=no") != "" {
		commit += "+"
	}
	return report.Run{
		Began: time.Now().UTC().Truncate(time.Second), Commit: commit, Rounds: b.Rounds, Seconds: b.Seconds,
		LoadAverage: [2]float64{loadAverage()},
		Machine: fmt.Sprintf("%d cores (%s), %d GB, %s, Linux %s; Go %s, PostgreSQL %s, RabbitMQ %s, NGINX %s, wrk %s",
			runtime.NumCPU(), find("/proc/cpuinfo", `model name\s*:\s*(.*)`), (kb+1<<19)>>20,
			find("/etc/os-release", `PRETTY_NAME="(.*)"`), kernel, strings.TrimPrefix(runtime.Version(), "go"), postgres,
			strings.TrimSpace(rabbit), said(`nginx/([\d.]+)`, "nginx", "-v"), said(`wrk (?:debian/)?([\d.]+)`, "wrk", "-v")),
	}
}

// loadAverage is that of the last minute.
func loadAverage() float64 {
	load, _ := strconv.ParseFloat(find("/proc/loadavg", `([\d.]+)`), 64)
	return load
}

// submatch gives what a pattern finds first; nothing, if it finds nothing.
func submatch(pattern, in string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(in); found != nil {
		return strings.TrimSpace(found[1])
	}
	return ""
}

func find(path, pattern string) string {
	raw, _ := os.ReadFile(path)
	return submatch(pattern, string(raw))
}

func said(pattern string, command ...string) string {
	out, _ := exec.Command(command[0], command[1:]...).CombinedOutput() // wrk -v says it and fails
	return submatch(pattern, string(out))
}
