package config

import (
	"fmt"
	"regexp"

	"github.com/plenary-live/plenary/pkg/access"
)

// Polls has the settings of the polls feature.
type Polls struct {
	Open        bool
	CreateKey   string // that creating a presentation takes; empty: nothing
	CreateLimit int    // presentations that one address may create in a minute; 0: any number
	WrongCodes  int    // wrong join codes that one address may try in a minute; 0: any number
	PassLimit   int    // 0: none
	MaxWaiting  int
	FastVotes   bool
	KeepDays    int // after so many days without use a presentation is removed; 0: never
}

var pollsSettings = []Setting{
	{"OPEN", "false", "true or false",
		"Lets everybody act as the presenter of every presentation. Only for trusted networks " +
			"and test suites.",
		func(c *Config, v string) (err error) { c.Open, err = boolean(v); return err }},
	{"CREATE_KEY", "", "8 to 200 characters of A-Z a-z 0-9 - . _ ~ + / =",
		"The key that creating a presentation takes, as Authorization: Bearer KEY. The start " +
			"page asks for it. Empty: everybody may create.",
		func(c *Config, v string) error { c.CreateKey = v; return checkKey(v) }},
	{"CREATE_LIMIT", "60", "0 to 1000000",
		"Presentations that one address may create in a minute, or at once; more get 429. Each " +
			"API process counts by itself. 0: any number.",
		func(c *Config, v string) (err error) {
			c.CreateLimit, err = number(v, 0, 1_000_000)
			return err
		}},
	{"WRONG_CODES", "60", "0 to 1000000",
		"Wrong join codes that one address may try in a minute, or at once. More get 429, as " +
			"right ones do then. While a process sees ten times as many in all, it allows a " +
			"tenth to each address. 0: any number.",
		func(c *Config, v string) (err error) {
			c.WrongCodes, err = number(v, 0, 1_000_000)
			return err
		}},
	{"PASS_LIMIT", "3000", "0 to 1000000",
		"Voters' passes of one presentation that one address may get, at once and in each " +
			"minute, from one API process. It is wide enough for a hall behind one address. 0: " +
			"any number.",
		func(c *Config, v string) (err error) {
			c.PassLimit, err = number(v, 0, 1_000_000)
			return err
		}},
	{"MAX_WAITING", "50000", "1 to 1000000",
		"Votes that may wait for their answer in one API process. More get 503 at once.",
		func(c *Config, v string) (err error) {
			c.MaxWaiting, err = number(v, 1, 1_000_000)
			return err
		}},
	{"FAST_VOTES", "true", "true or false",
		"Takes votes of the usual form by a reader of their own, at less cost than other " +
			"requests. The answers are the same. Where somebody suspects that they are not, " +
			"`false` turns it off.",
		func(c *Config, v string) (err error) { c.FastVotes, err = boolean(v); return err }},
	{"KEEP_DAYS", "0", "0 to 36500",
		"A presentation that nobody used for so many days, or one more, is removed with its " +
			"votes. The same for every process: workers remove it, and an API that counts " +
			"itself. 0: never.",
		func(c *Config, v string) (err error) {
			c.KeepDays, err = number(v, 0, 36_500)
			return err
		}},
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
	case access.IsSession(v):
		return fmt.Errorf("it has the form of a token that log-in gives")
	}
	return nil
}
