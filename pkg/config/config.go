// Package config reads Plenary's settings from the environment. The table in docs/config.md is made from it.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is every setting of both processes, checked.
type Config struct {
	Addr           string
	WorkerAddr     string
	MetricsAddr    string // empty: nowhere
	TrustedProxies []netip.Prefix
	PublicURL      string   // "http://…" or "https://…", without a slash at its end; empty: as the request says
	EmbedOrigins   []string // of pages that may show the audience's and results pages in a frame
	DatabaseURL    string   // "sqlite:PATH" or "postgres://…"
	AMQPURLs       []string // nodes of one cluster; empty: in-process
	Partitions     int
	Open           bool
	CreateLimit    int    // presentations that one address may create in a minute; 0: any number
	CreateKey      string // that creating one takes; empty: nothing
	WrongCodes     int    // wrong join codes that one address may try in a minute; 0: any number
	KeepDays       int    // after so many days without use a presentation is removed; 0: never
	LogLevel       slog.Level
	AccessLog      bool
	FastVotes      bool
	CORSOrigins    []string // of pages that may use the API beside its own; {"*"}: all
	MaxWaiting     int
	MaxConnections int // 0: as many as the process may hold
	AddressConns   int // 0: any number
	DatabaseConns  int
	DatabasePooler bool
	QueueBytes     int64
	StopTimeout    time.Duration
	PassLimit      int // 0: none
}

// Prefix is what every variable's name begins with.
const Prefix = "PLENARY_"

// Setting is a line of the table of settings.
type Setting struct {
	Name    string // without Prefix
	Default string
	Takes   string
	Doc     string
	set     func(c *Config, value string) error
}

