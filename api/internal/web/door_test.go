package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestADoorOpensWithItsKeyAndAWrongOneIsTriedAFewTimes(t *testing.T) {
	home, elsewhere := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	require.NoError(t, NewDoor("").Enter("a talk", "", home), "there is no door")
	d := NewDoor("correct-horse")
	require.Equal(t, CreateKeyMissing, fault.CodeOf(d.Enter("a talk", "", home)))
	for range 3 * wrongKeys { // a right one costs nothing
		require.NoError(t, d.Enter("a talk", "correct-horse", home))
	}
	for range wrongKeys {
		err := d.Enter("a talk", "correct-horse ", home)
		require.Equal(t, CreateKeyWrong, fault.CodeOf(err))
	}
	require.Equal(t, fault.Busy, fault.CodeOf(d.Enter("a talk", "correct-horse", home)))
	require.NoError(t, d.Enter("a talk", "correct-horse", elsewhere))
}

func TestTheKeyForCreatingHasAFieldOfItsOwnWhereAuthorizationSaysWhose(t *testing.T) {
	app := fiber.New()
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString((&Call{Ctx: c}).CreateKey()) })
	for _, c := range []struct{ authorization, field, want string }{
		{"", "", ""}, {"Bearer key", "", "key"}, {"", "key", "key"},
		{"Bearer of-a-programme", "key", "key"},
		{"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "", ""},
		{"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "key", "key"},
	} {
		asked := httptest.NewRequest(http.MethodGet, "/", nil)
		asked.Header.Set("Authorization", c.authorization)
		asked.Header.Set("X-Create-Key", c.field)
		answer, err := app.Test(asked, -1)
		require.NoError(t, err)
		got, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, c.want, string(got), "%+v", c)
	}
}
