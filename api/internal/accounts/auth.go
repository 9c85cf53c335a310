package accounts

import (
	"context"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
)

func register(c *call, ctx context.Context) error {
	var body newAccount
	var wrongs fault.Wrongs
	if err := c.DecodeNoting(&body, &wrongs); err != nil {
		return err
	}
	if err := wrongs.Note(account.Check(body.Username, body.Email, body.Password)); err != nil {
		return err
	}
	if err := wrongs.Err(); err != nil { // what is no account tells nothing, and costs nothing
		return err
	}
	if wait := c.accounts.registering.Take(c.Address()); wait > 0 {
		return fault.BusyFor(wait, "this address has made %d accounts within a minute",
			c.accounts.RegisterLimit)
	}
	a, err := c.Register(ctx, body.Username, body.Email, body.Password)
	if err != nil {
		return err
	}
	c.secret()
	c.Set(fiber.HeaderLocation, web.Base+"/users/me")
	return c.Status(http.StatusCreated).JSON(toWire(a))
}

func logIn(c *call, ctx context.Context) error {
	var body credentials
	if err := c.Decode(&body); err != nil {
		return err
	}
	email, err := account.CleanEmail(body.Email)
	if err != nil { // it is nobody's, which LogIn says in the words that it has for all
		email = body.Email
	}
	service, err := c.guarded(targetOf(email))
	if err != nil {
		return err
	}
	session, err := service.LogIn(ctx, email, body.Password)
	if err != nil {
		return err
	}
	c.secret()
	return c.JSON(toSession(session))
}

func logOut(c *call, ctx context.Context) error {
	if err := c.LogOut(ctx, c.id); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// forgotPassword looks nothing up, so that its answer and its time are the same for everybody.
func forgotPassword(c *call, _ context.Context) error {
	var body forgottenPassword
	if err := c.Decode(&body); err != nil {
		return err
	}
	if c.accounts.letters == nil {
		return fault.Errorf(account.NoMail,
			"this server sends no letters: whoever runs it can give a link")
	}
	email, err := account.CleanEmail(body.Email)
	if err != nil {
		return err
	}
	languages := strings.Clone(c.Get(fiber.HeaderAcceptLanguage)) // Fiber uses its buffers again
	err = c.accounts.forgotten.ask(guess{targetOf(email), c.Address()}, func() error {
		return c.accounts.letters.Forgot(email, languages)
	})
	if err == nil {
		c.Status(http.StatusAccepted)
	}
	return err
}

func resetPassword(c *call, ctx context.Context) error {
	var body reset
	if err := c.Decode(&body); err != nil {
		return err
	}
	if wait := c.accounts.guesses.addresses.Take(c.Address()); wait > 0 {
		return fault.BusyFor(wait, "too many wrong links came from this address")
	}
	err := c.Reset(ctx, body.Token, body.Password)
	if !fault.Is(err, account.BadReset) {
		c.accounts.guesses.addresses.Give(c.Address())
	}
	if err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}
