package chaos

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// store is the database, seen by nobody's code but this.
type store struct {
	db     *sql.DB
	sqlite bool
}

func openStore(url string) (*store, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
		return &store{db, true}, err
	}
	db, err := sql.Open("postgres", url)
	return &store{db, false}, err
}

// pollsOf maps the polls' ids to their numbers.
func (c *Crowd) pollsOf() map[uuid.UUID]int32 {
	all := map[uuid.UUID]int32{}
	for _, r := range c.rooms {
		for i, id := range r.polls {
			all[uuid.MustParse(id)] = r.poll(i)
		}
	}
	return all
}

// open counts the polls that are neither final nor still to be displayed.
func (s *store) open(ctx context.Context) (n int, err error) {
	err = s.db.QueryRowContext(ctx,
		`SELECT count(*) FROM poll_states WHERE status IN ('open', 'closing')`).Scan(&n)
	return n, err
}

// awaitFinal waits until every poll is final or was never displayed.
func (s *store) awaitFinal(ctx context.Context) error {
	for {
		n, err := s.open(ctx)
		if err == nil && n == 0 {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d polls do not become final: %w", n, errOr(err, ctx.Err()))
		}
	}
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// rows reads every vote.
func (s *store) rows(ctx context.Context, c *Crowd) (rows []check.Row, err error) {
	polls := c.pollsOf()
	all, err := s.db.QueryContext(ctx, `SELECT poll_id, voter_id, seq, answer, vote_id FROM votes`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Close() }()
	for all.Next() {
		var pollID, voterID, voteID uuid.UUID
		var answer string
		row := check.Row{Poll: -1}
		if err := all.Scan(&pollID, &voterID, &row.Seq, &answer, &voteID); err != nil {
			return nil, err
		}
		if poll, ok := polls[pollID]; ok {
			row.Poll = poll
		}
		if row.Poll >= 0 {
			row.Answer = kinds[row.Poll%roomPolls].answer(strings.Split(answer, "\n"))
		}
		if answer == "" {
			row.Answer = check.TakenBack
		}
		row.Voter, row.ID = -1, check.ID(voteID)
		if row.Poll >= 0 {
			row.Voter = c.voterOf(c.rooms[row.Poll/roomPolls], voterID)
		}
		rows = append(rows, row)
	}
	return rows, all.Err()
}

// words reads how often each word was said, by poll.
func (s *store) words(ctx context.Context) (map[uuid.UUID]map[string]int64, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT poll_id, word, count FROM words`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[uuid.UUID]map[string]int64{}
	for rows.Next() {
		var pollID uuid.UUID
		var word string
		var n int64
		if err := rows.Scan(&pollID, &word, &n); err != nil {
			return nil, err
		}
		if all[pollID] == nil {
			all[pollID] = map[string]int64{}
		}
		all[pollID][word] = n
	}
	return all, rows.Err()
}

// ends reads every poll's tally.
func (s *store) ends(ctx context.Context, c *Crowd) (ends []check.End, err error) {
	polls := c.pollsOf()
	words, err := s.words(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.db.QueryContext(ctx, `SELECT poll_id, voters, counts FROM poll_states`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Close() }()
	for all.Next() {
		var pollID uuid.UUID
		var e check.End
		counts := any((*pq.Int64Array)(&e.Counts))
		if s.sqlite {
			counts = (*jsonCounts)(&e.Counts)
		}
		if err := all.Scan(&pollID, &e.Voters, counts); err != nil {
			return nil, err
		}
		poll, ok := polls[pollID]
		if !ok {
			continue
		}
		e.Poll = poll
		if k := &kinds[poll%roomPolls]; k.own() {
			if e.Counts, ok = k.counts(words[pollID]); !ok {
				return nil, fmt.Errorf("nobody wrote what is counted: %v", words[pollID])
			}
		}
		ends = append(ends, e)
	}
	return ends, all.Err()
}

// jsonCounts are counts as SQLite has them.
type jsonCounts []int64

func (j *jsonCounts) Scan(v any) error {
	switch v := v.(type) {
	case string:
		return json.Unmarshal([]byte(v), j)
	case []byte:
		return json.Unmarshal(v, j)
	}
	return fmt.Errorf("counts are a %T", v)
}

// settle waits until all is final and completes the history with what is there, and with what is
// there much later. It gives the histories of ratings and of the feed, which are complete likewise.
func (c *Crowd) settle(
	ctx context.Context, s *store, h *check.History, much time.Duration,
) (*check.RatingHistory, *check.FeedHistory, error) {
	if err := errors.Join(s.awaitFinal(ctx), c.lastRatings(ctx), c.lastActs(ctx)); err != nil {
		return nil, nil, err
	}
	final, feed := time.Now(), c.feedHistory()
	if err := c.finish(ctx, s, h); err != nil {
		return nil, nil, err
	}
	end, err := c.tellProgramme(ctx, s)
	if err == nil {
		feed.End, err = c.tellFeed(ctx, s)
	}
	if err != nil {
		return nil, nil, err
	}
	// Nothing may change any more. If something does, it may be in time for nobody to see it: so
	// look again.
	select {
	case <-time.After(time.Until(final.Add(much))):
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if err := c.later(ctx, s, h); err != nil {
		return nil, nil, err
	}
	later, err := c.tellProgramme(ctx, s)
	if err == nil {
		feed.Later, err = c.tellFeed(ctx, s)
	}
	ratings := c.ratingHistory() // of what was read just now, too
	ratings.End, ratings.Later = end, later
	return ratings, feed, err
}

// finish reads what is there when all is final.
func (c *Crowd) finish(ctx context.Context, s *store, h *check.History) error {
	err := c.identify(ctx, s)
	if err != nil {
		return err
	}
	if h.Rows, err = s.rows(ctx, c); err != nil {
		return err
	}
	if h.Ends, err = s.ends(ctx, c); err != nil {
		return err
	}
	if len(h.Ends) != len(c.rooms)*roomPolls {
		return fmt.Errorf("%d polls were made, %d are there", len(c.rooms)*roomPolls, len(h.Ends))
	}
	return c.tell(h.Ends)
}

// later reads again what is there much later.
func (c *Crowd) later(ctx context.Context, s *store, h *check.History) (err error) {
	if h.Later, err = s.rows(ctx, c); err != nil {
		return err
	}
	if h.Later == nil {
		h.Later = []check.Row{}
	}
	later := make([]check.End, len(h.Ends))
	for i := range later {
		later[i].Poll = h.Ends[i].Poll
	}
	if err := c.tell(later); err != nil { // what it reads is compared as views
		return err
	}
	h.Views = nil
	for _, r := range c.readers {
		h.Views = append(h.Views, r.views...)
	}
	return nil
}

// tell has every replica tell about every poll.
func (c *Crowd) tell(ends []check.End) error {
	for i := range ends {
		e := &ends[i]
		for _, r := range c.readers {
			t, err := r.told(c.rooms[e.Poll/roomPolls], int(e.Poll%roomPolls))
			if err != nil {
				return err
			}
			if t.List == nil && t.Total == 0 {
				t.List = []check.Row{}
			}
			e.Told = append(e.Told, t)
		}
	}
	return nil
}
