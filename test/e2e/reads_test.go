package e2e

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/lib/pq" // the driver "postgres"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/plenary-live/plenary/test/stack"
)

func (r *Room) resultsRequest(pollID, ifNoneMatch string) Request {
	return Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/results"),
		Header: conditional(ifNoneMatch)}
}

func conditional(ifNoneMatch string) map[string]string {
	if ifNoneMatch == "" {
		return nil
	}
	return map[string]string{"If-None-Match": ifNoneMatch}
}

// unlessKnown asks with each If-None-Match, for something whose present entity tag is tag.
func unlessKnown(t *testing.T, c *Client, req Request, tag string) {
	t.Helper()
	for header, want := range map[string]int{
		"": 200, tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304,
		`"x"`: 200, strings.Trim(tag, `"`): 200, tag[:len(tag)-1]: 200, `"9` + tag[1:]: 200,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			// which comes with every GET
			req.Method, req.Header, req.Wrong = method, conditional(header),
				method == http.MethodHead
			a := c.Do(req)
			require.Equal(t, want, a.Status, "%s with If-None-Match: %s", method, header)
			require.Equal(t, tag, a.Header.Get("ETag"))
			require.Equal(t, "no-cache", a.Header.Get("Cache-Control"))
			require.Equal(t, method == http.MethodGet && want == http.StatusOK, len(a.Body) > 0)
		}
	}
}

func TestResultsAreSentOnceForEachRevision(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"), choice("Two"))
		pollID := r.Polls[0].PollID
		tagOf := func(c *Client) string {
			a := c.Do(r.resultsRequest(pollID, ""))
			var res Results
			require.NoError(t, a.Decode(&res))
			require.Equal(t, fmt.Sprintf(`"%d.%d"`, res.Version, res.Revision),
				a.Header.Get("ETag"))
			return a.Header.Get("ETag")
		}
		before := tagOf(s.Client)
		unlessKnown(t, s.Client, r.resultsRequest(pollID, ""), before)

		r.Vote(pollID, NewVoter(), "A")
		a := s.Do(r.resultsRequest(pollID, before))
		require.Equal(t, http.StatusOK, a.Status, "a vote changes them")
		require.NotEqual(t, before, a.Header.Get("ETag"))
		r.Next()
		finalOf(t, r, pollID)
		final := tagOf(s.Client)
		for _, replica := range s.replicas {
			unlessKnown(t, replica, r.resultsRequest(pollID, ""), final)
		}
		r.Previous()
		require.Equal(t, http.StatusOK, s.Do(r.resultsRequest(pollID, final)).Status,
			"displayed again they are others, under a new version")
	})
}

func TestThePollOnTheSlideIsSentOnceForEachVersion(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"), choice("Two"))
		current := Request{Method: http.MethodGet, Path: r.Path("/polls/current")}
		unlessKnown(t, s.Client, current, `"1"`)
		r.Next()
		displays(t, r, r.Polls[1].PollID)
		for _, replica := range s.replicas {
			displays(t, r.Through(replica), r.Polls[1].PollID)
			unlessKnown(t, replica, current, `"2"`)
		}
		r.Clear()
		displays(t, r, "")
		current.Header = conditional("*")
		nothing := s.Do(current)
		require.Equal(t, "409 not_displayed", nothing.Code(), "nothing is not what the client has")
		require.Equal(t, `"3"`, nothing.Header.Get("ETag"),
			"the version tells whether a poll was there meanwhile")
	})
}

func TestWhoCountsOnTheirVoteSeesItInTheNextResultsHoweverManyRead(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		pollID := r.Polls[0].PollID
		var counted atomic.Int64
		concurrently(8, func(i int) {
			casts, reads := r.Through(s.replicas[i%len(s.replicas)]),
				r.Through(s.replicas[(i+1)%len(s.replicas)])
			for range 10 {
				casts.Vote(pollID, NewVoter(), "A")
				least := counted.Add(1)
				if got := reads.Results(pollID).Total; got < least {
					t.Errorf("%d votes were counted, then the results of a replica had %d",
						least, got)
				}
			}
		})
	})
}

// resultsReads adds up how often the replicas have asked the database for results.
func resultsReads(t *testing.T, s site) (n int) {
	t.Helper()
	for _, replica := range s.replicas {
		a := replica.Operators("/metrics")
		for line := range strings.Lines(string(a.Body)) {
			if value, ok := strings.CutPrefix(line,
				`plenary_store_seconds_count{call="results"} `); ok {
				reads, err := strconv.Atoi(strings.TrimSpace(value))
				require.NoError(t, err)
				n += reads
			}
		}
	}
	return n
}

