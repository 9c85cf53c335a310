package feeds

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/feed"
)

// getHistory tells a poll's author when it was voted on.
func getHistory(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	p, err := c.authored(ctx, false)
	if err != nil {
		return err
	}
	hours, err := c.Store.History(ctx, p.ID, feed.MaxHours)
	if err != nil {
		return err
	}
	type wireHour struct {
		At    time.Time `json:"at"`
		Votes int64     `json:"votes"`
	}
	items := make([]wireHour, len(hours))
	for i, h := range hours {
		items[i] = wireHour{h.Time(), h.Votes}
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(struct {
		Items []wireHour `json:"items"`
	}{items})
}
