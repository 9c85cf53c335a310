package config

import (
	"fmt"
	"time"
)

// Accounts has the settings of accounts.
type Accounts struct {
	TokenTTL       time.Duration // of a session
	Secret         string        // of sessions; empty: the database has a key
	RegisterLimit  int           // accounts that one address may make in a minute; 0: any number
	WrongPasswords int           // of one account in a minute; 0: any number
}

var accountsSettings = []Setting{
	{"TOKEN_TTL", "24h", "a duration, 1m to 720h",
		"How long a log-in lasts. A log-out ends it within a second, at every replica.",
		func(c *Config, v string) (err error) {
			c.TokenTTL, err = duration(v, time.Minute, 720*time.Hour)
			return err
		}},
	{"SECRET", "", "32 to 200 characters of A-Z a-z 0-9 - . _ ~ + / =",
		"What log-ins are signed with, the same for every API process. Another one ends them " +
			"all. Empty: a key that the database has, made at the first start.",
		func(c *Config, v string) error {
			if c.Secret = v; v != "" && len(v) < 32 {
				return fmt.Errorf("it has %d", len(v))
			}
			return checkKey(v)
		}},
	{"REGISTER_LIMIT", "10", "0 to 1000000",
		"Accounts that one address may make in a minute, or at once; more get 429. Each API " +
			"process counts by itself. 0: any number.",
		func(c *Config, v string) (err error) {
			c.RegisterLimit, err = number(v, 0, 1_000_000)
			return err
		}},
	{"WRONG_PASSWORDS", "10", "0 to 100000",
		"Wrong passwords that may be tried for one account in a minute, or at once. One address " +
			"may try ten times as many, and an account may log in ten times as often. More get " +
			"429, as right ones do then. 0: any number.",
		func(c *Config, v string) (err error) {
			c.WrongPasswords, err = number(v, 0, 100_000)
			return err
		}},
}
