package accounts

import (
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/account"
)

type newAccount struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// changes are of an account; what is not there stays.
type changes struct {
	Username *string `json:"username"`
	Email    *string `json:"email"`
	Password string  `json:"password"` // the present one
}

type newPassword struct {
	Password string `json:"password"` // the present one
	Next     string `json:"new_password"`
}

type forgottenPassword struct {
	Email string `json:"email"`
}

type reset struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

type wireAccount struct {
	ID       uuid.UUID `json:"user_id"`
	Username string    `json:"username"`
	Email    string    `json:"email"`
}

func toWire(a account.Account) wireAccount { return wireAccount{a.ID, a.Username, a.Email} }

type wireSession struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires_at"`
}

func toSession(s account.Session) wireSession { return wireSession{s.Token, s.Expires.UTC()} }
