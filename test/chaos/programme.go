package chaos

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// programme reads every talk and every rating, all of them at one moment.
func (s *store) programme(ctx context.Context, c *Crowd) (p check.Programme, err error) {
	tx, err := s.db.BeginTx(ctx,
		&sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return p, err
	}
	defer func() { _ = tx.Rollback() }() // it reads only
	talks := map[uuid.UUID]int32{}
	for _, t := range c.talks {
		talks[uuid.MustParse(t.id)] = t.number
	}
	err = each(ctx, tx, `SELECT id, ones, twos, threes, fours, fives, revision FROM talks`,
		func(scan func(...any) error) error {
			var id uuid.UUID
			n := make([]int64, 5)
			t := check.TalkEnd{Counts: n}
			err := scan(&id, &n[0], &n[1], &n[2], &n[3], &n[4], &t.Revision)
			if number, ok := talks[id]; ok {
				t.Talk = number
				p.Talks = append(p.Talks, t)
			}
			return err
		})
	if err != nil {
		return p, err
	}
	if len(p.Talks) != len(c.talks) {
		return p, fmt.Errorf("%d talks were made, %d are there", len(c.talks), len(p.Talks))
	}
	return p, each(ctx, tx, `SELECT talk_id, person, value, comment FROM ratings`,
		func(scan func(...any) error) error {
			var id, person uuid.UUID
			var comment string
			row := check.RatingRow{Talk: -1}
			err := scan(&id, &person, &row.Value, &comment)
			if number, ok := talks[id]; ok {
				row.Talk = number
			}
			row.Person, row.Comment = c.raterOf(person), commentOf(comment)
			p.Rows = append(p.Rows, row)
			return err
		})
}

// each calls read for each row of a query.
func each(
	ctx context.Context, tx *sql.Tx, query string, read func(func(...any) error) error,
) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := read(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// lastRatings has somebody rate every talk at every replica, until it is told that the rating
// counts. All that this replica has taken before counts then, too.
func (c *Crowd) lastRatings(ctx context.Context) error {
	for i, replica := range c.replicas {
		person := int32(c.people + i)
		for _, t := range c.talks {
			r := toRate{
				check.Rating{Person: person, Talk: t.number, Value: 3},
				request{method: http.MethodPost, path: ratingsPath, prefer: "wait=5"},
			}
			r.body = fmt.Appendf(nil, `{"talk_id":"%s","value":3,"client_id":"%s"}`, t.id,
				c.voterID(person))
			for r.Status != http.StatusNoContent {
				if ctx.Err() != nil {
					return fmt.Errorf("replica %d counts no rating: %w", i, ctx.Err())
				}
				c.send(replica, &r, 10*time.Second, &c.lastRated)
			}
		}
	}
	return nil
}

// tellProgramme reads what the store holds, and what every replica says of it. It reads again until
// nothing moved meanwhile.
func (c *Crowd) tellProgramme(ctx context.Context, s *store) (check.Programme, error) {
	for {
		p, err := s.programme(ctx, c)
		if err == nil {
			err = c.tellTalks(&p)
		}
		if err != nil {
			return p, err
		}
		again, err := s.programme(ctx, c)
		if err != nil {
			return p, err
		}
		if slices.EqualFunc(p.Talks, again.Talks, func(a, b check.TalkEnd) bool {
			return a.Talk == b.Talk && a.Revision == b.Revision
		}) {
			return p, nil
		}
	}
}

// tellTalks has every replica tell about every talk.
func (c *Crowd) tellTalks(p *check.Programme) error {
	for i := range p.Talks {
		e := &p.Talks[i]
		for _, r := range c.readers {
			t, ok := r.ratings(c.talks[e.Talk])
			if !ok {
				return fmt.Errorf("replica %d does not tell about talk %d at the end", r.number,
					e.Talk)
			}
			t.Replica = r.number
			e.Told = append(e.Told, t)
		}
	}
	return nil
}

// ratings looks at the ratings of a talk.
func (r *reader) ratings(of talk) (told check.TalkTold, ok bool) {
	v := check.RatingView{Sent: r.crowd.now(), Replica: r.number, Talk: of.number}
	a := r.api.send(request{method: http.MethodGet, path: ratingsPath + "?talk_id=" + of.id},
		10*time.Second)
	if a.status == 0 || a.status == http.StatusServiceUnavailable && a.retryAfter {
		return told, false
	}
	var seen struct {
		TalkID    string           `json:"talk_id"`
		Hidden    bool             `json:"hidden"`
		Histogram map[string]int64 `json:"histogram"`
		Count     int64            `json:"count"`
		Average   *float64         `json:"average"`
		Identity  string           `json:"identity"`
		Revision  int64            `json:"revision"`
	}
	err := json.Unmarshal(a.body, &seen)
	for value := range 5 {
		told.Counts = append(told.Counts, seen.Histogram[fmt.Sprint(value+1)])
	}
	told.Count = seen.Count
	if err == nil && !isMean(seen.Average, told.Counts) {
		err = errors.New("the average is another one")
	}
	if err != nil || a.status != http.StatusOK || seen.TalkID != of.id || seen.Hidden ||
		len(seen.Histogram) != 5 || seen.Identity != "client" {
		r.odd = append(r.odd, fmt.Sprintf("ratings of %s: %v (%v)", of.id, a, err))
		return told, false
	}
	v.Done, v.Revision, v.Count, v.Body = r.crowd.now(), seen.Revision, seen.Count, hash(a.body)
	r.ratingViews = append(r.ratingViews, v)
	return told, true
}

// isMean says whether a mean is that of counts of 1 to 5; nil: there is none of none.
func isMean(mean *float64, counts []int64) bool {
	var sum, n int64
	for i, c := range counts {
		sum, n = sum+int64(i+1)*c, n+c
	}
	if n == 0 || mean == nil {
		return n == 0 && mean == nil
	}
	return math.Abs(*mean-float64(sum)/float64(n)) < 1e-9
}
