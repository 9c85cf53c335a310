package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
)

// gate is where voters get their passes, in the rooms that ask for one. It keeps all that were
// given.
type gate struct {
	mu    sync.Mutex
	given []givenPass
	odd   []string // answers that no voter should ever get
}

type givenPass struct {
	room, voter int32
	text        string
}

func (g *gate) oddly(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.odd = append(g.odd, fmt.Sprintf(format, args...))
}

// join gets a voter its pass, if it needs one and has none. It asks again, always with the same
// key, until it is told or has no patience any more; false: it has none. Both devices of one voter
// have the same key, and so the same pass.
func (t *teller) join(r *room, v *voter) bool {
	if !r.passes || v.pass != "" {
		return true
	}
	req := request{method: "POST", path: r.path("/voters"), body: []byte("{}"),
		key: t.crowd.voterID(v.number).String()}
	for try := range 4 {
		a := t.door.send(req, v.patience)
		var given struct {
			Pass string `json:"pass"`
		}
		switch a.status {
		case http.StatusCreated:
			if err := json.Unmarshal(a.body, &given); err != nil || given.Pass == "" {
				t.crowd.gate.oddly("a pass: %v", a)
				return false
			}
			v.pass = given.Pass
			t.crowd.gate.mu.Lock()
			defer t.crowd.gate.mu.Unlock()
			t.crowd.gate.given = append(t.crowd.gate.given,
				givenPass{r.number, v.number, given.Pass})
			return true
		case 0, http.StatusServiceUnavailable: // given or not
		default:
			t.crowd.gate.oddly("a pass: %v", a)
			return false
		}
		time.Sleep(time.Duration(50+t.rng.IntN(100<<try)) * time.Millisecond)
	}
	return false
}

// identify finds out whose votes those with a pass are. Their list has an id that is derived from
// the pass, and no answer tells it. A key that got the passes of two voters is odd. So is a pass
// that two voters got, or one that was not counted.
func (c *Crowd) identify(ctx context.Context, s *store) error {
	c.passed = map[uuid.UUID]int32{}
	if len(c.gate.given) == 0 {
		return nil
	}
	key, counted, err := s.passes(ctx)
	if err != nil {
		return fmt.Errorf("voters' passes: %w", err)
	}
	passes, voters, people := access.NewPasses(key), map[int32]uuid.UUID{},
		make([]int64, len(c.rooms))
	for _, g := range c.gate.given {
		id, err := passes.Check(uuid.MustParse(c.rooms[g.room].id), []byte(g.text), time.Now())
		if err != nil {
			c.gate.oddly("the pass of voter %d in room %d: %v", g.voter, g.room, err)
			continue
		}
		other, known := c.passed[id]
		before, came := voters[g.voter]
		switch {
		case known && other != g.voter:
			c.gate.oddly("voters %d and %d in room %d got the same pass", other, g.voter, g.room)
		case came && before != id:
			c.gate.oddly("voter %d in room %d became another by asking again", g.voter, g.room)
		case !came:
			people[g.room]++
		}
		c.passed[id], voters[g.voter] = g.voter, id
	}
	for i, r := range c.rooms {
		if given := counted[uuid.MustParse(r.id)]; given < people[i] {
			c.gate.oddly("%d passes of room %d are counted, and %d voters have one",
				given, i, people[i])
		}
	}
	return nil
}

// passes reads the key of passes, and how many of each presentation are counted as given.
func (s *store) passes(ctx context.Context) (key []byte, counted map[uuid.UUID]int64, err error) {
	if err := s.db.QueryRowContext(ctx, `SELECT value FROM secrets WHERE name = 'voters'' passes'`).
		Scan(&key); err != nil {
		return nil, nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT presentation_id, given FROM passes`)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	counted = map[uuid.UUID]int64{}
	for rows.Next() {
		var id uuid.UUID
		var given int64
		if err := rows.Scan(&id, &given); err != nil {
			return nil, nil, err
		}
		counted[id] = given
	}
	return key, counted, rows.Err()
}

// identity says how the voters of a room's polls are told apart.
func (r *room) identity() string {
	if r.passes {
		return "pass"
	}
	return "client"
}
