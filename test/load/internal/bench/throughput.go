//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// contestant is what wrk is set on.
type contestant struct {
	name   string
	url    string
	rooms  int  // presentations of Plenary; 0: it is none, and looks nothing up
	rates  bool // a talk is rated
	passes bool // its voters have passes
	quiet  func(context.Context) error
	// counted reads how many votes are counted, and how many rooms have none; nil: none are.
	counted func(context.Context, []room) (n int64, empty int, err error)
	// feed makes polls, and accounts that vote on them in the feed; nil: votes are others.
	feed func(context.Context) (*feedLoad, error)
	// recount is an error if what is counted is not what a recount gives; nil: others look.
	recount  func(context.Context, []room) error
	of       *plenary // whose database has the rooms; nil: it is none of ours
	embedded bool     // an answer means counted: nothing is waited for
	cpu      groups
	run      func(context.Context) (map[string]float64, error) // in place of wrk; nil: wrk
}

// contestants gives those that are wanted, in the report's order, and what ends them.
func (b *Bench) contestants(ctx context.Context) (all []contestant, end func() error, err error) {
	var started []func() error
	end = func() error {
		var errs []error
		for _, end := range started {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
	add := func(c contestant) {
		if slices.Contains(b.Contestants, c.name) {
			all = append(all, c)
		}
	}
	nothing := func(context.Context) error { return nil }
	add(contestant{name: report.NoOp, url: b.noop.APIs[0].URL, quiet: nothing,
		cpu: groups{"api": b.noop.APIs}})
	add(contestant{name: report.NoOp + report.NGINX, url: b.noop.NGINX.URL, quiet: nothing,
		cpu: groups{"api": b.noop.APIs, "nginx": {b.noop.NGINX}}})
	for _, p := range b.plenaries() {
		c := contestant{name: p.name, url: p.APIs[0].URL, rooms: 1, quiet: p.quiet, of: p,
			cpu: p.groups(false), counted: p.counted}
		proxied := c
		proxied.name, proxied.url, proxied.cpu = p.name+report.NGINX, p.NGINX.URL, p.groups(true)
		add(c)
		add(proxied)
		if p == b.now {
			c.name, c.rooms = report.Several, 8
			add(c)
			c.name, c.rooms = report.Many, 100
			add(c)
			c.name, c.rooms, c.passes = report.Passes, 1, true
			proxied.name, proxied.passes = report.Passes+report.NGINX, true
			add(c)
			add(proxied)
			add(p.inFeed(report.Feed, p.APIs[0].URL, false))
			add(p.inFeed(report.FeedHot, p.APIs[0].URL, true))
		}
		if name := p.name + report.Embedded; slices.Contains(b.Contestants, name) {
			one := stack.Config{Parts: stack.API, APIs: 1, APIBinary: p.api, APIEnv: quietLog}
			s, err := stack.Start(ctx, one)
			if err != nil {
				return nil, end, fmt.Errorf("%s: %w", name, err)
			}
			started = append(started, s.Close)
			add(contestant{name: name, url: s.URL, rooms: 1, embedded: true, quiet: nothing,
				counted: total, cpu: groups{"api": s.APIs}})
		}
	}
	if slices.ContainsFunc(b.Contestants, isByFiber) {
		p, err := b.startPlenary(ctx, report.VotesByFiber, "api", "worker",
			append(b.settings(), "PLENARY_FAST_VOTES=false")...)
		if err != nil {
			return nil, end, fmt.Errorf("%s: %w", report.VotesByFiber, err)
		}
		started = append(started, p.end)
		c := contestant{name: report.VotesByFiber + report.NGINX, url: p.NGINX.URL, rooms: 1,
			quiet: p.quiet, of: p, cpu: p.groups(true), counted: p.counted}
		add(c)
		c.name, c.rates = report.Ratings+report.NGINX, true
		c.quiet, c.counted = p.quietRatings, p.countedRatings
		add(c)
		c = p.inFeed(report.Feed+report.NGINX, p.NGINX.URL, false)
		c.cpu = p.groups(true)
		add(c)
	}
	if slices.Contains(b.Contestants, report.Usual) {
		c, stop, err := b.usual(ctx)
		if err != nil {
			return nil, end, fmt.Errorf("%s: %w", report.Usual, err)
		}
		started = append(started, stop)
		add(c)
	}
	add(contestant{name: report.Transaction, run: b.perVote})
	place := func(c contestant) int { return slices.Index(report.Contestants, c.name) }
	slices.SortFunc(all, func(a, b contestant) int { return place(a) - place(b) })
	return all, end, nil
}

// isByFiber says whether a contestant is one of the three that go the way of all requests.
func isByFiber(name string) bool {
	return name == report.VotesByFiber+report.NGINX || name == report.Ratings+report.NGINX ||
		name == report.Feed+report.NGINX
}

// throughput sets wrk on all contestants by turns, over every number of connections.
func (b *Bench) throughput(ctx context.Context, p *report.Part) (err error) {
	all, end, err := b.contestants(ctx)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return err
	}
	for _, connections := range b.Connections {
		err := b.turns(ctx, len(all), func(round, i int) error {
			values, err := b.closed(ctx, all[i], connections)
			if err != nil {
				return fmt.Errorf("%s, %d connections: %w", all[i].name, connections, err)
			}
			b.add(p, all[i].name, float64(connections), round, values)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// closed sets wrk on one contestant and waits until every vote is counted. It is an error when an
// acknowledged vote is not, or when more are counted than can have been sent.
func (b *Bench) closed(ctx context.Context, c contestant, connections int) (
	map[string]float64, error) {
	if c.run != nil {
		return c.run(ctx)
	}
	if err := c.quiet(ctx); err != nil {
		return nil, err
	}
	rooms, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	var passes []byte
	if c.passes {
		if passes, err = c.of.passes(ctx, rooms[0], b.Seconds); err != nil {
			return nil, err
		}
	}
	sizes, err := c.sizes(ctx)
	if err != nil {
		return nil, err
	}
	before, err := c.cpu.cpu()
	if err != nil {
		return nil, err
	}
	var seen loaded
	if f := rooms[0].Feed; f != nil {
		seen, err = b.sendFeed(ctx, c.url, connections, f)
	} else {
		seen, err = b.wrk(ctx, rooms, connections, passes)
	}
	if err != nil {
		return nil, err
	}
	d := drained{counted: seen.acknowledged}
	if c.counted != nil {
		err = d.wait(ctx, c, rooms, seen)
	} else {
		d.cpu, err = c.cpu.cpu()
	}
	if err != nil {
		return nil, err
	}
	if c.recount != nil {
		if err := c.recount(ctx, rooms); err != nil {
			return nil, err
		}
	}
	// wrk hangs up on what is under way when its time is over, up to a request per connection.
	if most := seen.Requests + seen.Broken + int64(connections); d.counted > most {
		return nil, fmt.Errorf("%d votes are counted, and at most %d were sent", d.counted, most)
	}
	values := map[string]float64{
		report.Rate:    float64(seen.acknowledged) / (seen.Micros/1e6 + d.seconds),
		"acknowledged": float64(seen.acknowledged),
		"counted":      float64(d.counted), "not 2xx": float64(seen.Refused + seen.Broken),
	}
	if c.rooms > 1 {
		values["rooms without votes"] = float64(d.empty)
	}
	now, err := c.sizes(ctx)
	if err != nil {
		return nil, err
	}
	for what, unit := range map[string]string{"batch": "batch", "count": "transaction"} {
		if n := now[what+" count"] - sizes[what+" count"]; n > 0 {
			values["votes a "+unit] = (now[what+" sum"] - sizes[what+" sum"]) / n
		}
	}
	for name, seconds := range since(before, d.cpu, float64(d.counted)) {
		values[report.CPU+" "+name] = seconds * 1e6
		values[report.CPU] += seconds * 1e6
	}
	values[report.CPU+" wrk"] = float64(seen.cpu.Microseconds()) / float64(max(d.counted, 1))
	return values, nil
}

// sizes gives the sizes of batches and transactions where there are some.
func (c contestant) sizes(ctx context.Context) (map[string]float64, error) {
	if c.of == nil {
		return nil, nil
	}
	return c.of.sizes(ctx)
}

// open makes the presentations that are voted in.
func (c contestant) open(ctx context.Context) (rooms []room, err error) {
	if c.feed != nil {
		f, err := c.feed(ctx)
		return []room{{URL: c.url, Feed: f}}, err
	}
	if c.rooms == 0 {
		return []room{noRoom(c.url)}, nil
	}
	if c.rooms > 1 {
		return c.of.spread(ctx, c.url, c.rooms)
	}
	if c.rates {
		rated, err := newRated(ctx, c.url)
		return []room{rated}, err
	}
	t, err := newTalk(ctx, c.url, 1)
	if err == nil && c.passes {
		err = t.askForPasses(ctx)
	}
	return []room{t.room}, err
}
