package polls

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
)

// maxHistory is how many texts one answer tells of: each may have been, and have become, as long as
// a question.
const maxHistory = 100

// wireMend is a text that was changed while people voted.
type wireMend struct {
	PollID   uuid.UUID `json:"poll_id"`
	At       string    `json:"at"`
	Revision int64     `json:"revision"`
	Field    string    `json:"field"`
	Before   string    `json:"before"`
	After    string    `json:"after"`
}

// getHistory tells everybody which texts were changed while people voted. A voter may have answered
// to the text of before.
func getHistory(c *call) error {
	limit, after, err := c.historyPart()
	if err != nil {
		return err
	}
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, done, err := c.load() // as large as a presentation
	if err != nil {
		return err
	}
	defer done()
	mends, err := c.Store.History(ctx, id, after, limit+1)
	if err != nil {
		return err
	}
	c.use(id)
	answer := struct {
		Items []wireMend `json:"items"`
		Next  string     `json:"next,omitempty"`
	}{Items: []wireMend{}}
	for i, m := range mends {
		if i == limit {
			answer.Next = strconv.FormatInt(mends[i-1].Number, 10)
			break
		}
		at := m.At.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		answer.Items = append(answer.Items,
			wireMend{m.PollID, at, m.Revision, m.Field, m.Before, m.After})
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(answer)
}

// historyPart reads which part of a history a client asks for.
func (c *call) historyPart() (limit int, after int64, err error) {
	query := c.Context().QueryArgs()
	if limit, err = web.LimitOf(query, maxHistory, maxHistory); err != nil {
		return 0, 0, err
	}
	if query.Has("cursor") {
		said := string(query.Peek("cursor"))
		after, err = strconv.ParseInt(said, 10, 64)
		if err != nil || after < 1 || strconv.FormatInt(after, 10) != said {
			return 0, 0, fault.Field("cursor", "must be what an answer gave as next")
		}
	}
	return limit, after, nil
}
