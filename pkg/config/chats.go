package config

import "time"

// Chats has the settings of chats.
type Chats struct {
	MemberTTL time.Duration // of a member's token
}

var chatSettings = []Setting{
	{"MEMBER_TTL", "24h", "a duration, 1m to 720h",
		"How long a member's token of a chat lasts. Another token of the application ends it " +
			"within a second, at every replica.",
		func(c *Config, v string) (err error) {
			c.MemberTTL, err = duration(v, time.Minute, 720*time.Hour)
			return err
		}},
}
