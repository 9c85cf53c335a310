package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Unchanged says what the answer's entity tag is and that it is to be asked for again before it is
// used again. If the client has that already, it makes the answer 304: there is nothing more to do
// then.
func Unchanged(c *fiber.Ctx, tag string) bool {
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if !matches(Lines(c, fiber.HeaderIfNoneMatch), strings.TrimPrefix(tag, "W/")) {
		return false
	}
	c.Status(http.StatusNotModified)
	return true
}

// matches compares one of our entity tags, which hold no comma, with If-None-Match, in the weak
// way that it asks for (RFC 9110, section 13.1.2).
func matches(ifNoneMatch, tag string) bool {
	for seen := range strings.SplitSeq(ifNoneMatch, ",") {
		if seen = strings.TrimSpace(seen); seen == "*" || strings.TrimPrefix(seen, "W/") == tag {
			return true
		}
	}
	return false
}

// ETag gives a version as an entity tag (RFC 9110, section 8.8.3).
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
