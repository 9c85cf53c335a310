//go:build linux

package bench

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// contestant is what wrk is set on.
type contestant struct {
	name   string
	prefer string
	rooms  func(context.Context) ([]room, error)
	// counted reads how many votes of a room are counted; nil: they are not, or were before the answer.
	counted  func(context.Context, room) (int64, error)
	db       *sql.DB          // where that is, as superuser; nil: Plenary's
	passes   bool             // its voters have passes
	embedded bool             // an answer means counted, so nothing drains, and the total is read through the API
	apis     []*stack.Process // whose metrics tell the answers
	cpu      groups
}

// contestants gives those that are wanted, in the order of the report.
func (b *Bench) contestants() (all []contestant) {
	servers := groups{"postgresql": {b.plenary.Postgres}, "rabbitmq": b.plenary.Rabbits}
	with := func(more groups) groups {
		all := maps.Clone(servers)
		maps.Copy(all, more)
		return all
	}
	made := newRoom
	if b.Passes {
		made = newPassRoom
	}
	fresh := func(url string) func(context.Context) ([]room, error) {
		return func(ctx context.Context) ([]room, error) {
			r, err := made(ctx, url)
			return []room{r}, err
		}
	}
	none := func(url string) func(context.Context) ([]room, error) {
		return func(context.Context) ([]room, error) { return []room{noRoom(url)}, nil }
	}
	number := func(db *sql.DB, query string) func(context.Context, room) (int64, error) {
		return func(ctx context.Context, r room) (n int64, err error) {
			err = db.QueryRowContext(ctx, query, r.poll).Scan(&n)
			return n, err
		}
	}
	ofPlenary := number(b.admin, countedVotes)
	ofTallies := number(b.rival, "SELECT coalesce(sum(count), 0) FROM tallies WHERE poll_id = $1")
	ofRows := number(b.rival, "SELECT count(*) FROM votes WHERE poll_id = $1")
	through := func(more ...*stack.Process) groups {
		return with(groups{"api": slices.Concat(b.plenary.APIs, more), "worker": b.plenary.Workers})
	}
	nginx := through()
	nginx["nginx"] = []*stack.Process{b.plenary.NGINX}
	one, proxy := b.plenary.APIs[0].URL, b.plenary.NGINX.URL
	all = []contestant{
		{name: report.NoOp, rooms: none(b.noop.APIs[0].URL), cpu: groups{"api": b.noop.APIs}},
		{name: report.Plenary, rooms: fresh(one), counted: ofPlenary, apis: b.plenary.APIs, cpu: through()},
		{name: report.PlenaryRooms, rooms: func(ctx context.Context) ([]room, error) { return b.spreadRooms(ctx, one, manyRooms, made) }, counted: ofPlenary,
			apis: b.plenary.APIs, cpu: through()},
		{name: report.PlenaryAsync, prefer: "respond-async", rooms: fresh(one), counted: ofPlenary, apis: b.plenary.APIs, cpu: through()},
		{name: report.NoOpNGINX, rooms: none(b.noop.NGINX.URL), cpu: groups{"api": b.noop.APIs, "nginx": {b.noop.NGINX}}},
		{name: report.PlenaryNGINX, rooms: fresh(proxy), counted: ofPlenary, apis: b.plenary.APIs, cpu: nginx},
		{name: report.PlenaryNAsync, prefer: "respond-async", rooms: fresh(proxy), counted: ofPlenary, apis: b.plenary.APIs, cpu: nginx},
	}
	for name, s := range b.others {
		c := contestant{name: name, cpu: with(groups{"api": s.APIs})}
		switch name {
		case report.PlenaryLog:
			c.rooms, c.counted, c.apis, c.cpu = fresh(s.URL), ofPlenary, s.APIs, through(s.APIs...)
		case report.Embedded:
			c.rooms, c.embedded, c.apis, c.cpu = fresh(s.URL), true, s.APIs, groups{"api": s.APIs}
			c.counted = func(ctx context.Context, r room) (int64, error) { return r.total(ctx) }
		case report.Message:
			c.rooms, c.counted, c.cpu = none(s.URL), ofTallies, with(groups{"api": s.APIs, "worker": s.Workers})
		case report.Insert:
			c.rooms, c.counted = none(s.URL), ofRows
		default:
			c.rooms, c.counted = none(s.URL), ofTallies
		}
		all = append(all, c)
	}
	all = slices.DeleteFunc(all, func(c contestant) bool {
		return !slices.Contains(b.Contestants, c.name) || c.embedded && b.Passes // the key is in its file
	})
	for i := range all {
		all[i].passes = b.Passes && all[i].apis != nil // it is Plenary
	}
	place := func(c contestant) int { return slices.Index(report.Contestants, c.name) }
	slices.SortFunc(all, func(a, b contestant) int { return place(a) - place(b) })
	return all
}

