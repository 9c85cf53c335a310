package e2e

import (
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Person is somebody with an account who has logged in.
type Person struct {
	*Client
	ID, Username, Email, Password string
	Token                         string // of the log-in
}

// Ask sends a request again while the server is busy with other tests' passwords, as clients do.
func (c *Client) Ask(r Request) (a *Answer) {
	c.tb.Helper()
	for begun := time.Now(); time.Since(begun) < wait; {
		a = c.Do(r)
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") != "1" {
			break
		}
	}
	return a
}

// Session is what a log-in gives.
type Session struct {
	Token   string `json:"token"`
	Expires string `json:"expires_at"`
}

// Me is an account as it is read.
type Me struct {
	ID       string `json:"user_id"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

// Register makes an account and logs it in.
func (c *Client) Register() *Person {
	c.tb.Helper()
	p := &Person{
		Client:   c,
		Username: "Anna Ünal",
		Email:    uuid.NewString() + "@example.org",
		Password: "correct horse",
	}
	var me Me
	a := c.Ask(Request{Method: http.MethodPost, Path: Base + "/auth/register", JSON: object{
		"username": p.Username, "email": p.Email, "password": p.Password,
	}})
	if a.Status != http.StatusCreated || a.Decode(&me) != nil {
		c.tb.Fatalf("%v", a)
	}
	p.ID = me.ID
	p.Token = p.logIn()
	return p
}

// logIn logs a person in, who keeps the token that they have.
func (p *Person) logIn() string {
	p.tb.Helper()
	var s Session
	a := p.Ask(Request{Method: http.MethodPost, Path: Base + "/auth/login", JSON: object{
		"email": p.Email, "password": p.Password,
	}})
	if a.Status != http.StatusOK || a.Decode(&s) != nil {
		p.tb.Fatalf("%v", a)
	}
	return s.Token
}

// call makes a call with the person's token.
func (p *Person) call(method, path string, body any) *Answer {
	p.tb.Helper()
	return p.Ask(
		Request{Method: method, Path: Base + path, Token: p.Token, JSON: body, Wrong: true},
	)
}

// Own creates a presentation of the person's own, and displays its first poll.
func (p *Person) Own(n NewPresentation) *Room {
	p.tb.Helper()
	n.CurrentPollIndex = new(0)
	var created Created
	p.read(
		Request{Method: http.MethodPost, Path: Base + "/presentations", Token: p.Token, JSON: n},
		&created,
	)
	r := &Room{Client: p.Client, Created: created}
	r.Polls = r.Presentation(true).Polls
	return r
}

// someones are tokens of accounts, one for each server, for tests that need any account at all.
var someones sync.Map

// someone gives the token of an account that nobody logs out.
func (c *Client) someone() string {
	c.tb.Helper()
	if token, ok := someones.Load(c.base); ok {
		return token.(string)
	}
	token := c.Register().Token
	someones.Store(c.base, token)
	return token
}