// Every reader has a connection and asks again as soon as there is an answer. So all their
// requests are under way at a time.
func TestTenThousandReadersCostTheDatabaseAHandfulOfReadsASecond(t *testing.T) {
	everywhereAlone(t, func(t *testing.T, s site) {
		readers := 10_000
		if testing.Short() {
			readers = 500 // wherever there is Go, however few files a process may open
		}
		r := show(s.Client, choice("Who wins?"))
		pollID := r.Polls[0].PollID
		r.Vote(pollID, NewVoter(), "A")
		want := s.Do(r.resultsRequest(pollID, "")).Body
		client := newFast(s.base, readers)
		defer client.close()
		var begun, readings, underWay, most atomic.Int64
		ask := func() (good bool) {
			readings.Add(1)
			highest(&most, underWay.Add(1))
			a, err := client.get(r.Path("/polls/" + pollID + "/results"))
			underWay.Add(-1)
			if good = err == nil && a.Status == http.StatusOK && bytes.Equal(a.Body, want); !good {
				t.Errorf("%v, %v", a, err)
			}
			return good
		}
		concurrently(readers, func(int) { ask() }) // which makes the connections
		readings.Store(0)
		most.Store(0)
		before, start := resultsReads(t, s), time.Now()
		concurrently(readers, func(int) {
			begun.Add(1) // nobody stops before all have
			for (begun.Load() < int64(readers) || readings.Load() < 2*int64(readers)) && ask() {
			}
		})
		took, reads := time.Since(start), resultsReads(t, s)-before
		t.Logf("%d readings, up to %d at a time, in %.2f s cost %d reads of the database, %.1f a "+
			"second, by %d replicas",
			readings.Load(), most.Load(), took.Seconds(), reads, float64(reads)/took.Seconds(),
			len(s.replicas))
		require.GreaterOrEqual(t, most.Load(), int64(readers)*9/10)
		require.LessOrEqual(t, reads, len(s.replicas)*(10+1+int(took/(100*time.Millisecond))),
			"ten at once, then ten a second")
	})
}

// highest keeps the highest value.
func highest(of *atomic.Int64, value int64) {
	for old := of.Load(); value > old && !of.CompareAndSwap(old, value); old = of.Load() {
	}
}

func (f *fast) get(path string) (*Answer, error) {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.SetRequestURI(f.base + path)
	if err := f.client.Do(req, res); err != nil {
		return nil, err
	}
	return &Answer{Status: res.StatusCode(), Body: append([]byte(nil), res.Body()...)}, nil
}

// pages follows a votes list from page to page. The query has more than the limit.
func pages(t *testing.T, r *Room, pollID string, limit int, accept string,
	more ...string) (all []*Answer) {
	t.Helper()
	query := append([]string{"limit=" + strconv.Itoa(limit)}, more...)
	path := r.Path("/polls/"+pollID+"/votes") + "?" + strings.Join(query, "&")
	for path != "" {
		a := r.Do(Request{Method: http.MethodGet, Path: path, Token: r.PresenterToken,
			Header: map[string]string{"Accept": accept}})
		require.Equal(t, http.StatusOK, a.Status, "%v", a)
		all = append(all, a)
		link := a.Header.Get("Link")
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	return all
}

func TestVotesListComesInPagesForWhoAsksForThem(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"), choice("And here?"))
		pollID := r.Polls[0].PollID
		const voters = 20
		for range voters {
			r.Vote(pollID, NewVoter(), "A")
		}
		whole := r.VotesWithTimes(pollID)
		require.Len(t, whole, voters)
		for limit, want := range map[int]int{1: voters, 7: 3, 10: 2, voters - 1: 2,
			voters: 1, 10_000: 1} {
			all := pages(t, r, pollID, limit, "application/json")
			require.Len(t, all, want, "pages of %d", limit)
			var got []CountedVote
			for _, a := range all {
				var page []CountedVote
				require.NoError(t, a.Decode(&page))
				require.LessOrEqual(t, len(page), limit)
				got = append(got, page...)
			}
			require.Equal(t, whole, got)
		}
		table := pages(t, r, pollID, 15, "text/csv")
		require.Len(t, table, 2)
		require.Equal(t, 1+15, strings.Count(string(table[0].Body), "\n"))
		require.Equal(t, 1+5, strings.Count(string(table[1].Body), "\n"), "every page has its head")
		require.Equal(t, "[]", string(pages(t, r, r.Polls[1].PollID, 5,
			"application/json")[0].Body))
		for separator, sign := range map[string]string{"%3B": ";", "tab": "\t", "%2C": ","} {
			table := pages(t, r, pollID, 15, "text/csv", "separator="+separator)
			require.Len(t, table, 2)
			for _, page := range table {
				require.Contains(t, string(page.Body), "client_id"+sign+"key"+sign+"cast_at\n",
					"every page has its separator")
			}
		}

		_, after, _ := strings.Cut(strings.TrimSuffix(table[0].Header.Get("Link"),
			`>; rel="next"`), "&after=")
		rest := r.Do(Request{Method: http.MethodGet,
			Path: r.Path("/polls/"+pollID+"/votes") + "?after=" + after, Token: r.PresenterToken})
		var lines []CountedVote
		require.NoError(t, rest.Decode(&lines))
		require.Equal(t, whole[15:], lines, "without a limit it is all the rest")
		require.Empty(t, rest.Header.Get("Link"))

		for query, field := range map[string]string{
			"limit=0": "limit", "limit=10001": "limit", "limit=many": "limit", "limit=": "limit",
			"limit=1&after=here": "after", "after=": "after",
			"after=" + aVoter: "after", "separator=": "separator", "separator=x": "separator",
			"separator=%00": "separator",
		} {
			a := r.Do(Request{Method: http.MethodGet,
				Path:  r.Path("/polls/"+pollID+"/votes") + "?" + query,
				Token: r.PresenterToken, Wrong: true})
			require.Equal(t, "400 invalid "+field, a.Code(), query)
		}
	})
}

