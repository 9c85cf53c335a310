package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const rabbitUser = "plenary"

// rabbit is what one node needs to know to start, and to be found by the others.
type rabbit struct {
	name                  string // Erlang's node name
	home                  string
	port, dist, api, epmd int
	bin                   string
}

func (s *Stack) startRabbits(ctx context.Context) error {
	bin, err := rabbitBin()
	if err != nil {
		return err
	}
	epmdPort, err := s.startEPMD(ctx)
	if err != nil {
		return err
	}
	cookie, password := secret(), secret()
	nodes := make([]rabbit, s.cfg.Rabbits)
	for i := range nodes {
		ports, err := freePorts(3)
		if err != nil {
			return err
		}
		nodes[i] = rabbit{
			name: fmt.Sprintf("rabbit%d-%d@localhost", i, ports[0]),
			home: s.path(fmt.Sprintf("rabbitmq-%d", i)),
			port: ports[0], dist: ports[1], api: ports[2], epmd: epmdPort, bin: bin,
		}
	}
	for i, node := range nodes {
		if err := s.writeRabbit(node, nodes, cookie, password); err != nil {
			return err
		}
		s.AMQPURLs = append(s.AMQPURLs,
			fmt.Sprintf("amqp://%s:%s@%s/", rabbitUser, password, loopback(node.port)))
		if s.cfg.Management {
			s.RabbitAPIs = append(s.RabbitAPIs,
				fmt.Sprintf("http://%s:%s@%s", rabbitUser, password, loopback(node.api)))
		}
		s.Rabbits = append(s.Rabbits, s.process(&Process{
			Name: fmt.Sprintf("rabbitmq-%d", i), URL: s.AMQPURLs[i], Port: node.port,
			path: filepath.Join(bin, "rabbitmq-server"), env: node.environment(),
			dir: node.home, as: s.as,
			quit: syscall.SIGTERM, crash: syscall.SIGKILL, grace: time.Minute,
			ready: s.rabbitReady(i),
		}))
	}
	what := "RabbitMQ"
	if len(nodes) > 1 {
		what = fmt.Sprintf("RabbitMQ, %d nodes", len(nodes))
	}
	if err := s.startAll(ctx, what, s.Rabbits...); err != nil {
		return err
	}
	return s.joined(ctx, nodes)
}

