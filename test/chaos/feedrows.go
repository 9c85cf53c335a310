package chaos

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// feedHistory puts together what everybody wrote down of the feed.
func (c *Crowd) feedHistory() *check.FeedHistory {
	// A clock that is wrong, by half a minute at most, may have another day.
	const wrong = time.Minute
	first, last := c.feed.began.Add(-wrong).UTC(), time.Now().Add(wrong).UTC()
	h := &check.FeedHistory{Quota: feedQuota, Days: 1, Acts: c.feed.last}
	if first.YearDay() != last.YearDay() {
		h.Days = 2
	}
	for _, d := range c.feed.devices {
		h.Acts = append(h.Acts, d.acts...)
		h.Pages = append(h.Pages, d.pages...)
	}
	return h
}

// lastActs has every account take back at every replica a skip that it has not made, until it is
// told that this had its effect. All that this replica has taken of it before has been decided
// then, too.
func (c *Crowd) lastActs(ctx context.Context) error {
	errs := make(chan error, len(c.feed.members))
	for _, m := range c.feed.members {
		go func() { errs <- c.lastActsOf(ctx, m) }()
	}
	var all error
	for range c.feed.members {
		all = errors.Join(all, <-errs)
	}
	return all
}

func (c *Crowd) lastActsOf(ctx context.Context, m *member) error {
	patient := manner{patience: 10 * time.Second}
	for i, replica := range c.replicas {
		a := check.Act{Account: m.number, Poll: int32(c.pace.polls), Action: check.Unskip}
		for a.Status != http.StatusNoContent {
			if ctx.Err() != nil {
				return fmt.Errorf("replica %d decides nothing of account %d: %w", i, m.number,
					ctx.Err())
			}
			c.act(replica, m, patient, &a)
			c.feed.mu.Lock()
			c.feed.last = append(c.feed.last, a)
			c.feed.mu.Unlock()
		}
	}
	return nil
}

// feedEnd reads every poll and every answer, all of them at one moment, and the polls' revisions.
func (s *store) feedEnd(ctx context.Context, c *Crowd) (
	e check.FeedEnd, revisions map[int32]int64, err error,
) {
	tx, err := s.db.BeginTx(ctx,
		&sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return e, nil, err
	}
	defer func() { _ = tx.Rollback() }() // it reads only
	polls, members := map[uuid.UUID]int32{}, map[uuid.UUID]int32{}
	for i, id := range c.feed.polls {
		polls[uuid.MustParse(id)] = int32(i)
	}
	for _, m := range c.feed.members {
		members[uuid.MustParse(m.id)] = m.number
	}
	number := func(of map[uuid.UUID]int32, id uuid.UUID) int32 {
		if n, ok := of[id]; ok {
			return n
		}
		return -1
	}
	revisions = map[int32]int64{}
	err = each(ctx, tx, `SELECT id, votes, skips, revision FROM feed_polls`,
		func(scan func(...any) error) error {
			var id uuid.UUID
			var p check.FeedPoll
			var revision int64
			votes := any((*pq.Int64Array)(&p.Votes))
			if s.sqlite {
				votes = (*jsonCounts)(&p.Votes)
			}
			err := scan(&id, votes, &p.Skips, &revision)
			p.Poll = number(polls, id)
			revisions[p.Poll] = revision
			e.Polls = append(e.Polls, p)
			return err
		})
	if err != nil {
		return e, nil, err
	}
	if len(revisions) != len(c.feed.polls) {
		return e, nil, fmt.Errorf("%d polls were published, %d are there", len(c.feed.polls),
			len(revisions))
	}
	return e, revisions, each(ctx, tx, `SELECT account_id, poll_id, option FROM feed_answers`,
		func(scan func(...any) error) error {
			var account, poll uuid.UUID
			var row check.FeedRow
			err := scan(&account, &poll, &row.Option)
			row.Account, row.Poll = number(members, account), number(polls, poll)
			e.Rows = append(e.Rows, row)
			return err
		})
}

// tellFeed reads what the store holds, and what every replica says of it. It reads again until
// nothing moved meanwhile.
func (c *Crowd) tellFeed(ctx context.Context, s *store) (check.FeedEnd, error) {
	for {
		e, revisions, err := s.feedEnd(ctx, c)
		if err != nil {
			return e, err
		}
		for i := range e.Polls {
			p := &e.Polls[i]
			for _, r := range c.readers {
				t, err := r.feedTold(ctx, p.Poll, revisions[p.Poll])
				if err != nil {
					return e, err
				}
				p.Told = append(p.Told, t)
			}
		}
		_, again, err := s.feedEnd(ctx, c)
		if err != nil || maps.Equal(revisions, again) {
			return e, err
		}
	}
}

// feedTold reads what a replica says of a poll, once it has heard of a revision.
func (r *reader) feedTold(ctx context.Context, poll int32, revision int64) (
	told check.FeedTold, err error,
) {
	id := r.crowd.feed.polls[poll]
	path := feedPath + "/" + id + "/stats"
	for {
		a := r.api.send(request{method: http.MethodGet, path: path}, 10*time.Second)
		var seen struct {
			PollID string `json:"poll_id"`
			Votes  []struct {
				Option string `json:"option"`
				Count  int64  `json:"count"`
			} `json:"votes"`
			Total, Skips, Revision int64
		}
		err := json.Unmarshal(a.body, &seen)
		told = check.FeedTold{Replica: r.number, Total: seen.Total}
		told.Skips = seen.Skips
		for i, v := range seen.Votes {
			if v.Option != string(rune('A'+i)) {
				err = fmt.Errorf("the option %q", v.Option)
			}
			told.Votes = append(told.Votes, v.Count)
		}
		switch {
		case a.status == http.StatusOK && err == nil && seen.PollID == id &&
			seen.Revision >= revision:
			return told, nil
		case a.status != 0 && a.status != 503 && (a.status != http.StatusOK || err != nil):
			return told, fmt.Errorf("the numbers of %s: %v (%w)", id, a, err)
		case ctx.Err() != nil:
			return told, fmt.Errorf("replica %d says of poll %s: %v: %w", r.number, id, a,
				ctx.Err())
		}
		time.Sleep(50 * time.Millisecond)
	}
}
