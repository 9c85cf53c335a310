package stack

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// TestEnv is the environment with which [PostgresURL], [RabbitMQURL] and [RedisURL] use this
// stack's servers instead of starting some. It needs Config.Management. [Build], and stacks that
// are started there, use an API and a worker that it builds.
func (s *Stack) TestEnv(ctx context.Context) ([]string, error) {
	return []string{
		envPostgres + "=" + s.DatabaseAdminURL, envAMQP + "=" + s.AMQPURLs[0],
		envRabbitAPI + "=" + s.RabbitAPIs[0], envRedis + "=" + s.RedisURL,
		envBuilt(s.cfg.Race) + "=" + s.path("bin"),
	}, build(ctx, s.path("bin"), s.cfg.Race, "api", "worker")
}

// Run runs a command in a process group of its own until it ends. It passes on to the whole group
// what comes from signals. When the command has ended, nothing that it started in its group is
// left. A group that does not end within 20 s of a signal is killed.
func (s *Stack) Run(cmd *exec.Cmd, signals <-chan os.Signal) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	group := -cmd.Process.Pid
	s.guard.started(cmd.Process.Pid, syscall.SIGKILL)
	defer s.guard.ended(cmd.Process.Pid)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var patience <-chan time.Time
	for {
		select {
		case err := <-ended:
			// Tests that a killed "go test" left behind, for one. Nobody else can have the number:
			// a group keeps its pid from being handed out while it has a member.
			_ = syscall.Kill(group, syscall.SIGKILL)
			return err
		case sig := <-signals:
			_ = syscall.Kill(group, sig.(syscall.Signal))
			patience = time.After(20 * time.Second)
		case <-patience:
			_ = syscall.Kill(group, syscall.SIGKILL)
		}
	}
}
