//go:build linux

package bench

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// contestant is what wrk is set on.
type contestant struct {
	name   string
	prefer string
	room   func(context.Context) (room, error)
	// counted reads how many votes of the room are counted; nil: they are not, or were before the answer.
	counted  func(context.Context, room) (int64, error)
	embedded bool             // an answer means counted, so nothing drains, and the total is read through the API
	apis     []*stack.Process // whose metrics tell the answers
	cpu      groups
}

// contestants gives them in the order of the report.
func (b *Bench) contestants() []contestant {
	servers := groups{"postgresql": {b.plenary.Postgres}, "rabbitmq": b.plenary.Rabbits}
	with := func(more groups) groups {
		all := maps.Clone(servers)
		maps.Copy(all, more)
		return all
	}
	fresh := func(url string) func(context.Context) (room, error) {
		return func(ctx context.Context) (room, error) { return newRoom(ctx, url) }
	}
	none := func(url string) func(context.Context) (room, error) {
		return func(context.Context) (room, error) { return noRoom(url), nil }
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
	direct := with(groups{"api": b.plenary.APIs, "worker": b.plenary.Workers})
	nginx := with(groups{"api": b.plenary.APIs, "worker": b.plenary.Workers, "nginx": {b.plenary.NGINX}})
	all := []contestant{
		{name: report.NoOp, room: none(b.noop.APIs[0].URL), cpu: groups{"api": b.noop.APIs}},
		{name: report.Plenary, room: fresh(b.plenary.APIs[0].URL), counted: ofPlenary, apis: b.plenary.APIs, cpu: direct},
		{name: report.PlenaryAsync, prefer: "respond-async", room: fresh(b.plenary.APIs[0].URL), counted: ofPlenary, apis: b.plenary.APIs, cpu: direct},
		{name: report.NoOpNGINX, room: none(b.noop.NGINX.URL), cpu: groups{"api": b.noop.APIs, "nginx": {b.noop.NGINX}}},
		{name: report.PlenaryNGINX, room: fresh(b.plenary.NGINX.URL), counted: ofPlenary, apis: b.plenary.APIs, cpu: nginx},
		{name: report.PlenaryNAsync, prefer: "respond-async", room: fresh(b.plenary.NGINX.URL), counted: ofPlenary, apis: b.plenary.APIs, cpu: nginx},
		{name: report.Embedded, room: fresh(b.embedded.APIs[0].URL), embedded: true, counted: func(ctx context.Context, r room) (int64, error) { return r.total(ctx) },
			apis: b.embedded.APIs, cpu: groups{"api": b.embedded.APIs}},
		{name: report.Message, room: none(b.message.APIs[0].URL), counted: ofTallies, cpu: with(groups{"api": b.message.APIs, "worker": b.message.Workers})},
		{name: report.Insert, room: none(b.insert.APIs[0].URL), counted: ofRows, cpu: with(groups{"api": b.insert.APIs})},
		{name: report.Transaction, room: none(b.transaction.APIs[0].URL), counted: ofTallies, cpu: with(groups{"api": b.transaction.APIs})},
	}
	if b.Contestants == nil {
		return all
	}
	return slices.DeleteFunc(all, func(c contestant) bool { return !slices.Contains(b.Contestants, c.name) })
}

func (b *Bench) throughput(ctx context.Context, run report.Run) (*report.Throughput, error) {
	if err := b.startRivals(ctx); err != nil {
		return nil, err
	}
	t := &report.Throughput{Run: run, CPUUntilLast: true}
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
				b.say("round %d  %5d  %-34s %8.0f votes/s  p99 %7.1f ms  backlog %6d  %5.1f µs CPU  refused %d, broken %d %v", round+1, connections,
					c.name, closed.Rate(), closed.P99, closed.Backlog, closed.TotalCPU(), closed.Refused, closed.Broken, closed.Answers)
			}
		}
	}
	return t, nil
}

// countedVotes reads how many votes of a poll Plenary has counted.
const countedVotes = "SELECT voters FROM poll_states WHERE poll_id = $1"

// drainTimeout bounds the wait for the counting. None is expected to need it.
const drainTimeout = 2 * time.Minute

// closed sets wrk on one contestant and waits until every vote is counted. It is an error when an acknowledged vote is
// not, or when more are counted than can have been sent.
func (b *Bench) closed(ctx context.Context, c contestant, connections, round int) (r report.Closed, err error) {
	if err := b.quiet(ctx); err != nil {
		return r, err
	}
	room, err := c.room(ctx)
	if err != nil {
		return r, err
	}
	answersBefore, err := answers(ctx, c.apis)
	if err != nil {
		return r, err
	}
	before, err := c.cpu.cpu()
	if err != nil {
		return r, err
	}
	seen, err := b.wrk(ctx, load{room: room, prefer: c.prefer, connections: connections, seconds: b.Seconds, salt: b.nextSalt()})
	ended := time.Now()
	if err != nil {
		return r, err
	}
	r = report.Closed{Contestant: c.name, Connections: connections, Round: round, Seconds: seen.Micros / 1e6,
		Acknowledged: seen.Requests - seen.Refused, Refused: seen.Refused, Broken: seen.Broken, P50: seen.P50 / 1e3, P99: seen.P99 / 1e3}
	var after map[string]float64
	if c.counted == nil {
		r.Counted = r.Acknowledged
		after, err = c.cpu.cpu()
	} else {
		after, err = b.drain(ctx, c, room, ended, int64(connections), &r)
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

// drain waits until all is counted. wrk hangs up on the requests that are under way when its time is over: up to one per
// connection is counted that it has seen no answer to. The last vote has been counted when nothing was for settle;
// the CPU that it gives is until then, without the idling after it.
func (b *Bench) drain(ctx context.Context, c contestant, room room, ended time.Time, underWay int64, r *report.Closed) (cpu map[string]float64, err error) {
	const settle = 300 * time.Millisecond
	first, last, began := true, time.Time{}, time.Now()
	var acknowledged time.Time // when all of them were seen counted
	err = wait(ctx, 20*time.Millisecond, func() (bool, error) {
		n, err := c.counted(ctx, room)
		if err != nil {
			return false, err
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
