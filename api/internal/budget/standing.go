package budget

import "github.com/gofiber/fiber/v2"

type standing struct{}

// Standing says of an answer that its bytes are in memory anyway, sent or not: a page, a file of
// the program's own. They take no room.
func Standing(c *fiber.Ctx) { c.Locals(standing{}, true) }

// IsStanding says whether Standing was called.
func IsStanding(c *fiber.Ctx) bool { return c.Locals(standing{}) == true }
