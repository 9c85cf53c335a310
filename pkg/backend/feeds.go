package backend

import (
	"time"

	"github.com/plenary-live/plenary/pkg/feed"
)

// FeedRules gives what bounds an account in the feed, by the settings.
func (b *Backend) FeedRules() feed.Rules {
	return feed.Rules{DailyVotes: b.cfg.DailyVotes, Undo: b.cfg.FeedUndo}
}

func (b *Backend) feedApplier() *feed.Applier {
	return feed.NewApplier(b.Feed, b.FeedRules(), b.logger)
}

// feedUpkeep gives what makes room for answers, and removes old ones.
func (b *Backend) feedUpkeep() *feed.Upkeep {
	keep := time.Duration(b.cfg.FeedKeepDays) * 24 * time.Hour
	return feed.NewUpkeep(b.Feed, keep, b.logger)
}