// Settings is the whole table, in the order of the docs.
var Settings = []Setting{
	{"ADDR", ":8080", "host:port", "Where the API listens.",
		func(c *Config, v string) error { c.Addr = v; return checkAddr(v) }},
	{"WORKER_ADDR", ":8081", "host:port", "Where a worker serves health and metrics.",
		func(c *Config, v string) error { c.WorkerAddr = v; return checkAddr(v) }},
	{"METRICS_ADDR", "", "host:port",
		"Where the API serves metrics, and readiness with what is away. It is for operators " +
			"alone: on no address that the audience reaches. Empty: nowhere.",
		func(c *Config, v string) error {
			if c.MetricsAddr = v; v == "" {
				return nil
			}
			return checkAddr(v)
		}},
	{"PUBLIC_URL", "", "http://host or https://host, with a port and a path if it has them",
		"The address that people's phones reach: QR codes and links lead there. With a path " +
			"(`https://host/polls`), all pages and the API are below it. A proxy in front may " +
			"take the path off a request, or leave it there. Empty: links lead to the address " +
			"by which a page was opened. That is of no use to phones where it is localhost.",
		func(c *Config, v string) (err error) { c.PublicURL, err = publicURL(v); return err }},
	{"EMBED_ORIGINS", "none", "none, or http://host or https://host, several with commas between",
		"The origins of pages that may show the audience's and the results pages in a frame. " +
			"No page may show the others. At most 2000 characters. `*` is refused: any page " +
			"could have people vote who do not see what they press.",
		func(c *Config, v string) (err error) { c.EmbedOrigins, err = embedOrigins(v); return err }},
	{"TRUSTED_PROXIES", "127.0.0.0/8, ::1", "addresses and networks with commas between, or none",
		"The addresses whose X-Forwarded-For, -Proto and -Host are believed, and no other. " +
			"NGINX's belong here, and those of what stands between it and the API.",
		func(c *Config, v string) (err error) { c.TrustedProxies, err = networks(v); return err }},
	{"DATABASE_URL", "sqlite:plenary.db", "sqlite:PATH or postgres://…",
		"Where presentations and votes are kept. A worker needs PostgreSQL.",
		func(c *Config, v string) error { c.DatabaseURL = v; return checkDatabase(v) }},
	{"AMQP_URL", "", "amqp://… or amqps://…, several with commas between",
		"The RabbitMQ that carries votes from the API to the workers, or the nodes of its " +
			"cluster. Empty: the API counts votes itself.",
		func(c *Config, v string) (err error) { c.AMQPURLs, err = amqpURLs(v); return err }},
	{"PARTITIONS", "4", "1 to 256",
		"The number of ordered queues, the same for every process. It is written to the " +
			"database at the first start.",
		func(c *Config, v string) (err error) { c.Partitions, err = number(v, 1, 256); return err }},
	{"OPEN", "false", "true or false",
		"Lets everybody act as the presenter of every presentation. Only for trusted networks " +
			"and test suites.",
		func(c *Config, v string) (err error) { c.Open, err = boolean(v); return err }},
	{"CREATE_LIMIT", "60", "0 to 1000000",
		"Presentations that one address may create in a minute, or at once; more get 429. Each " +
			"API process counts by itself. 0: any number.",
		func(c *Config, v string) (err error) { c.CreateLimit, err = number(v, 0, 1_000_000); return err }},
	{"CREATE_KEY", "", "8 to 200 characters of A-Z a-z 0-9 - . _ ~ + / =",
		"The key that creating a presentation takes, as Authorization: Bearer KEY. The start " +
			"page asks for it. Empty: everybody may create.",
		func(c *Config, v string) error { c.CreateKey = v; return checkKey(v) }},
	{"WRONG_CODES", "60", "0 to 1000000",
		"Wrong join codes that one address may try in a minute, or at once. More get 429, as " +
			"right ones do then. While a process sees ten times as many in all, it allows a " +
			"tenth to each address. 0: any number.",
		func(c *Config, v string) (err error) { c.WrongCodes, err = number(v, 0, 1_000_000); return err }},
	{"KEEP_DAYS", "0", "0 to 36500",
		"A presentation that nobody used for so many days, or one more, is removed with its " +
			"votes. The same for every process: workers remove it, and an API that counts " +
			"itself. 0: never.",
		func(c *Config, v string) (err error) { c.KeepDays, err = number(v, 0, 36_500); return err }},
	{"LOG_LEVEL", "info", "debug, info, warn or error",
		"The least important log lines that are written.",
		func(c *Config, v string) error { return c.LogLevel.UnmarshalText([]byte(v)) }},
	{"ACCESS_LOG", "true", "true or false", "Writes a log line per request.",
		func(c *Config, v string) (err error) { c.AccessLog, err = boolean(v); return err }},
	{"FAST_VOTES", "true", "true or false",
		"Takes votes of the usual form by a reader of their own, at less cost than other " +
			"requests. The answers are the same. Where somebody suspects that they are not, `false` " +
			"turns it off.",
		func(c *Config, v string) (err error) { c.FastVotes, err = boolean(v); return err }},
	{"PASS_LIMIT", "3000", "0 to 1000000",
		"Voters' passes of one presentation that one address may get, at once and in each " +
			"minute, from one API process. It is wide enough for a hall behind one address. 0: " +
			"any number.",
		func(c *Config, v string) (err error) { c.PassLimit, err = number(v, 0, 1_000_000); return err }},
	{"CORS_ORIGINS", "*", "*, none, or http://host or https://host, several with commas between",
		"The origins of pages that may use the API from a browser, beside the pages that it " +
			"serves itself. `*`: all. There are no cookies, so such a page can do no more than " +
			"any other client.",
		func(c *Config, v string) (err error) { c.CORSOrigins, err = origins(v); return err }},
	{"MAX_WAITING", "50000", "1 to 1000000",
		"Votes that may wait for their answer in one API process. More get 503 at once.",
		func(c *Config, v string) (err error) { c.MaxWaiting, err = number(v, 1, 1_000_000); return err }},
	{"MAX_CONNECTIONS", "0", "0 to 1000000",
		"Connections that the API holds at once. For one more, the longest idle one gives way. " +
			"0: as many as the process has file descriptors for.",
		func(c *Config, v string) (err error) { c.MaxConnections, err = number(v, 0, 1_000_000); return err }},
	{"ADDRESS_CONNECTIONS", "0", "0 to 1000000",
		"Connections that one address may have at once; a trusted proxy has any number. Behind " +
			"one, event streams are counted by their clients' addresses. 0: any number, since " +
			"a whole hall may be behind one address.",
		func(c *Config, v string) (err error) { c.AddressConns, err = number(v, 0, 1_000_000); return err }},
	{"DATABASE_CONNECTIONS", "16", "2 to 1000",
		"PostgreSQL connections of one process, at most. Votes lists take up to 4 more.",
		func(c *Config, v string) (err error) { c.DatabaseConns, err = number(v, 2, 1000); return err }},
	{"DATABASE_POOLER", "false", "true or false",
		"Says that DATABASE_URL leads to PgBouncer in transaction mode, or to a pooler like it. " +
			"No session then keeps anything. Direct connections count faster.",
		func(c *Config, v string) (err error) { c.DatabasePooler, err = boolean(v); return err }},
	{"QUEUE_BYTES", "268435456", "1048576 to 1099511627776",
		"Bytes that a partition's queue may hold. A full one refuses, and voters get 503. It " +
			"is part of the queue's declaration: change it only together with the queue.",
		func(c *Config, v string) (err error) {
			n, err := number(v, 1<<20, 1<<40)
			c.QueueBytes = int64(n)
			return err
		}},
	{"STOP_TIMEOUT", "20s", "a duration, 1s to 5m",
		"How long a stopping process may take to answer and count what it has accepted.",
		func(c *Config, v string) (err error) {
			c.StopTimeout, err = duration(v, time.Second, 5*time.Minute)
			return err
		}},
}

