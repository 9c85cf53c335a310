package talks

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // a file's times may be of any zone, wherever the process runs

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// importedTalk is what became of a talk of a file.
type importedTalk struct {
	Source  string    `json:"source"`
	ID      uuid.UUID `json:"talk_id"`
	Code    string    `json:"code"`
	Title   string    `json:"title"`
	Token   *string   `json:"token"` // null: it was told to who imported the talk first
	Outcome string    `json:"outcome"`
}

// importedAll is what became of a file.
type importedAll struct {
	Token *string        `json:"token"` // of the importer; null: an account needs none
	Zone  string         `json:"time_zone"`
	Items []importedTalk `json:"items"`
}

// postImport imports a programme's file, for an account or the holder of a token. Who has neither
// gets a token.
func postImport(c *call) error {
	if err := c.talks.Door.Enter("talks", c.CreateKey(), c.Address()); err != nil {
		return err
	}
	by, err := c.importer()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	refused, err := c.talks.bounds.importing(c.Address())
	if err != nil {
		return err
	}
	items, zone, err := c.file(ctx)
	var all []talk.Imported
	if err == nil {
		all, err = c.Import(ctx, by, items)
	}
	if err != nil {
		if fault.Is(err, fault.Invalid) {
			refused()
		}
		return err
	}
	answer := importedAll{Zone: zone.String(), Items: make([]importedTalk, len(all))}
	if by.Account == uuid.Nil {
		answer.Token = &by.Token
	}
	status := http.StatusOK
	for i := range all {
		t := &all[i]
		answer.Items[i] = importedTalk{t.Source, t.ID, t.Code, t.Title, nil, t.Outcome}
		if t.Token != "" {
			answer.Items[i].Token = &t.Token
		}
		if t.Outcome == talk.Created {
			status = http.StatusCreated
		}
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).JSON(answer)
}

// aToken is what a client may draw as a token: as long as ours at the least.
var aToken = regexp.MustCompile(`^[A-Za-z0-9_-]{43,128}$`)

// importer says who imports. Where Authorization had to have the server's key, it has no token.
func (c *call) importer() (by talk.Importer, err error) {
	token := c.Token()
	switch {
	case c.By != uuid.Nil:
		by.Account = c.By
	case token == "" || c.talks.Door != nil && token == c.CreateKey():
		by.Token, _ = access.NewToken()
	case !aToken.MatchString(token):
		return by, fault.Errorf(fault.Forbidden,
			"this is no token of a programme: it has 43 to 128 characters of A-Z a-z 0-9 - _")
	default:
		by.Token = strings.Clone(token) // Fiber uses its buffers again
	}
	return by, nil
}

// file reads the file that is the body, in a turn at what is costly. Times without an offset are of
// the zone that the query names, else of the one that the file does, else UTC.
func (c *call) file(ctx context.Context) (items []talk.Item, zone *time.Location, err error) {
	if err := web.IsJSON(c.Ctx); err != nil {
		return nil, nil, err
	}
	if err := c.Plain(); err != nil {
		return nil, nil, err
	}
	if query := c.Context().QueryArgs(); query.Has("time_zone") {
		if zone, err = zoneOf(string(query.Peek("time_zone"))); err != nil {
			return nil, nil, fault.Field("time_zone", "must be a name such as Europe/Berlin")
		}
	}
	end, err := c.Site.Costly.TakeLong(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	return readFile(c.Request().Body(), zone)
}
