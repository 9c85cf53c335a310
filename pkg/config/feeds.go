package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Feed has the settings of the feed.
type Feed struct {
	DailyVotes   int           // of one account in a UTC day; 0: any number
	FeedUndo     time.Duration // how long a vote may be changed or withdrawn; 0: never
	FeedKeepDays int           // how long the answers to a poll are kept; 0: for ever
	// FeedOperators are accounts that may close and delete any poll.
	FeedOperators []uuid.UUID
}

var feedSettings = []Setting{
	{"DAILY_VOTES", "100", "0 to 1000000",
		"Votes in the feed that one account has for a day, in UTC. More get 429 until the next " +
			"one. The same for every process. 0: any number.",
		func(c *Config, v string) (err error) {
			c.DailyVotes, err = number(v, 0, 1_000_000)
			return err
		}},
	{"FEED_UNDO", "0s", "a duration, 0s to 720h",
		"How long a vote in the feed may be changed or withdrawn. A skip may be taken back " +
			"always. The same for every process. 0s: never.",
		func(c *Config, v string) (err error) {
			c.FeedUndo, err = duration(v, 0, 720*time.Hour)
			return err
		}},
	{"FEED_KEEP_DAYS", "0", "0 to 36500",
		"The answers to the polls of a month in the feed are removed when the last of that month " +
			"was so many days ago. Those polls are closed then, and their numbers stay. 0: never.",
		func(c *Config, v string) (err error) {
			c.FeedKeepDays, err = number(v, 0, 36_500)
			return err
		}},
	{"FEED_OPERATORS", "none", "user ids with commas between, or none",
		"The accounts that may close and delete any poll of the feed. `GET /api/v1/users/me` " +
			"tells an account its `user_id`.",
		func(c *Config, v string) (err error) { c.FeedOperators, err = accounts(v); return err }},
}

// accounts takes a list of ids; "none" is the empty one.
func accounts(v string) (ids []uuid.UUID, err error) {
	if v == "none" {
		return nil, nil
	}
	for entry := range strings.SplitSeq(v, ",") {
		entry = strings.TrimSpace(entry)
		id, err := uuid.Parse(entry)
		if err != nil || id == uuid.Nil || id.String() != strings.ToLower(entry) {
			return nil, fmt.Errorf("%q is no user id", entry)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
