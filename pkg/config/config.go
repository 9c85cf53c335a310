// Package config reads Plenary's settings from the environment. The tables in docs/config.md are
// made from it.
package config

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is every setting of both processes, checked.
type Config struct {
	HTTP
	Limits
	Polls
	Feed
	Chats
	Accounts
	Mail Mail
	OIDC OIDC
	Database
	Queue
	Process
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

// Group is settings of one part. Each feature that has settings has a group, in a file of its own.
type Group struct {
	Title, Doc string
	Settings   []Setting
}

// Groups are all settings, in the order of the docs.
var Groups = []Group{
	{"HTTP", "Where the API listens, and who may use it.", httpSettings},
	{"Limits", "How often an address may ask for anything.", limitsSettings},
	{"Polls", "Who may create and vote, and how long presentations stay.", pollsSettings},
	{"Feed", "How many votes an account has, and how long they stay.", feedSettings},
	{"Chats", "How long people take part in chats.", chatSettings},
	{"Accounts", "How people register and log in.", accountsSettings},
	{"Mail", "How letters are sent.", mailSettings},
	{"OpenID Connect", "Who else says who people are.", oidcSettings},
	{"Database", "The store of everything that is kept.", databaseSettings},
	{"Queue", "The ordered log between the API and the workers.", queueSettings},
	{"Process", "What operators see of a process, and how it stops.", processSettings},
}

// Settings are those of all groups.
var Settings = all()

func all() (settings []Setting) {
	for _, g := range Groups {
		settings = append(settings, g.Settings...)
	}
	return settings
}

// Load reads the settings with lookup, which is os.LookupEnv but in tests. A variable that is set
// and empty is as good as not set. The error is one line that names the variable, what it takes and
// what is wrong.
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
	if err := c.complete(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Unknown gives the variables of an environment (as os.Environ) that begin with Prefix and are no
// settings: most likely spelling mistakes.
func Unknown(environ []string) (names []string) {
	known := make(map[string]bool, len(Settings))
	for _, s := range Settings {
		known[Prefix+s.Name] = true
	}
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, Prefix) &&
			!strings.HasPrefix(name, Prefix+"TEST_") && !known[name] {
			names = append(names, name)
		}
	}
	return names
}

// Tables gives each group of settings as a Markdown table under its title.
func Tables() string {
	var tables []string
	for _, g := range Groups {
		var b strings.Builder
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", g.Title, g.Doc)
		b.WriteString("| variable | default | takes | what it does |\n|---|---|---|---|\n")
		for _, s := range g.Settings {
			value := "(empty)"
			if s.Default != "" {
				value = "`" + s.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", Prefix, s.Name, value, s.Takes, s.Doc)
		}
		tables = append(tables, b.String())
	}
	return strings.Join(tables, "\n")
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

// urls reads a list of URLs, which may be empty.
func urls(v string, schemes ...string) ([]string, error) {
	if v == "" {
		return nil, nil
	}
	all := strings.Split(v, ",")
	for i, u := range all {
		all[i] = strings.TrimSpace(u)
		if err := checkURL(all[i], schemes...); err != nil {
			return nil, err
		}
	}
	return all, nil
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