// A list of a million lines would be some 300 MB in memory. SQLite has fewer, as the race detector
// makes it fifty times slower in this process, which fills the table.
func TestVotesListOfAnyLengthCostsTheSameMemory(t *testing.T) {
	for name, c := range map[string]struct {
		parts  stack.Part
		many   int
		driver string
		insert string // in the order of the key, which takes least time
	}{
		"SQLite": {stack.API, 200_000, "sqlite", `
			WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
			INSERT INTO votes (poll_id, voter_id, version, seq, answer, vote_id)
			SELECT $3, CAST(1000000000000000 + i AS BLOB), 1, 0, 'A', $3 FROM n`},
		"PostgreSQL": {stack.PostgreSQL | stack.API, 1_000_000, "postgres", `
			INSERT INTO votes (poll_id, voter_id, version, seq, answer, vote_id)
			SELECT $3, lpad(to_hex(i), 32, '0')::uuid, 1, 0, 'A', $3 FROM generate_series($1::integer, $2) i`},
	} {
		t.Run(name, func(t *testing.T) {
			s, st := own(t, stack.Config{Parts: c.parts, APIs: 1})
			r := show(s.Client, choice("Who wins?"))
			url, id := st.DatabaseURL, uuid.MustParse(r.Polls[0].PollID)
			var poll any = id
			if c.driver == "sqlite" {
				url, poll = "file:"+filepath.Join(st.Dir, "api-0", "plenary.db")+
					"?_txlock=immediate&_pragma=busy_timeout(10000)", id[:]
			}
			db, err := sql.Open(c.driver, url)
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			insert := func(from, to int) {
				_, err := db.ExecContext(t.Context(), c.insert, from, to, poll)
				require.NoError(t, err)
			}
			// peak is the most memory that the process holds while it sends the list in both forms.
			peak := func(lines, times int) int {
				return peakMiBOf(t, st.APIs[0].Pid(), func() {
					for range times {
						require.Equal(t, lines, sent(t, r, "text/csv", "\n")-1,
							"the head is no line")
						require.Equal(t, lines, sent(t, r, "application/json", "{"))
					}
				})
			}
			const few = 10_000
			insert(1, few)
			before := peak(few, 10) // whatever is kept for the next time is there then
			insert(few+1, c.many)
			after := peak(c.many, 1)
			t.Logf("%d MiB at most while it sent a list of %d, %d MiB of %d", before,
				few, after, c.many)
			require.Less(t, after-before, 24)
		})
	}
}

// sent counts the places of mark in the first poll's votes list, of which it keeps nothing.
func sent(t *testing.T, r *Room, accept, mark string) (n int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		r.base+r.Path("/polls/"+r.Polls[0].PollID+"/votes"), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+r.PresenterToken)
	req.Header.Set("Accept", accept)
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	for buf := make([]byte, 64<<10); ; {
		read, err := res.Body.Read(buf)
		n += bytes.Count(buf[:read], []byte(mark))
		if errors.Is(err, io.EOF) {
			return n
		}
		require.NoError(t, err)
	}
}

// peakMiBOf gives the most memory that a process holds while something is done.
func peakMiBOf(t *testing.T, pid int, during func()) int {
	t.Helper()
	require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0),
		"the peak begins anew")
	during()
	return peakMiB(t, pid)
}

// peakMiB gives the most memory that a process has held since it was asked to forget the peak.
func peakMiB(t *testing.T, pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	var kib int
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, err = fmt.Sscanf(rest, "%d kB", &kib)
			require.NoError(t, err)
		}
	}
	require.Positive(t, kib)
	return kib / 1024
}