func (b *Bench) throughput(ctx context.Context, run report.Run) (t *report.Throughput, err error) {
	defer func() { err = errors.Join(err, b.closeOthers()) }()
	if err := b.startOthers(ctx); err != nil {
		return nil, err
	}
	t = &report.Throughput{Run: run, CPUUntilLast: true}
	all := b.contestants()
	for round := range b.Rounds {
		for _, connections := range b.Connections {
			for i := range all {
				// Each round begins with another one: nobody always follows the same.
				c := all[(i+round)%len(all)]
				closed, err := b.closed(ctx, c, connections, round)
				if err != nil {
					return nil, fmt.Errorf("%s, %d connections: %w", c.name, connections, err)
				}
				t.Loads = append(t.Loads, closed)
				b.say("round %d  %5d  %-46s %8.0f votes/s  p99 %7.1f ms  backlog %6d  %5.1f µs CPU  refused %d, broken %d %v", round+1, connections,
					c.name, closed.Rate(), closed.P99, closed.Backlog, closed.TotalCPU(), closed.Refused, closed.Broken, closed.Answers)
			}
		}
	}
	return t, nil
}

// manyRooms is how many PlenaryRooms has, as its name says.
const manyRooms = 8

// countedVotes reads how many votes of a poll Plenary has counted.
const countedVotes = "SELECT voters FROM poll_states WHERE poll_id = $1"

// drainTimeout bounds the wait for the counting. None is expected to need it.
const drainTimeout = 2 * time.Minute

// closed sets wrk on one contestant and waits until every vote is counted. It is an error when an acknowledged vote is
// not, or when more are counted than can have been sent.
func (b *Bench) closed(ctx context.Context, c contestant, connections, round int) (r report.Closed, err error) {
	db := cmp.Or(c.db, b.admin)
	if err := b.quietIn(ctx, db); err != nil {
		return r, err
	}
	rooms, err := c.rooms(ctx)
	if err != nil {
		return r, err
	}
	l := load{rooms: rooms, prefer: c.prefer, connections: connections, seconds: b.Seconds, salt: b.nextSalt()}
	if c.passes {
		if l.passes, err = passes(ctx, db, rooms, b.Seconds); err != nil {
			return r, err
		}
	}
	answersBefore, err := answers(ctx, c.apis)
	if err != nil {
		return r, err
	}
	before, err := c.cpu.cpu()
	if err != nil {
		return r, err
	}
	watched := b.watchLocks(ctx, c)
	seen, err := b.wrk(ctx, l)
	ended := time.Now()
	looks, waiting, watchErr := watched()
	if err := errors.Join(err, watchErr); err != nil {
		return r, err
	}
	r = report.Closed{Contestant: c.name, Connections: connections, Round: round, Seconds: seen.Micros / 1e6,
		Acknowledged: seen.Requests - seen.Refused, Refused: seen.Refused, Broken: seen.Broken, P50: seen.P50 / 1e3, P99: seen.P99 / 1e3, Looks: looks, Waiting: waiting}
	var after map[string]float64
	if c.counted == nil {
		r.Counted = r.Acknowledged
		after, err = c.cpu.cpu()
	} else {
		after, err = b.drain(ctx, c, rooms, ended, int64(connections), &r)
	}
	if err != nil {
		return r, err
	}
	r.CPU = since(before, after, r.Counted)
	r.CPU["wrk"] = float64(seen.cpu.Microseconds()) / float64(max(r.Counted, 1))
	answersAfter, err := answers(ctx, c.apis)
	for status, n := range answersAfter {
		if n -= answersBefore[status]; n > 0 {
			if r.Answers == nil {
				r.Answers = map[string]int64{}
			}
			r.Answers[status] = n
		}
	}
	return r, err
}