// Load reads the settings with lookup, which is os.LookupEnv but in tests. A variable that is set and empty is as good
// as not set. The error is one line that names the variable, what it takes and what is wrong.
func Load(lookup func(string) (string, bool)) (Config, error) {
	var c Config
	for _, s := range Settings {
		value, ok := lookup(Prefix + s.Name)
		if value = strings.TrimSpace(value); !ok || value == "" {
			value = s.Default
		}
		if err := s.set(&c, value); err != nil {
			return Config{}, fmt.Errorf("%s%s takes %s: %w", Prefix, s.Name, s.Takes, err)
		}
	}
	return c, nil
}

// Unknown gives the variables of an environment (as os.Environ) that begin with Prefix and are no settings: most
// likely spelling mistakes.
func Unknown(environ []string) (names []string) {
	known := make(map[string]bool, len(Settings))
	for _, s := range Settings {
		known[Prefix+s.Name] = true
	}
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, Prefix) && !strings.HasPrefix(name, Prefix+"TEST_") && !known[name] {
			names = append(names, name)
		}
	}
	return names
}

// Table gives the settings as a Markdown table.
func Table() string {
	var b strings.Builder
	b.WriteString("| variable | default | takes | what it does |\n|---|---|---|---|\n")
	for _, s := range Settings {
		value := "(empty)"
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", Prefix, s.Name, value, s.Takes, s.Doc)
	}
	return b.String()
}

// SQLitePath gives the path of a SQLite database URL.
func (c Config) SQLitePath() (path string, ok bool) {
	return strings.CutPrefix(c.DatabaseURL, "sqlite:")
}

func checkAddr(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return fmt.Errorf("%q is no address", v)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return fmt.Errorf("%q is no port", port)
	}
	return nil
}

// networks takes a list of networks and single addresses; "none" is the empty one.
func networks(v string) ([]netip.Prefix, error) {
	if v == "none" {
		return nil, nil
	}
	var list []netip.Prefix
	for entry := range strings.SplitSeq(v, ",") {
		entry = strings.TrimSpace(entry)
		network, err := netip.ParsePrefix(entry)
		if addr, addrErr := netip.ParseAddr(entry); addrErr == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q is neither an address nor a network", entry)
		case network != network.Masked():
			return nil, fmt.Errorf("%q is an address in a network; the network is %s", entry, network.Masked())
		case network.Addr().Is4In6(): // no client is compared in that form
			return nil, fmt.Errorf("%q is one of IPv4 and must be written so", entry)
		}
		list = append(list, network)
	}
	return list, nil
}

