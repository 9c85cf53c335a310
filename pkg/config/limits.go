package config

// Limits has the settings of how often somebody may ask for anything.
type Limits struct {
	RateLimit  int    // requests of one address or account in a minute; 0: any number
	BurstLimit int    // in a second; 0: any number
	RedisURL   string // empty: each process counts for itself
}

// maxRate is as good as no limit.
const maxRate = 1_000_000

var limitsSettings = []Setting{
	{"RATE_LIMIT", "100", "0 to 1000000",
		"Requests of one address in a minute: so many at once, and a tenth of them more in each " +
			"tenth of a minute. More get 429. Requests of somebody who has logged in count for " +
			"the account instead. What a hall does behind one address is not limited: see " +
			"docs/http.md. 0: any number.",
		func(c *Config, v string) (err error) {
			c.RateLimit, err = number(v, 0, maxRate)
			return err
		}},
	{"BURST_LIMIT", "200", "0 to 1000000",
		"Requests of one address in a second, of the same ones. Both bounds hold: this one " +
			"counts where RATE_LIMIT is larger, or 0. 0: any number.",
		func(c *Config, v string) (err error) {
			c.BurstLimit, err = number(v, 0, maxRate)
			return err
		}},
	{"REDIS_URL", "", "redis://… or rediss://…",
		"The Redis or Valkey where all API processes count these requests together. While it is " +
			"away, each counts for itself. Empty: each always does.",
		func(c *Config, v string) error {
			if c.RedisURL = v; v == "" {
				return nil
			}
			return checkURL(v, "redis", "rediss")
		}},
}