// watchLocks looks how many sessions wait for a lock, until what it returns is called. Nobody is asked where there is no PostgreSQL.
func (b *Bench) watchLocks(ctx context.Context, c contestant) func() (looks, waiting int, err error) {
	if c.cpu["postgresql"] == nil {
		return func() (int, int, error) { return 0, 0, nil }
	}
	var watching sync.WaitGroup
	var looks, waiting int
	var err error
	until, stop := context.WithCancel(ctx)
	watching.Go(func() {
		err = wait(until, 50*time.Millisecond, func() (bool, error) {
			var n int
			err := cmp.Or(c.db, b.admin).QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").Scan(&n)
			looks, waiting = looks+1, waiting+n
			return until.Err() != nil, err
		})
	})
	return func() (int, int, error) {
		stop()
		watching.Wait()
		if ctx.Err() == nil && errors.Is(err, context.Canceled) {
			err = nil // it was told to stop
		}
		return looks, waiting, err
	}
}

// drain waits until all is counted. wrk hangs up on the requests that are under way when its time is over: up to one per
// connection is counted that it has seen no answer to. The last vote has been counted when nothing was for settle;
// the CPU that it gives is until then, without the idling after it.
func (b *Bench) drain(ctx context.Context, c contestant, rooms []room, ended time.Time, underWay int64, r *report.Closed) (cpu map[string]float64, err error) {
	const settle = 300 * time.Millisecond
	first, last, began := true, time.Time{}, time.Now()
	var acknowledged time.Time // when all of them were seen counted
	err = wait(ctx, 20*time.Millisecond, func() (bool, error) {
		n, each := int64(0), make([]int64, len(rooms))
		for i, room := range rooms {
			if each[i], err = c.counted(ctx, room); err != nil {
				return false, err
			}
			n += each[i]
		}
		if len(rooms) > 1 {
			r.Rooms = each
		}
		now := time.Now()
		if first || n != r.Counted {
			if cpu, err = c.cpu.cpu(); err != nil {
				return false, err
			}
		}
		if first {
			r.Backlog, first = max(r.Acknowledged-n, 0), false
			last = ended
		} else if n != r.Counted {
			last = now
		}
		r.Counted = n
		if n >= r.Acknowledged && acknowledged.IsZero() {
			acknowledged = now
		}
		if n < r.Acknowledged && now.Sub(began) > drainTimeout {
			return false, fmt.Errorf("%d votes were acknowledged and %d are counted %v later", r.Acknowledged, n, drainTimeout)
		}
		return n >= r.Acknowledged && now.Sub(last) > settle, nil
	})
	if err != nil {
		return nil, err
	}
	if most := r.Acknowledged + r.Refused + r.Broken + underWay; r.Counted > most {
		return nil, fmt.Errorf("%d votes are counted, and at most %d were sent", r.Counted, most)
	}
	switch {
	case c.embedded:
		r.Backlog = 0
	case r.Backlog > 0:
		r.Drain = acknowledged.Sub(ended).Seconds()
	}
	return cpu, nil
}

// answers reads how many votes the APIs have answered, by status. Nobody is asked when there are none.
func answers(ctx context.Context, apis []*stack.Process) (map[string]int64, error) {
	byStatus := map[string]int64{}
	return byStatus, metrics(ctx, apis, "plenary_http_requests_total", func(labels string, value float64) {
		if strings.Contains(labels, `/current/votes"`) {
			byStatus[label(labels, "status")] += int64(value)
		}
	})
}
