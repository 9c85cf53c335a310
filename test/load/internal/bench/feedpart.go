//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

// feedSize is a Plenary whose feed is small or full.
type feedSize struct {
	*plenary
	feedData
	at      float64 // as loads say
	readers []string
}

const (
	// feedConnections are those of closed loops in this part.
	feedConnections = 64
	// feedRate is how many readings of the open loop there are in a second.
	feedRate = 200
)

// feed counts votes in a small and in a full feed, and reads both, by turns. At last everything is
// counted again.
func (b *Bench) feed(ctx context.Context, p *report.Part) (err error) {
	full, err := b.startPlenary(ctx, "a full feed", "api", "worker", b.settings()...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, full.end()) }()
	few := b.FeedPolls / 100
	seen := few / 2
	sizes := []*feedSize{
		{plenary: b.now, feedData: feedData{polls: few, seen: seen}, at: report.FeedSmall},
		{plenary: full, feedData: feedData{b.FeedPolls, seen, b.FeedAnswers}, at: report.FeedFull},
	}
	for _, s := range sizes {
		began := time.Now()
		if err := s.prepare(ctx); err != nil {
			return err
		}
		b.say("a feed of %d polls is there after %v", s.polls, time.Since(began).Round(time.Second))
	}
	err = b.turns(ctx, len(sizes)*len(report.FeedLoads), func(round, i int) error {
		s, of := sizes[i%len(sizes)], report.FeedLoads[i/len(sizes)]
		values, err := b.feedLoad(ctx, s, of)
		if err != nil {
			return fmt.Errorf("%s, %d polls: %w", of, s.polls, err)
		}
		b.add(p, of, s.at, round, values)
		return nil
	})
	for _, s := range sizes {
		err = errors.Join(err, b.recount(ctx, s.plenary))
	}
	return err
}

// prepare fills a feed, and makes those who read it.
func (s *feedSize) prepare(ctx context.Context) (err error) {
	if err := errors.Join(s.quietFeed(ctx), s.fill(ctx, s.feedData)); err != nil {
		return err
	}
	_, s.readers, err = s.members(ctx, 'a', feedReaders)
	return err
}

// feedLoad does one load, and gives what was measured.
func (b *Bench) feedLoad(ctx context.Context, s *feedSize, of string) (
	map[string]float64, error,
) {
	url := s.APIs[0].URL
	switch path := "/api/v1/polls?limit=20"; of {
	case report.FeedCounting:
		c := s.inFeed(of, url, false)
		c.quiet = func(context.Context) error { return nil }
		return b.closed(ctx, c, feedConnections)
	case report.FeedReading:
		seen, err := b.sendFeed(ctx, url, feedConnections,
			&feedLoad{tokens: s.readers, read: path})
		if err == nil && seen.Refused+seen.Broken > 0 {
			err = fmt.Errorf("%d readings of %d failed", seen.Refused+seen.Broken, seen.Requests)
		}
		return map[string]float64{report.Readings: float64(seen.acknowledged) / seen.Micros * 1e6},
			err
	case report.FeedByTag:
		return b.readFeed(ctx, s, path+"&tag="+feedTag)
	case report.FeedByWord:
		return b.readFeed(ctx, s, path+"&search="+feedSearch)
	default:
		return b.readFeed(ctx, s, path)
	}
}

// inFeed is what wrk is set on whose votes are in the feed.
func (p *plenary) inFeed(name, url string, hot bool) contestant {
	return contestant{
		name: name, url: url, quiet: p.quietFeed, cpu: p.groups(false), counted: p.countedFeed,
		recount: p.recountFeed, feed: func(ctx context.Context) (*feedLoad, error) {
			_, tokens, err := p.members(ctx, 'b', feedVoters)
			if err != nil {
				return nil, err
			}
			polls, err := p.newPolls(ctx)
			return &feedLoad{polls: polls, tokens: tokens, hot: hot}, err
		},
	}
}

// readFeed reads a path at a fixed rate, whatever becomes of it. Then it looks whether what each
// reader sees is what it has not answered.
func (b *Bench) readFeed(ctx context.Context, s *feedSize, path string) (
	map[string]float64, error,
) {
	url := s.APIs[0].URL
	load := crowd.Load{
		Addr: room{URL: url}.addr(), Conns: feedConnections, Due: feedRate * b.Seconds,
		Rate: feedRate, Patience: connectPatience,
		Request: func(buf []byte, n int) []byte {
			return fmt.Appendf(buf, "GET %s HTTP/1.1\r\nHost: plenary\r\n"+
				"Authorization: Bearer %s\r\n\r\n", path, s.readers[n%len(s.readers)])
		},
	}
	if err := load.Connect(); err != nil {
		return nil, err
	}
	seen, err := load.Run(crowd.Now() + int64(10*time.Millisecond))
	if err != nil {
		return nil, err
	}
	if n := seen.Answers[http.StatusOK]; n != load.Due {
		return nil, fmt.Errorf("of %d readings %v, %d broken, %d unsent", load.Due, seen.Answers,
			seen.Broken, seen.Unsent)
	}
	if err := s.check(ctx, url+path); err != nil {
		return nil, err
	}
	ms := func(p float64) float64 {
		return crowd.Percentile(seen.Latencies, p).Seconds() * 1e3
	}
	return map[string]float64{"50 %": ms(50), "99 %": ms(99)}, nil
}

// check looks at a page of each reader: it has polls, none of which is newer than the newest that
// the reader has not answered.
func (s *feedSize) check(ctx context.Context, url string) error {
	newest, err := s.newestUnseen(ctx, s.feedData)
	if err != nil {
		return err
	}
	for _, token := range s.readers {
		var page struct {
			Items []struct {
				ID uuid.UUID `json:"poll_id"`
			} `json:"items"`
		}
		if _, err := call(ctx, token, http.MethodGet, url, nil, &page); err != nil {
			return err
		}
		if len(page.Items) == 0 || page.Items[0].ID.String() > newest.String() {
			return fmt.Errorf("a page of %d polls begins with %v, and %v is the newest",
				len(page.Items), page.Items, newest)
		}
	}
	return nil
}
