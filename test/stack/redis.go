package stack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// redisConf is what a server of the stack has beside redis/plenary.conf, which Compose has, too.
const redisConf = `
bind 127.0.0.1
port %d
dir %s
requirepass %s
`

// startRedis starts a Redis that keeps nothing on disk.
func (s *Stack) startRedis(ctx context.Context) error {
	path, err := redisBin()
	if err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	shared, err := os.ReadFile(filepath.Join(root, "redis", "plenary.conf"))
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	home, password := s.path("redis"), secret()
	if err := s.as.mkdir(home); err != nil {
		return err
	}
	conf := filepath.Join(home, "redis.conf")
	text := string(shared) + fmt.Sprintf(redisConf, port, home, password)
	if err := s.as.write(conf, text, 0o600); err != nil {
		return err
	}
	s.RedisURL = fmt.Sprintf("redis://:%s@%s", password, loopback(port))
	s.Redis = s.process(&Process{
		Name: "redis", URL: s.RedisURL, Port: port,
		path: path, args: []string{conf}, env: environment(home), dir: home, as: s.as,
		quit: syscall.SIGTERM, crash: syscall.SIGKILL,
		ready: func(ctx context.Context) error {
			return redisSays(ctx, loopback(port), "AUTH "+password, "PING")
		},
	})
	return s.startAll(ctx, "Redis", s.Redis)
}

// redisBin finds Redis, or Valkey, which goes on from it.
func redisBin() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the program redis-server is not installed: scripts/install-deps redis")
}

// redisSays sends commands, and fails at the first one that is not answered with success.
func redisSays(ctx context.Context, address string, commands ...string) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	answers := bufio.NewReader(conn)
	for _, command := range commands {
		if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
			return err
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(answer, "+") {
			name, _, _ := strings.Cut(command, " ")
			return fmt.Errorf("redis answers %s with %q", name, answer)
		}
	}
	return nil
}
