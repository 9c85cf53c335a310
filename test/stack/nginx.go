package stack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

const (
	// nginxWorkers and the descriptors of each make room for 30,000 clients and their requests to
	// the APIs, also where one process may hold only 20,000.
	nginxWorkers   = 4
	mostOpenFiles  = 65536
	spareOpenFiles = 1000 // for what is not a connection: listeners, logs, the workers' pipes
)

func (s *Stack) startNGINX(ctx context.Context) error {
	upstreams := make([]string, len(s.APIs))
	for i, p := range s.APIs {
		upstreams[i] = loopback(p.Port)
		if s.cfg.Upstream != nil {
			upstreams[i] = s.cfg.Upstream(upstreams[i])
		}
	}
	if err := s.runNGINX(ctx, upstreams); err != nil {
		return err
	}
	s.URL = s.NGINX.URL
	return nil
}

// runNGINX serves the upstreams, each "host:port", with the repository's nginx/nginx.conf.
func (s *Stack) runNGINX(ctx context.Context, upstreams []string) error {
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path = "/usr/sbin/nginx"; !isFile(path) {
			return fmt.Errorf("NGINX is not installed: scripts/install-deps nginx")
		}
	}
	port := s.cfg.NGINXPort
	if port == 0 {
		if port, err = freePort(); err != nil {
			return err
		}
	} else if !bindable(port) {
		return fmt.Errorf("port %d of 127.0.0.1 is in use by another program", port)
	}
	home := s.path("nginx")
	if err := s.as.mkdir(home); err != nil {
		return err
	}
	conf, err := s.renderNGINX(home, port, upstreams)
	if err != nil {
		return err
	}
	confPath := filepath.Join(home, "nginx.conf")
	if err := s.as.write(confPath, conf, 0o600); err != nil {
		return err
	}
	s.NGINX = s.process(&Process{
		Name: "nginx", Port: port, URL: "http://" + loopback(port),
		// -e: else it first tries the log file of the system's NGINX.
		path: path, args: []string{"-p", home, "-c", confPath, "-e", "stderr", "-g", "daemon off;"},
		env: environment(home), dir: home, as: s.as,
		// SIGTERM ends event streams; SIGQUIT would wait for them.
		quit: syscall.SIGTERM, crash: syscall.SIGKILL,
	})
	s.NGINX.ready = func(ctx context.Context) error {
		return answersOK(ctx,
			s.NGINX.URL+"/nginx-status")
	}
	return s.startAll(ctx, "NGINX", s.NGINX)
}

// renderNGINX fills in the template as Compose's image does with envsubst.
func (s *Stack) renderNGINX(home string, port int, upstreams []string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	template, err := os.ReadFile(filepath.Join(root, "nginx", "nginx.conf"))
	if err != nil {
		return "", err
	}
	servers := make([]string, len(upstreams))
	for i, upstream := range upstreams {
		servers[i] = "server " + upstream + " max_fails=100 fail_timeout=2s;"
	}
	openFiles := s.cfg.OpenFiles
	if openFiles == 0 {
		openFiles = min(hardOpenFiles(), mostOpenFiles)
	}
	values := map[string]string{
		"NGINX_WORKERS":      fmt.Sprint(nginxWorkers),
		"NGINX_OPEN_FILES":   fmt.Sprint(openFiles),
		"NGINX_CONNECTIONS":  fmt.Sprint(max(openFiles-spareOpenFiles, 64)),
		"NGINX_STATE":        home,
		"NGINX_RESOLVER":     "", // addresses need none
		"NGINX_ACCESS_LOG":   cmp.Or(s.accessLog, "off"),
		"NGINX_CORS_ORIGINS": s.corsOrigins(),
		"NGINX_SERVERS":      strings.Join(servers, "\n        "),
		"NGINX_LISTEN":       loopback(port),
	}
	made, err := NGINXSettings("NGINX_TRUSTED="+s.cfg.Trusted,
		fmt.Sprint("NGINX_ADDRESS_CONNECTIONS=", s.cfg.AddressConnections))
	if err != nil {
		return "", err
	}
	maps.Copy(values, made)
	var unknown []string
	conf := templateName.ReplaceAllStringFunc(string(template), func(name string) string {
		value, ok := values[name[2:len(name)-1]]
		if !ok {
			unknown = append(unknown, name)
		}
		return value
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("nginx/nginx.conf uses %s, which the stack does not fill in",
			strings.Join(unknown, ", "))
	}
	return conf, nil
}

// NGINXSettings has the script that NGINX's image reads make of settings, each "NAME=value", what
// the template needs.
func NGINXSettings(settings ...string) (map[string]string, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", "-ec",
		`. "$0"; printf '%s\n' "$NGINX_REAL_IP" "$NGINX_PROXIES" "$NGINX_LIMIT_CONN"`,
		filepath.Join(root, "nginx", "settings.envsh"))
	cmd.Env = environment("/", settings...)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) != 4 {
		return nil, fmt.Errorf("nginx/settings.envsh: %w\n%s", err, out)
	}
	return map[string]string{"NGINX_REAL_IP": lines[0], "NGINX_PROXIES": lines[1],
		"NGINX_LIMIT_CONN": lines[2]}, nil
}

// corsOrigins gives what the APIs are told, as Compose gives both the same.
func (s *Stack) corsOrigins() string {
	origins := "*"
	for _, setting := range s.cfg.APIEnv {
		if value, ok := strings.CutPrefix(setting, "PLENARY_CORS_ORIGINS="); ok && value != "" {
			origins = value
		}
	}
	return origins
}

var templateName = regexp.MustCompile(`\$\{NGINX_[A-Z_]+\}`)

func hardOpenFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil ||
		limit.Max > mostOpenFiles {
		return mostOpenFiles
	}
	return int(limit.Max)
}
