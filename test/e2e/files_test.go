package e2e

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/plenary-live/plenary/test/stack"
)

// alphabets begin texts whose bytes stand far apart.
var alphabets = []string{"Zebra", "Über", "Жук", "عربي", "中文", "🗳️"}

// many gives n texts of all alphabets.
func many(n int) (texts []string) {
	for i := range n {
		texts = append(texts, alphabets[i%len(alphabets)]+" "+strconv.Itoa(1000+i))
	}
	return texts
}

// say lets a person each write a text, a few at once.
func say(r *Room, pollID string, texts []string) {
	r.tb.Helper()
	var people sync.WaitGroup
	for part := range slices.Chunk(texts, (len(texts)+7)/8) {
		people.Go(func() {
			for _, text := range part {
				r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: text})
			}
		})
	}
	people.Wait()
}

// kept is an answer of a file.
type kept struct{ text, first, hidden string }

// file takes all results away and gives the answers of the i-th poll.
func file(t *testing.T, r *Room, format, token string, i int) (all []kept) {
	t.Helper()
	a := r.Do(Request{Method: http.MethodGet,
		Path: r.Path("/results?format=" + format), Token: token})
	require.Equal(t, http.StatusOK, a.Status, "%v", a)
	switch format {
	case "json":
		var results struct {
			Polls []struct {
				Words []struct {
					Text    string
					FirstAt string `json:"first_at"`
					Hidden  bool
				}
			}
		}
		require.NoError(t, json.Unmarshal(a.Body, &results))
		for _, w := range results.Polls[i].Words {
			all = append(all, kept{w.Text, w.FirstAt, map[bool]string{true: "true"}[w.Hidden]})
		}
	case "xlsx":
		book, err := excelize.OpenReader(bytes.NewReader(a.Body))
		require.NoError(t, err)
		defer func() { require.NoError(t, book.Close()) }()
		rows, err := book.GetRows(book.GetSheetList()[i+1])
		require.NoError(t, err)
		for j, row := range rows {
			if slices.Contains(row, "first_at (UTC)") {
				for _, row := range rows[j+1:] {
					row = append(row, "", "")
					all = append(all, kept{row[1], row[3], strings.ToLower(row[4])})
				}
				break
			}
		}
	default:
		c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(a.Body, []byte("\uFEFF"))))
		c.Comma = ';'
		rows, err := c.ReadAll()
		require.NoError(t, err)
		for _, row := range rows[1:] {
			if row[0] == strconv.Itoa(i+1) {
				all = append(all, kept{row[8], row[11], row[12]})
			}
		}
	}
	return all
}

// 150 people write a text each, in many alphabets. Results show a hundred of them; files have all.
func TestFilesHoldEveryTextAndWordInEveryAlphabet(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, openText("What did you think?"), wordCloud("One word?"))
		texts := many(150)
		times := map[string]string{"csv&separator=%3B": "2006-01-02T15:04:05.000Z",
			"xlsx": time.DateTime, "json": time.RFC3339}
		say(r, r.Polls[0].PollID, texts)
		r.Next()
		say(r, r.Polls[1].PollID, texts)
		for _, replica := range append(s.replicas, s.Client) {
			r := r.Through(replica)
			for _, format := range []string{"csv&separator=%3B", "xlsx", "json"} {
				for i := range 2 {
					for _, token := range []string{"", r.PresenterToken} {
						var got []string
						for _, k := range file(t, r, format, token, i) {
							got = append(got, k.text)
							at, err := time.Parse(times[format], k.first)
							require.NoError(t, err, "of %q", k.text)
							require.WithinDuration(t, time.Now(), at, 10*time.Minute)
						}
						require.ElementsMatch(t, texts, got, "poll %d as %s", i+1, format)
					}
				}
			}
		}
	})
}

