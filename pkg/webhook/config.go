// Package webhook sends facts to a URL, as Standard Webhooks describes it. Each is signed with a
// secret that both sides have. Its id tells a receiver that it has come before.
package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
)

const (
	// MaxURL is how many bytes a URL may have.
	MaxURL = 2000
	// Overlap is how long an old secret signs beside a new one.
	Overlap = 24 * time.Hour

	secretPrefix = "whsec_"
	secretBytes  = 32
)

// Config is what an integration keeps of a webhook.
type Config struct {
	URL     string   `json:"url"`
	Secrets []Secret `json:"secrets"` // the newest first
}

// Secret signs what is sent.
type Secret struct {
	Text  string `json:"secret"`
	Until int64  `json:"until,omitempty"` // in milliseconds since 1970; 0: for ever
}

// New makes a webhook with a secret of its own, which is shown once. Errors are of the kind Invalid
// and name the field. Private says that an address may be one of the operator's own network.
func New(target string, private bool) (c Config, secret string, err error) {
	if c.URL, err = CleanURL("url", target, private); err != nil {
		return Config{}, "", err
	}
	c.Secrets = []Secret{{Text: newSecret()}}
	return c, c.Secrets[0].Text, nil
}

// Rotate gives a webhook a new secret, which is shown once. The one before signs for an Overlap
// longer.
func (c *Config) Rotate(now time.Time) (secret string) {
	fresh := []Secret{{Text: newSecret()}}
	if old := c.valid(now); len(old) > 0 {
		old[0].Until = now.Add(Overlap).UnixMilli()
		fresh = append(fresh, old[0])
	}
	c.Secrets = fresh
	return fresh[0].Text
}

// valid gives the secrets that sign at a time.
func (c *Config) valid(now time.Time) (secrets []Secret) {
	for _, s := range c.Secrets {
		if s.Until == 0 || s.Until > now.UnixMilli() {
			secrets = append(secrets, s)
		}
	}
	return secrets
}

func newSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// CleanURL checks where facts are to be sent. A name is looked up when it is connected to: what it
// stands for is checked then. Errors are of the kind Invalid and name the field.
func CleanURL(field, target string, private bool) (string, error) {
	if len(target) > MaxURL {
		return "", fault.Field(field, "must have at most %d bytes", MaxURL)
	}
	u, err := url.Parse(target)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "",
		u.Opaque != "":
		return "", fault.Field(field, "must be a URL that begins with https:// or http://")
	case u.User != nil:
		return "", fault.Field(field, "must hold no user and no password")
	case u.Fragment != "":
		return "", fault.Field(field, "must hold no fragment")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !private && !public(a) {
		return "", fault.Field(field, "must be an address of the internet")
	}
	return u.String(), nil
}

// Encode gives what is kept of a webhook.
func (c *Config) Encode() json.RawMessage {
	b, err := json.Marshal(c)
	if err != nil { // it holds texts and numbers
		panic(err)
	}
	return b
}

// Decode reads what Encode gave.
func Decode(kept json.RawMessage) (c Config, err error) {
	err = json.Unmarshal(kept, &c)
	return c, err
}
