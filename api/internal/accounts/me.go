package accounts

import (
	"context"
	"net/http"

	"github.com/plenary-live/plenary/pkg/account"
)

func getMe(c *call, ctx context.Context) error {
	a, err := c.Service.Account(ctx, c.id)
	if err != nil {
		return err
	}
	c.secret()
	return c.JSON(toWire(a))
}

func patchMe(c *call, ctx context.Context) error {
	var body changes
	if err := c.Decode(&body); err != nil {
		return err
	}
	service, err := c.own()
	if err != nil {
		return err
	}
	a, err := service.Change(ctx, c.id, account.Change{
		Username: body.Username, Email: body.Email, Password: body.Password,
	})
	if err != nil {
		return err
	}
	c.secret()
	return c.JSON(toWire(a))
}

func deleteMe(c *call, ctx context.Context) error {
	if err := c.Delete(ctx, c.id); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

func postPassword(c *call, ctx context.Context) error {
	var body newPassword
	if err := c.Decode(&body); err != nil {
		return err
	}
	service, err := c.own()
	if err != nil {
		return err
	}
	session, err := service.SetPassword(ctx, c.id, body.Password, body.Next)
	if err != nil {
		return err
	}
	c.secret()
	return c.JSON(toSession(session))
}
