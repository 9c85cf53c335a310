package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// newFeed registers accounts at a door, where nothing is wrong. The first one publishes polls.
func (c *Crowd) newFeed(seed uint64) error {
	f := &c.feed
	f.members, f.began = make([]*member, c.pace.accounts), time.Now()
	errs := make(chan error, len(f.members))
	for i := range f.members {
		go func() {
			m, err := newMember(c.door, int32(i))
			f.members[i] = m
			errs <- err
		}()
	}
	var failed error
	for range f.members {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	if failed != nil {
		return failed
	}
	for range c.pace.polls + 1 {
		id, err := newFeedPoll(c.door, f.members[0].token)
		if err != nil {
			return err
		}
		f.polls = append(f.polls, id)
	}
	for _, m := range f.members {
		for i := range uint64(devicesEach) {
			rng := rand.New(rand.NewPCG(seed, uint64(m.number)<<8|i|1<<48))
			f.devices = append(f.devices, &device{member: m, crowd: c, rng: rng})
		}
	}
	c.acting.last = make([]success, len(f.members))
	return nil
}

// newMember registers somebody and logs in. Passwords are checked few at a time.
func newMember(door *client, number int32) (*member, error) {
	email, password := uuid.NewString()+"@example.org", uuid.NewString()
	post := func(path string, want int, body map[string]string, into any) error {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		var a answer
		for range 60 {
			a = door.send(request{method: http.MethodPost, path: path, body: raw},
				10*time.Second)
			if a.status != http.StatusServiceUnavailable {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err := json.Unmarshal(a.body, into); err != nil || a.status != want {
			return fmt.Errorf("%s: %v", path, a)
		}
		return nil
	}
	var created struct {
		ID string `json:"user_id"`
	}
	err := post("/api/v1/auth/register", http.StatusCreated, map[string]string{
		"username": fmt.Sprintf("Member %d", number), "email": email, "password": password,
	}, &created)
	if err != nil {
		return nil, err
	}
	var session struct {
		Token string `json:"token"`
	}
	err = post("/api/v1/auth/login", http.StatusOK,
		map[string]string{"email": email, "password": password}, &session)
	return &member{number, created.ID, session.Token}, err
}

// newFeedPoll publishes a poll, whose numbers everybody sees.
func newFeedPoll(door *client, token string) (id string, err error) {
	a := door.send(request{method: http.MethodPost, path: feedPath, token: token,
		body: []byte(`{"title":"Chaos","options":["A","B","C"],"tags":["chaos"],` +
			`"results":"always"}`)}, 10*time.Second)
	var created struct {
		ID string `json:"poll_id"`
	}
	if err := json.Unmarshal(a.body, &created); err != nil || a.status != http.StatusCreated {
		return "", fmt.Errorf("publish a poll: %v", a)
	}
	return created.ID, nil
}