// bearer is what may stand for a token in a header (RFC 6750, section 2.1).
var bearer = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]*$`)

// checkKey never shows the value: it is a secret.
func checkKey(v string) error {
	switch {
	case v == "":
		return nil
	case len(v) < 8 || len(v) > 200:
		return fmt.Errorf("it has %d", len(v))
	case !bearer.MatchString(v):
		return fmt.Errorf("it holds others")
	}
	return nil
}

// publicURL takes an address that the pages' paths can be put behind. A slash at its end says nothing.
func publicURL(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	u, err := webAddress(v)
	if err != nil {
		return "", err
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	switch {
	case len(path) > maxPath:
		return "", fmt.Errorf("its path has more than %d characters", maxPath)
	case path != "" && !plainPath.MatchString(path):
		return "", fmt.Errorf("its path must be names of A-Z a-z 0-9 - . _ ~ with one slash before each")
	case slices.ContainsFunc(strings.Split(path, "/"), isDots):
		return "", fmt.Errorf("its path must not hold . or .. as a name")
	}
	return u.Scheme + "://" + u.Host + path, nil
}

// maxPath is how many characters the public address's path may have: each link of a page has it, and each QR code.
const maxPath = 100

// plainPath is a path that no proxy writes in another way.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

func isDots(name string) bool { return name == "." || name == ".." }

// Root gives the path of the public address, such as "/polls"; empty: it has none.
func (c Config) Root() string {
	_, rest, _ := strings.Cut(c.PublicURL, "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return ""
}

// webAddress reads what browsers can open, without a query or a fragment. It never shows the value: what is wrong with it may be
// a password.
func webAddress(v string) (*url.URL, error) {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("it begins with neither")
	case u.User != nil:
		return nil, fmt.Errorf("it must not hold a user")
	case !isHost(u):
		return nil, fmt.Errorf("the host is missing, or it is none")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(v, "#"):
		return nil, fmt.Errorf("no query and no fragment may follow")
	}
	return u, nil
}

// origins reads a list of origins as browsers write them: in lower case, and without the port that is the scheme's own.
func origins(v string) ([]string, error) {
	switch v {
	case "none":
		return nil, nil
	case "*":
		return []string{v}, nil
	}
	list := strings.Split(v, ",")
	for i, o := range list {
		o = strings.TrimSpace(o)
		if o == "" {
			return nil, fmt.Errorf("one of them is empty")
		}
		u, err := webAddress(strings.ToLower(o))
		switch {
		case err != nil:
			return nil, err
		case u.Path != "" && u.Path != "/":
			return nil, fmt.Errorf("nothing may follow the host and its port")
		}
		list[i] = u.Scheme + "://" + strings.TrimSuffix(u.Host, ":"+u.Port())
		if port := strings.TrimLeft(u.Port(), "0"); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
			list[i] += ":" + port
		}
	}
	return list, nil
}

// maxEmbed is how many characters the list may have: each page that it is about has it in a header, for which proxies have 4 KiB.
const maxEmbed = 2000

// embedOrigins takes origins that a page's policy can name (CSP 3, host-source): no address of IPv6, and not all of them.
func embedOrigins(v string) ([]string, error) {
	switch {
	case v == "*":
		return nil, fmt.Errorf("* would let a page of anybody have people vote who do not see what they press")
	case len(v) > maxEmbed:
		return nil, fmt.Errorf("it has more than %d characters", maxEmbed)
	case strings.Contains(v, "["):
		return nil, fmt.Errorf("browsers know no address of IPv6 there: give its host a name")
	}
	return origins(v)
}

// hostName is a name of a host as in DNS, or one that only a local network knows. Its last label is no number: it would be one of an
// address.
var hostName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_-]*\.)*([0-9][A-Za-z0-9_-]*)?[A-Za-z][A-Za-z0-9_-]*$`)

// isHost says whether a URL, which was parsed, has a host that others can look for, and a port, if any, that there is.
func isHost(u *url.URL) bool {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0) {
		return false
	}
	name := u.Hostname()
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Zone() == ""
	}
	return len(name) <= 253 && hostName.MatchString(name)
}

// checkDatabase never shows the value: it may hold a password.
func checkDatabase(v string) error {
	if path, ok := strings.CutPrefix(v, "sqlite:"); ok {
		if path == "" || strings.ContainsRune(path, 0) {
			return fmt.Errorf("the path is missing")
		}
		return nil
	}
	return checkURL(v, "postgres", "postgresql")
}

func amqpURLs(v string) ([]string, error) {
	if v == "" {
		return nil, nil
	}
	urls := strings.Split(v, ",")
	for i, u := range urls {
		urls[i] = strings.TrimSpace(u)
		if err := checkURL(urls[i], "amqp", "amqps"); err != nil {
			return nil, err
		}
	}
	return urls, nil
}

// examplePassword is what stands in .env.example, where everybody can read it.
const examplePassword = "change-me"

func checkURL(v string, schemes ...string) error {
	u, err := url.Parse(v)
	if err != nil {
		return fmt.Errorf("it is no URL")
	}
	for _, s := range schemes {
		if u.Scheme == s {
			password, _ := u.User.Password()
			switch {
			case u.Hostname() == "":
				return fmt.Errorf("the host is missing")
			case password == examplePassword || u.Query().Get("password") == examplePassword:
				return fmt.Errorf("its password is still %s: choose one", examplePassword)
			}
			return nil
		}
	}
	return fmt.Errorf("it begins with neither")
}

func number(v string, low, high int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number", v)
	}
	if n < low || n > high {
		return 0, fmt.Errorf("%d is out of range", n)
	}
	return n, nil
}

func boolean(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither", v)
}

func duration(v string, low, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration", v)
	}
	if d < low || d > high {
		return 0, fmt.Errorf("%s is out of range", d)
	}
	return d, nil
}
