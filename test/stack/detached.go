package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Detached describes a stack that outlives the program that started it. It is what "make up" writes
// to .stack/stack.json, and all that "make down" needs.
type Detached struct {
	URL          string             `json:"url"`
	Folder       string             `json:"folder"`
	Started      time.Time          `json:"started"`
	BootID       string             `json:"boot_id"` // start times count from the machine's boot
	DatabaseURL  string             `json:"database_url"`
	AMQPURLs     []string           `json:"amqp_urls"`
	RedisURL     string             `json:"redis_url,omitempty"`
	Processes    []*DetachedProcess `json:"processes"`
	postgresData string
}

// DetachedProcess is one process of a detached stack. Its pid alone does not name it, since the
// kernel hands pids out again; its start time makes it certain.
type DetachedProcess struct {
	Name       string         `json:"name"`
	Pid        int            `json:"pid"`
	StartTicks uint64         `json:"start_ticks"`
	Port       int            `json:"port"`
	URL        string         `json:"url"`
	Operators  string         `json:"operators_url,omitempty"`
	Log        string         `json:"log"`
	StopSignal syscall.Signal `json:"stop_signal"`
	bootID     string
}

// Detach writes the stack's description to path, readable by its owner only since it holds
// passwords, and lets the processes outlive this program. The stack must not be used afterwards,
// nor closed.
func (s *Stack) Detach(path string) (*Detached, error) {
	d := &Detached{
		URL: s.URL, Folder: s.Dir, Started: time.Now().UTC().Truncate(time.Second),
		BootID:      bootID(),
		DatabaseURL: s.DatabaseURL, AMQPURLs: s.AMQPURLs, RedisURL: s.RedisURL,
		postgresData: s.path("postgres", "data"),
	}
	for _, p := range s.Processes() {
		d.Processes = append(d.Processes, &DetachedProcess{
			Name: p.Name, Pid: p.id.pid, StartTicks: p.id.start, Port: p.Port, URL: p.URL,
			Operators: p.OperatorsURL, Log: p.Log,
			StopSignal: p.quit, bootID: d.BootID,
		})
	}
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return nil, err
	}
	s.guard.forget()
	s.guard.close()
	return d, nil
}

// LoadDetached reads what Detach wrote. The error is os.ErrNotExist when there is no such stack.
func LoadDetached(path string) (*Detached, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &Detached{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.postgresData = filepath.Join(d.Folder, "postgres", "data")
	for _, p := range d.Processes {
		p.bootID = d.BootID
	}
	return d, nil
}

// Running tells whether this process still runs, and not another one that got its pid.
func (p *DetachedProcess) Running() bool {
	return p.bootID == bootID() && procID{p.Pid, p.StartTicks}.alive()
}

// Stop ends every process that still is the one that was started, in the order a vote flows, and
// returns when they are gone. It kills what does not stop within 30 s, and says so in its error.
func (d *Detached) Stop() error {
	var errs []error
	for _, p := range slices.Backward(d.Processes) {
		errs = append(errs, p.stop(30*time.Second))
	}
	removeSharedMemory(d.postgresData)
	return errors.Join(errs...)
}

func (p *DetachedProcess) stop(grace time.Duration) error {
	if !p.Running() {
		return nil
	}
	id := procID{p.Pid, p.StartTicks}
	family := append(descendants(p.Pid), id)
	for _, member := range family {
		member.signal(syscall.SIGCONT) // somebody may have paused it
	}
	id.signal(p.StopSignal)
	if gone([]procID{id}, grace) {
		if !gone(family, 5*time.Second) {
			killAll(family)
		}
		return nil
	}
	killAll(append(descendants(p.Pid), family...))
	return fmt.Errorf("%s did not stop within %v and was killed; its log is %s",
		p.Name, grace, p.Log)
}

func bootID() string {
	// without one, pid and start time must do
	raw, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(raw))
}