// The presenter hides an answer and a word. The room's files have them no more; the owner's have
// them, marked.
func TestWhatIsHiddenStaysInTheOwnersFilesAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, openText("What did you think?"), wordCloud("One word?"))
		for i := range 2 {
			r.Show(r.Polls[i].PollID)
			for _, text := range []string{"fine", "rude", "fine"} {
				r.Count(Ballot{PollID: r.Polls[i].PollID, ClientID: NewVoter(), Text: text})
			}
			a := r.Do(Request{Method: http.MethodPatch,
				Path: r.Path("/polls/" + r.Polls[i].PollID + "/answers"), Token: r.PresenterToken,
				JSON: map[string]any{"text": "rude", "hidden": true}})
			require.Equal(t, http.StatusOK, a.Status, "%v", a)
			for _, format := range []string{"csv&separator=%3B", "xlsx", "json"} {
				for token, want := range map[string][]string{"": {"fine"},
					r.PresenterToken: {"fine", "rude hidden"}} {
					var got []string
					for _, k := range file(t, r, format, token, i) {
						if k.hidden != "" {
							k.text += " hidden"
						}
						got = append(got, k.text)
					}
					require.ElementsMatch(t, want, got, "poll %d as %s", i+1, format)
				}
			}
		}
	})
}

// A file of any number of texts takes the same memory, whatever its format, and a presentation has
// a bound of its own.
func TestAFileOfAnyNumberOfTextsTakesTheSameMemory(t *testing.T) {
	if os.Getenv("PLENARY_STACK_RACE") != "" {
		t.Skip("the race detector's memory is no measure")
	}
	for name, c := range map[string]struct {
		parts  stack.Part
		many   int
		driver string
		insert string
	}{
		"SQLite": {stack.API, 100_000, "sqlite", `
			WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
			INSERT INTO words (poll_id, word, count, first)
			SELECT $3, 'What people wrote, and some of them wrote quite a lot ' || i, 1, CAST(1000000000000000 + i AS BLOB) FROM n`},
		"PostgreSQL": {stack.PostgreSQL | stack.API, 300_000, "postgres", `
			INSERT INTO words (poll_id, word, count, first)
			SELECT $3, 'What people wrote, and some of them wrote quite a lot ' || i, 1, lpad(to_hex(i), 32, '0')::uuid FROM generate_series($1::integer, $2) i`},
	} {
		t.Run(name, func(t *testing.T) {
			s, st := own(t, stack.Config{Parts: c.parts, APIs: 1})
			r := show(s.Client, openText("What did you think?"))
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
			peak := func(texts int, formats ...string) int {
				return peakMiBOf(t, st.APIs[0].Pid(), func() {
					for _, format := range formats {
						began := time.Now()
						size, found := taken(t, r, format)
						t.Logf("%d texts as %s: %d KiB in %v", texts, format, size>>10,
							time.Since(began))
						if format != "xlsx" {
							require.Equal(t, texts, found)
						}
					}
				})
			}
			insert(1, 10_000)
			before := peak(10_000, slices.Repeat([]string{"csv", "json", "xlsx"}, 5)...)
			insert(10_001, c.many)
			after := peak(c.many, "csv", "json", "xlsx")
			t.Logf("%d MiB at most while it sent files of 10,000 texts, %d MiB of %d",
				before, after, c.many)
			require.Less(t, after-before, 24)
		})
	}
}

// taken takes a file away, and keeps nothing of it: its size, and how many texts are in it.
func taken(t *testing.T, r *Room, format string) (size, texts int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		r.base+r.Path("/results?format="+format), nil)
	require.NoError(t, err)
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	var rest []byte
	for buf, mark := make([]byte, 64<<10), []byte("What people wrote"); ; {
		n, err := res.Body.Read(buf)
		size += n
		seen := append(rest, buf[:n]...)
		texts += bytes.Count(seen, mark)
		rest = slices.Clone(seen[max(0, len(seen)-len(mark)+1):])
		if errors.Is(err, io.EOF) {
			return size, texts
		}
		require.NoError(t, err)
	}
}
