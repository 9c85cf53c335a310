package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// HTTP has the settings of where the API listens, and who may use it.
type HTTP struct {
	Addr string
	// "http://…" or "https://…", without a slash at its end; empty: as the request says
	PublicURL      string
	TrustedProxies []netip.Prefix
	CORSOrigins    []string // of pages that may use the API beside its own; {"*"}: all
	EmbedOrigins   []string // of pages that may show the audience's and results pages in a frame
	MaxConnections int      // 0: as many as the process may hold
	AddressConns   int      // 0: any number
}

var httpSettings = []Setting{
	{"ADDR", ":8080", "host:port", "Where the API listens.",
		func(c *Config, v string) error { c.Addr = v; return checkAddr(v) }},
	{"PUBLIC_URL", "", "http://host or https://host, with a port and a path if it has them",
		"The address that people's phones reach: QR codes and links lead there. With a path " +
			"(`https://host/polls`), all pages and the API are below it. A proxy in front may " +
			"take the path off a request, or leave it there. Empty: links lead to the address " +
			"by which a page was opened. That is of no use to phones where it is localhost.",
		func(c *Config, v string) (err error) { c.PublicURL, err = publicURL(v); return err }},
	{"TRUSTED_PROXIES", "127.0.0.0/8, ::1", "addresses and networks with commas between, or none",
		"The addresses whose X-Forwarded-For, -Proto and -Host are believed, and no other. " +
			"NGINX's belong here, and those of what stands between it and the API.",
		func(c *Config, v string) (err error) { c.TrustedProxies, err = networks(v); return err }},
	{"CORS_ORIGINS", "*", "*, none, or http://host or https://host, several with commas between",
		"The origins of pages that may use the API from a browser, beside the pages that it " +
			"serves itself. `*`: all. No call of the API looks at a cookie, but the return from " +
			"a provider of log-ins. So such a page can do no more than any other client.",
		func(c *Config, v string) (err error) { c.CORSOrigins, err = origins(v); return err }},
	{"EMBED_ORIGINS", "none", "none, or http://host or https://host, several with commas between",
		"The origins of pages that may show the audience's and the results pages in a frame. " +
			"No page may show the others. At most 2000 characters. `*` is refused: any page " +
			"could have people vote who do not see what they press.",
		func(c *Config, v string) (err error) {
			c.EmbedOrigins, err = embedOrigins(v)
			return err
		}},
	{"MAX_CONNECTIONS", "0", "0 to 1000000",
		"Connections that the API holds at once. For one more, the longest idle one gives way. " +
			"0: as many as the process has file descriptors for.",
		func(c *Config, v string) (err error) {
			c.MaxConnections, err = number(v, 0, 1_000_000)
			return err
		}},
	{"ADDRESS_CONNECTIONS", "0", "0 to 1000000",
		"Connections that one address may have at once; a trusted proxy has any number. Behind " +
			"one, event streams are counted by their clients' addresses. 0: any number, since " +
			"a whole hall may be behind one address.",
		func(c *Config, v string) (err error) {
			c.AddressConns, err = number(v, 0, 1_000_000)
			return err
		}},
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
			return nil, fmt.Errorf("%q is an address in a network; the network is %s", entry,
				network.Masked())
		case network.Addr().Is4In6(): // no client is compared in that form
			return nil, fmt.Errorf("%q is one of IPv4 and must be written so", entry)
		}
		list = append(list, network)
	}
	return list, nil
}

// publicURL takes an address that the pages' paths can be put behind. A slash at its end says
// nothing.
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
		return "", fmt.Errorf(
			"its path must be names of A-Z a-z 0-9 - . _ ~ with one slash before each")
	case slices.ContainsFunc(strings.Split(path, "/"), isDots):
		return "", fmt.Errorf("its path must not hold . or .. as a name")
	}
	return u.Scheme + "://" + u.Host + path, nil
}

// maxPath is how many characters the public address's path may have: each link of a page has it,
// and each QR code.
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

// webAddress reads what browsers can open, without a query or a fragment. It never shows the value:
// what is wrong with it may be a password.
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

// origins reads a list of origins as browsers write them: in lower case, and without the port that
// is the scheme's own.
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
		if port := strings.TrimLeft(u.Port(), "0"); port != "" &&
			port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
			list[i] += ":" + port
		}
	}
	return list, nil
}

// maxEmbed is how many characters the list may have. Each page that the list is about has it in a
// header, for which proxies have 4 KiB.
const maxEmbed = 2000

// embedOrigins takes origins that a page's policy can name (CSP 3, host-source): no address of
// IPv6, and not all of them.
func embedOrigins(v string) ([]string, error) {
	switch {
	case v == "*":
		return nil, fmt.Errorf(
			"* would let a page of anybody have people vote who do not see what they press")
	case len(v) > maxEmbed:
		return nil, fmt.Errorf("it has more than %d characters", maxEmbed)
	case strings.Contains(v, "["):
		return nil, fmt.Errorf("browsers know no address of IPv6 there: give its host a name")
	}
	return origins(v)
}

// hostName is a name of a host as in DNS, or one that only a local network knows. Its last label is
// no number: it would be one of an address.
var hostName = regexp.MustCompile(
	`^([A-Za-z0-9][A-Za-z0-9_-]*\.)*([0-9][A-Za-z0-9_-]*)?[A-Za-z][A-Za-z0-9_-]*$`)

// isHost says whether a URL, which was parsed, has a host that others can look for, and a port, if
// any, that there is.
func isHost(u *url.URL) bool {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); strings.HasSuffix(u.Host, ":") ||
		u.Port() != "" && (err != nil || port == 0) {
		return false
	}
	name := u.Hostname()
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Zone() == ""
	}
	return len(name) <= 253 && hostName.MatchString(name)
}
