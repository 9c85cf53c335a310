package config

import (
	"fmt"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
)

// Mail has the settings of letters. Without a host none is sent.
type Mail struct {
	Host           string
	Port           int
	User, Password string
	Security       Security
	From           mail.Address
	Limit          int // letters to one address in an hour; 0: any number
}

// Security is how a connection to a mail server is encrypted.
type Security string

// The ways there are.
const (
	StartTLS  Security = "starttls"
	TLS       Security = "tls"
	Plaintext Security = "none"
)

// Sends says whether letters are sent.
func (m Mail) Sends() bool { return m.Host != "" }

// OIDC has the settings of log-ins by an OpenID Connect provider. Without an issuer there are none.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret string // empty: the provider knows this server without one
}

var mailSettings = []Setting{
	{"SMTP_URL", "", "smtp://user:password@host:587 or smtps://user:password@host:465",
		"The mail server that sends the link where somebody forgot a password. smtp takes " +
			"STARTTLS, and smtps begins with TLS. User, password and port may be left out. " +
			"`?tls=none` encrypts nothing, and takes no password. It needs PLENARY_MAIL_FROM " +
			"and PLENARY_PUBLIC_URL. Empty: no letter is sent.",
		func(c *Config, v string) error {
			if v == "" {
				return nil
			}
			return c.Mail.read(v)
		}},
	{"MAIL_FROM", "", "an e-mail address, or a name with one, as in Plenary <vote@example.org>",
		"Whom letters are from.",
		func(c *Config, v string) (err error) { c.Mail.From, err = mailbox(v); return err }},
	{"MAIL_LIMIT", "5", "0 to 1000",
		"Letters that one e-mail address may be sent in an hour, or at once. One client's " +
			"address may ask for ten times as many. Each API process counts by itself. 0: any " +
			"number.",
		func(c *Config, v string) (err error) {
			c.Mail.Limit, err = number(v, 0, 1000)
			return err
		}},
}

var oidcSettings = []Setting{
	{"OIDC_ISSUER", "", "https://host or http://host, with a path if it has one",
		"The OpenID Connect provider by which people may log in. It must send browsers back to " +
			"PLENARY_PUBLIC_URL/api/v1/auth/oidc/callback. It needs PLENARY_OIDC_CLIENT_ID and " +
			"PLENARY_PUBLIC_URL. Empty: there is none.",
		func(c *Config, v string) error {
			if c.OIDC.Issuer = v; v == "" {
				return nil
			}
			_, err := webAddress(v)
			return err
		}},
	{"OIDC_CLIENT_ID", "", "1 to 200 visible characters of ASCII",
		"Who this server is at the provider.",
		func(c *Config, v string) error { c.OIDC.ClientID = v; return visible(v) }},
	{"OIDC_CLIENT_SECRET", "", "1 to 200 visible characters of ASCII",
		"How this server proves that. Empty: the provider asks for nothing but PKCE.",
		func(c *Config, v string) error { c.OIDC.ClientSecret = v; return visible(v) }},
}

// read takes the URL of a mail server. No error shows a part of it: it may hold a password.
func (m *Mail) read(v string) error {
	if err := checkURL(v, "smtp", "smtps"); err != nil {
		return err
	}
	u, err := url.Parse(v)
	if err != nil {
		return fmt.Errorf("it is no URL")
	}
	port := 587
	m.Security = StartTLS
	if u.Scheme == "smtps" {
		port, m.Security = 465, TLS
	}
	if u.Port() != "" {
		port, _ = strconv.Atoi(u.Port()) // isHost knows that it is one
	}
	m.Host, m.Port, m.User = u.Hostname(), port, u.User.Username()
	m.Password, _ = u.User.Password()
	query, err := url.ParseQuery(u.RawQuery)
	switch {
	case !isHost(u):
		return fmt.Errorf("the host is none")
	case u.Path != "" && u.Path != "/" || strings.Contains(v, "#"):
		return fmt.Errorf("no path and no fragment may follow")
	case (m.User == "") != (m.Password == ""):
		return fmt.Errorf("a user and a password belong together")
	case strings.ContainsFunc(m.User+m.Password, isControl):
		return fmt.Errorf("the user or the password holds a control character")
	case err != nil || len(query) > 1 || len(query) == 1 && !query.Has("tls"):
		return fmt.Errorf("only tls=none may follow")
	case len(query) == 0:
		return nil
	case u.RawQuery != "tls=none" || u.Scheme != "smtp":
		return fmt.Errorf("only tls=none may follow, and only smtp")
	case m.User != "":
		return fmt.Errorf("a password needs encryption")
	}
	m.Security = Plaintext
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// maxMailbox is how many bytes a sender's name and address may have.
const maxMailbox = 320

// mailbox takes whom letters are from.
func mailbox(v string) (mail.Address, error) {
	if v == "" {
		return mail.Address{}, nil
	}
	from, err := mail.ParseAddress(v)
	if err != nil || len(v) > maxMailbox || strings.ContainsFunc(v, isControl) ||
		strings.ContainsFunc(from.Name, isControl) {
		return mail.Address{}, fmt.Errorf("it is no e-mail address")
	}
	return *from, nil
}

// visible never shows the value: it may be a secret.
func visible(v string) error {
	if len(v) > 200 {
		return fmt.Errorf("it has %d", len(v))
	}
	for _, r := range v {
		if r < '!' || r > '~' {
			return fmt.Errorf("it holds others")
		}
	}
	return nil
}

// complete says which setting lacks another one.
func (c *Config) complete() error {
	needs := func(name, other string) error {
		return fmt.Errorf("%s%s takes %s%s beside it: that is empty", Prefix, name, Prefix, other)
	}
	_, lite := c.SQLitePath()
	switch {
	case len(c.ReadURLs) > 0 && lite:
		return fmt.Errorf("%[1]sDATABASE_READ_URLS takes %[1]sDATABASE_URL beside it: that is "+
			"no PostgreSQL", Prefix)
	case c.Mail.Sends() && c.Mail.From.Address == "":
		return needs("SMTP_URL", "MAIL_FROM")
	case c.Mail.Sends() && c.PublicURL == "":
		return needs("SMTP_URL", "PUBLIC_URL")
	case c.OIDC.Issuer != "" && c.OIDC.ClientID == "":
		return needs("OIDC_ISSUER", "OIDC_CLIENT_ID")
	case c.OIDC.Issuer != "" && c.PublicURL == "":
		return needs("OIDC_ISSUER", "PUBLIC_URL")
	}
	return nil
}