// startEPMD runs Erlang's name service in the foreground on a port of its own. Left to itself, a
// node starts one in the background, for all of the machine, which then outlives every node.
func (s *Stack) startEPMD(ctx context.Context) (int, error) {
	path, err := epmdPath()
	if err != nil {
		return 0, err
	}
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	s.epmd = s.process(&Process{
		Name: "epmd", Port: port, URL: "epmd://" + loopback(port),
		path: path, args: []string{"-address", "127.0.0.1", "-port", fmt.Sprint(port)},
		env: environment("/"), dir: "/", as: s.as, quit: syscall.SIGTERM, crash: syscall.SIGKILL,
		ready: func(ctx context.Context) error {
			conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", loopback(port))
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
	return port, s.epmd.Start(ctx)
}

func (s *Stack) writeRabbit(node rabbit, all []rabbit, cookie, password string) error {
	// an administrator: tests make virtual hosts of their own
	role := "default_user = " + rabbitUser
	if !s.cfg.Management {
		root, err := moduleRoot()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, "rabbitmq", "role.conf")) // as in Compose
		if err != nil {
			return err
		}
		role = string(text)
	}
	conf := []string{
		"loopback_users = none",
		role,
		"default_pass = " + password,
		"log.console = true",
		"log.file = false",
		// a worker keeps its batch for as long as the database is away
		"consumer_timeout = 604800000",
		"management.tcp.ip = 127.0.0.1",
		fmt.Sprintf("management.tcp.port = %d", node.api),
	}
	plugins := "[]."
	if s.cfg.Management {
		plugins = "[rabbitmq_management]."
	} else {
		conf = conf[:len(conf)-2] // a plugin's key without the plugin stops the start
	}
	if len(all) > 1 {
		conf = append(conf, "cluster_formation.peer_discovery_backend = classic_config",
			"cluster_partition_handling = pause_minority")
		for i, peer := range all {
			conf = append(conf, fmt.Sprintf("cluster_formation.classic_config.nodes.%d = %s",
				i+1, peer.name))
		}
	}
	conf = append(conf, s.cfg.RabbitConf...)
	for _, dir := range []string{node.home, node.in("mnesia"), node.in("log")} {
		if err := s.as.mkdir(dir); err != nil {
			return err
		}
	}
	return errors.Join(
		s.as.write(node.in("rabbitmq.conf"), strings.Join(conf, "\n")+"\n", 0o600),
		s.as.write(node.in("enabled_plugins"), plugins+"\n", 0o600),
		s.as.write(node.in(".erlang.cookie"), cookie, 0o400), // Erlang insists on the mode
	)
}

func (n rabbit) in(name string) string { return filepath.Join(n.home, name) }

// environment keeps the node away from the system's: its own names, ports, folders and cookie.
func (n rabbit) environment() []string {
	return environment(n.home,
		"RABBITMQ_NODENAME="+n.name,
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		fmt.Sprintf("RABBITMQ_NODE_PORT=%d", n.port),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", n.dist),
		"RABBITMQ_CONF_ENV_FILE=/dev/null", // or it reads the system's in /etc
		"RABBITMQ_CONFIG_FILE="+n.in("rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE="+n.in("advanced.config"), // there is none
		"RABBITMQ_GENERATED_CONFIG_DIR="+n.in("generated"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+n.in("enabled_plugins"),
		"RABBITMQ_MNESIA_BASE="+n.in("mnesia"),
		"RABBITMQ_LOG_BASE="+n.in("log"),
		"RABBITMQ_LOGS=-",
		"RABBITMQ_PID_FILE="+n.in("pid"),
		// The script shall become the node, and not stay as a shell between it and our signals.
		"RUNNING_UNDER_SYSTEMD=true",
		fmt.Sprintf("ERL_EPMD_PORT=%d", n.epmd),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		// The distribution port listens on every address unless told. Schedulers that spin while
		// they wait would take a small machine's time from the rest of the stack.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-start_epmd false -kernel inet_dist_use_interface "+
			"{127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
		"RABBITMQ_CTL_ERL_ARGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
	)
}

// rabbitReady asks for a channel, so for more than an open port; and for the HTTP API where there
// is one.
func (s *Stack) rabbitReady(i int) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := amqp.DialConfig(s.AMQPURLs[i],
			amqp.Config{Dial: amqp.DefaultDial(5 * time.Second)})
		if err != nil {
			return err
		}
		_, err = conn.Channel()
		if err := errors.Join(err, conn.Close()); err != nil {
			return err
		}
		if !s.cfg.Management {
			return nil
		}
		return rabbitAPI(ctx, http.MethodGet, s.RabbitAPIs[i], "/api/whoami", "")
	}
}

// joined returns when every node of a cluster counts all of them as running.
func (s *Stack) joined(ctx context.Context, nodes []rabbit) error {
	if len(nodes) == 1 {
		return nil
	}
	_, err := s.Rabbitmqctl(ctx, 0, "await_online_nodes", fmt.Sprint(len(nodes)), "--timeout", "60")
	return err
}

// Rabbitmqctl runs RabbitMQ's command line tool against the i-th node and returns what it prints.
func (s *Stack) Rabbitmqctl(ctx context.Context, i int, args ...string) (string, error) {
	p := s.Rabbits[i]
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(p.path), "rabbitmqctl"), args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as.credential()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// RabbitAdminURL adds a user to the broker who may do everything in its virtual host, which the API
// and the workers may not.
func (s *Stack) RabbitAdminURL(ctx context.Context) (string, error) {
	u, err := url.Parse(s.AMQPURLs[0])
	if err != nil {
		return "", err
	}
	name, password := "admin_"+secret(), secret()
	if _, err := s.Rabbitmqctl(ctx, 0, "add_user", name, password); err != nil {
		return "", err
	}
	if _, err := s.Rabbitmqctl(ctx, 0, "set_permissions", name, ".*", ".*", ".*"); err != nil {
		return "", err
	}
	u.User = url.UserPassword(name, password)
	return u.String(), nil
}

// rabbitAPI calls the management plugin's HTTP API.
func rabbitAPI(ctx context.Context, method, base, path, body string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	user := u.User
	u.User = nil
	req, err := http.NewRequestWithContext(ctx, method, u.String()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	password, _ := user.Password()
	req.SetBasicAuth(user.Username(), password)
	req.Header.Set("Content-Type", "application/json")
	// One connection per call: none is left idle for a leak check to find.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	return nil
}

// rabbitBin finds the folder of the server's own scripts. The ones that Debian puts on the PATH
// change to the user rabbitmq first.
func rabbitBin() (string, error) {
	for _, pattern := range []string{"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
		"/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"} {
		dirs, _ := filepath.Glob(pattern) // fails on a bad pattern only
		if len(dirs) > 0 && isFile(filepath.Join(slices.Max(dirs), "rabbitmq-server")) {
			return slices.Max(dirs), nil
		}
	}
	return "", fmt.Errorf("RabbitMQ is not installed: scripts/install-deps rabbitmq")
}

func epmdPath() (string, error) {
	if path, err := exec.LookPath("epmd"); err == nil {
		return path, nil
	}
	for _, pattern := range []string{"/usr/lib/erlang/bin/epmd", "/usr/lib/erlang/erts-*/bin/epmd",
		"/usr/local/lib/erlang/erts-*/bin/epmd"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", fmt.Errorf("epmd, which comes with RabbitMQ's Erlang, is not installed: %w",
		os.ErrNotExist)
}
