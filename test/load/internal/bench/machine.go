//go:build linux

package bench

import (
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/report"
)

// machine says what everything runs on. What cannot be found out stays empty.
const machine = `
	. /etc/os-release
	version() { "$@" 2>&1 | grep -o '[0-9][0-9]*[.][0-9.]*[0-9]' | head -n 1; }
	# The folder has it. "rabbitmqctl version" starts epmd, which stays.
	rabbitmq=$(ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-* /opt/rabbitmq/plugins/rabbit-[0-9]* \
		2>/dev/null | head -n 1)
	kernel=$(version uname -r)
	# With autogroups each server, which has a session of its own, is scheduled as a group.
	grep -q 1 /proc/sys/kernel/sched_autogroup_enabled && kernel="$kernel with autogroups"
	echo "$(nproc) cores ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1))," \
		"$(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1048576 + 1)) GB," \
		"$PRETTY_NAME, Linux $kernel; Go $(version go version)," \
		"PostgreSQL $(version pg_config --version), RabbitMQ $(version echo $rabbitmq)," \
		"NGINX $(version nginx -v), wrk $(version wrk -v)"`

// describe describes a part that begins now.
func (b *Bench) describe() report.Run {
	commit := said("git", "-C", b.root, "rev-parse", "--short", "HEAD") // an archive has no history
	if said("git", "-C", b.root, "status", "--porcelain", "--untracked-files=no") != "" {
		commit += "+"
	}
	return report.Run{Began: time.Now().UTC().Truncate(time.Second), Commit: commit,
		Machine: said("sh", "-c", machine),
		Rounds:  b.Rounds, Seconds: b.Seconds, Load: [2]string{loadAverage()}}
}

// loadAverage is that of the last minute.
func loadAverage() string { return submatch(`^(\S+)`, said("cat", "/proc/loadavg")) }

func said(command ...string) string {
	out, _ := exec.Command(command[0], command[1:]...).Output()
	return strings.TrimSpace(string(out))
}

// submatch gives what a pattern finds first; nothing, if it finds nothing.
func submatch(pattern, in string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(in); found != nil {
		return strings.TrimSpace(found[1])
	}
	return ""
}
