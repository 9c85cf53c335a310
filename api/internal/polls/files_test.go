package polls

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// written is a store of one presentation whose first two polls are of free text.
type written struct {
	*afterwards
	mu     sync.Mutex
	words  []question.WordCount
	sorted map[question.Order][]*question.WordCount // of words that do not move
	reads  atomic.Int64                             // of words
	moves  func([]question.WordCount)               // is called after each of them
}

// at is when the i-th word came first.
func at(i int) time.Time { return time.Date(2026, 11, 29, 9, 0, 0, i*1e6, time.UTC) }

// firstAt is the id of a vote of a time.
func firstAt(t time.Time) (id uuid.UUID) {
	ms := t.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[8] = 0x70, 0x80
	return id
}

// wrote makes a store of n words, of which every tenth is hidden.
func wrote(t *testing.T, n int) *written {
	t.Helper()
	s := &written{afterwards: held(t), sorted: map[question.Order][]*question.WordCount{}}
	for i, kind := range []question.Kind{question.OpenText, question.WordCloud} {
		q := &s.p.Polls[i]
		q.Kind, q.Options, s.states[i].Counts = kind, nil, nil
	}
	for i := range n {
		text := fmt.Sprintf("%s %d",
			[]string{"plain", "Übung", "Привет", "مرحبا", "你好", "🗳️"}[i%6], i)
		s.words = append(s.words, question.WordCount{
			Word: strings.ToLower(text), Text: text, Count: int64(1 + i%3), First: firstAt(at(i)),
			Hidden: i%10 == 9,
		})
	}
	return s
}

func (s *written) Results(_ context.Context, _, id uuid.UUID) (r poll.Results, err error) {
	for i := range s.p.Polls {
		if s.p.Polls[i].ID == id {
			r = poll.Results{Poll: s.p.Polls[i], State: s.states[i]}
		}
	}
	if len(s.words) > 0 {
		r.Words = s.words[:1]
	}
	return r, nil
}

func (s *written) Answers(_ context.Context, _, _ uuid.UUID, l question.Listing,
	yield func(question.WordCount) error) error {
	s.reads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moves != nil {
		defer func() { s.moves(s.words) }()
	}
	before := func(a, b *question.WordCount) int {
		newer := cmp.Or(-slices.Compare(a.First[:], b.First[:]), strings.Compare(a.Word, b.Word))
		if l.Order == question.NewestFirst {
			return newer
		}
		return cmp.Or(-cmp.Compare(a.Count, b.Count), slices.Compare(a.First[:], b.First[:]),
			strings.Compare(a.Word, b.Word))
	}
	all := s.sorted[l.Order]
	if all == nil || s.moves != nil {
		all = nil
		for i := range s.words {
			all = append(all, &s.words[i])
		}
		slices.SortFunc(all, before)
		s.sorted[l.Order] = all
	}
	for i := range all {
		if all[i].Hidden && !l.Hidden || l.After != nil && before(l.After, all[i]) >= 0 {
			continue
		}
		if err := yield(*all[i]); err != nil {
			return err
		}
	}
	return nil
}

// wordTold is what a file tells of a word.
type wordTold struct {
	text, count, first, hidden string
}

// want gives what a file is to tell of the words.
func (s *written) want(owner bool) (all []wordTold) {
	for _, w := range s.words {
		if w.Hidden && !owner {
			continue
		}
		hidden := ""
		if w.Hidden {
			hidden = "true"
		}
		all = append(all, wordTold{w.Text, fmt.Sprint(w.Count),
			w.FirstAt().Format("2006-01-02T15:04:05.000Z"), hidden})
	}
	return all
}

func rowsOf(t *testing.T, table []byte, separator rune) [][]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(table, []byte("\uFEFF"))))
	r.Comma = separator
	rows, err := r.ReadAll()
	require.NoError(t, err)
	return rows
}

// wordsIn reads the words of a poll, by its place, out of a file.
func wordsIn(t *testing.T, format string, file []byte, place int) (all []wordTold) {
	t.Helper()
	switch format {
	case "csv":
		for _, row := range rowsOf(t, file, ',') {
			if row[0] == fmt.Sprint(place) {
				all = append(all, wordTold{row[8], row[9], row[11], row[12]})
			}
		}
	case "xlsx":
		f, err := excelize.OpenReader(bytes.NewReader(file))
		require.NoError(t, err)
		defer func() { require.NoError(t, f.Close()) }()
		rows, err := f.GetRows(f.GetSheetList()[place], excelize.Options{RawCellValue: true})
		require.NoError(t, err)
		head := slices.IndexFunc(rows,
			func(row []string) bool { return len(row) > 0 && row[0] == "key" })
		require.Equal(t, []string{"key", "value", "count", "first_at (UTC)", "hidden"}, rows[head])
		for _, row := range rows[head+1:] {
			row = append(row, "")
			var days float64
			_, err := fmt.Sscan(row[3], &days)
			require.NoError(t, err)
			first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).
				Add(time.Duration(days*86_400_000+0.5) * time.Millisecond)
			all = append(all, wordTold{row[1], row[2], first.Format("2006-01-02T15:04:05.000Z"),
				map[string]string{"1": "true"}[row[4]]})
		}
	case "json":
		var results struct {
			ExportedAt time.Time `json:"exported_at"`
			Polls      []struct {
				Words []struct {
					Text    string
					Count   int
					FirstAt time.Time `json:"first_at"`
					Hidden  bool
				}
			}
		}
		require.NoError(t, json.Unmarshal(file, &results), "%s", file)
		require.WithinDuration(t, time.Now(), results.ExportedAt, time.Minute)
		for _, w := range results.Polls[place-1].Words {
			hidden := ""
			if w.Hidden {
				hidden = "true"
			}
			all = append(all, wordTold{w.Text, fmt.Sprint(w.Count),
				w.FirstAt.Format("2006-01-02T15:04:05.000Z"), hidden})
		}
	}
	return all
}

var fileFormats = []string{"csv", "xlsx", "json"}

// A presentation whose texts are of many alphabets, more than results hold, and more than a page of
// a read.
func TestFilesHoldAllThatWasWrittenWithTimesInEveryFormat(t *testing.T) {
	for _, n := range []int{0, 150, maxWordsRead + 200} {
		s := wrote(t, n)
		ask := serving(t, s)
		for _, format := range fileFormats {
			for _, owner := range []bool{false, true} {
				var header []string
				if owner {
					header = []string{"Authorization", "Bearer " + s.token}
				}
				res := ask("GET", s.path("?format="+format), header...)
				require.Equal(t, 200, res.StatusCode)
				require.Contains(t, res.Header.Get("Content-Disposition"), "."+format)
				file := bodyOf(t, res)
				for place := 1; place <= 2; place++ {
					got := wordsIn(t, format, file, place)
					if n == 0 && format == "csv" {
						require.Equal(t, []wordTold{{}}, got, "a poll without answers has a row")
						continue
					}
					require.ElementsMatch(t, s.want(owner), got, "%d words of poll %d as %s",
						n, place, format)
					newest := slices.IsSortedFunc(got,
						func(a, b wordTold) int { return -strings.Compare(a.first, b.first) })
					if place == 1 && n > 0 {
						require.True(t, newest, "texts stand the newest first")
					}
				}
			}
		}
	}
}

func TestWordsOfAFinalPollStandTheMostNamedFirst(t *testing.T) {
	s := wrote(t, 2500)
	s.states[1].Status = poll.Final
	got := wordsIn(t, "csv", bodyOf(t, serving(t, s)("GET", s.path("?format=csv"))), 2)
	require.ElementsMatch(t, s.want(false), got)
	require.True(t, slices.IsSortedFunc(got,
		func(a, b wordTold) int { return -strings.Compare(a.count, b.count) }))
}

// While a file is read page by page, counts move; a word that was there from the begin is in it
// once all the same.
func TestNoWordIsMissingOrTwiceInAFileWhileCountsMove(t *testing.T) {
	s := wrote(t, 3*maxWordsRead)
	for i := range s.words {
		s.words[i].Hidden = false
	}
	want := map[string]int{}
	for _, w := range s.words {
		want[w.Text] = 1
	}
	n := int64(0)
	s.moves = func(words []question.WordCount) {
		n++
		for i := range words {
			words[i].Count = 1 + (int64(i)*7+n*13)%100
		}
	}
	ask := serving(t, s)
	for _, format := range fileFormats {
		got := map[string]int{}
		for _, w := range wordsIn(t, format, bodyOf(t, ask("GET", s.path("?format="+format))), 2) {
			got[w.text]++
		}
		require.Equal(t, want, got)
	}
}

func TestWhatIsHiddenFromARoomIsInNoFileOfIts(t *testing.T) {
	s := wrote(t, 20)
	s.p.Polls[0].Visibility = poll.PresenterOnly
	ask := serving(t, s)
	for _, format := range fileFormats {
		file := bodyOf(t, ask("GET", s.path("?format="+format)))
		require.NotContains(t, fmt.Sprint(wordsIn(t, format, file, 1)), "plain", format)
		require.Contains(t, fmt.Sprint(wordsIn(t, format, file, 2)), "plain", format)
		owned := bodyOf(t, ask("GET", s.path("?format="+format), "Authorization",
			"Bearer "+s.token))
		require.Contains(t, fmt.Sprint(wordsIn(t, format, owned, 1)), "plain", format)
	}
}

func TestATableIsWrittenWithTheSeparatorThatIsAskedFor(t *testing.T) {
	s := wrote(t, 3)
	s.states[2].Counts = []int64{0, 0, 0, 2, 1}
	s.states[2].Voters = 3
	ask := serving(t, s)
	tags := map[string]bool{}
	for query, c := range map[string]struct {
		separator rune
		mean      string
	}{"": {',', "4.333333333333333"}, "&separator=,": {',', "4.333333333333333"},
		"&separator=;":   {';', "4,333333333333333"},
		"&separator=%3B": {';', "4,333333333333333"}, "&separator=tab": {'\t', "4.333333333333333"},
		"&separator=%09": {'\t', "4.333333333333333"}} {
		res := ask("GET", s.path("?format=csv"+query))
		require.Equal(t, 200, res.StatusCode)
		tags[res.Header.Get("ETag")] = true
		rows := rowsOf(t, bodyOf(t, res), c.separator)
		require.Equal(t, "first_at", rows[0][11])
		require.Equal(t, c.mean, rows[len(rows)-1][5], query)
		require.Regexp(t, `^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, rows[1][13])
	}
	require.Len(t, tags, 3, "another separator, another tag")
	for _, wrong := range []string{"", " ", "|", ".", ";;", ",;", "TAB", "semicolon", "\x00", "\n",
		"🗳️", "\xff", "%3B", strings.Repeat(";", 5000)} {
		for _, rest := range []string{"/results?", "/results?format=csv&", "/results?format=xlsx&",
			"/polls/" + s.p.Polls[0].ID.String() + "/votes?"} {
			res := ask("GET", web.Base+"/presentations/"+s.p.ID.String()+rest+"separator="+
				url.QueryEscape(wrong), "Authorization", "Bearer "+s.token)
			require.Equal(t, 400, res.StatusCode, "%s %q", rest, wrong)
			var p problem
			require.NoError(t, json.Unmarshal(bodyOf(t, res), &p))
			require.Equal(t, "separator", p.Field)
			require.EqualValues(t, "invalid", p.Code)
		}
	}
}

func TestAFileThatIsKnownIsNotSentAgainUntilSomethingOfItChanges(t *testing.T) {
	s := wrote(t, 150)
	ask := serving(t, s)
	tags := map[string]bool{}
	for _, format := range fileFormats {
		tag := func(header ...string) string {
			res := ask("GET", s.path("?format="+format), header...)
			require.Regexp(t, `^W/"[0-9a-f]{32}"$`, res.Header.Get("ETag"))
			return res.Header.Get("ETag")
		}
		first := tag()
		res := ask("GET", s.path("?format="+format), "If-None-Match", first)
		require.Equal(t, 304, res.StatusCode)
		require.Empty(t, bodyOf(t, res))
		tags[first], tags[tag("Authorization", "Bearer "+s.token)] = true, true
		// which nobody has to see among the first hundred
		s.p.Polls[0].Banned = append(s.p.Polls[0].Banned, "word")
		tags[tag()] = true
	}
	require.Len(t, tags, 9)
}

// A room of a thousand phones asks for files of 30,000 texts, and takes nothing of them.
func TestARoomThatTakesFilesAwayTakesABoundedMemoryAndFewReads(t *testing.T) {
	const phones, texts = 1000, 30_000
	s := wrote(t, texts)
	server := newTestServer()
	server.Start(Services{Store: s, Bus: inproc.NewBus()})
	t.Cleanup(server.Close)
	server.app.Handler()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var room sync.WaitGroup
	var served, refused atomic.Int64
	asked, stay := make(chan struct{}, phones), make(chan struct{})
	leave := sync.OnceFunc(func() { close(stay) })
	defer leave()
	for i := range phones {
		room.Go(func() {
			ours, theirs := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = server.app.Server().ServeConn(theirs)
				_ = theirs.Close()
			}()
			defer func() { <-done }()
			defer func() { _ = ours.Close() }()
			_, err := io.WriteString(ours,
				"GET "+s.path("?format="+fileFormats[i%3])+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if err != nil {
				t.Error(err)
			}
			status, err := bufio.NewReaderSize(ours, 16).Peek(12)
			switch {
			case err == nil && string(status) == "HTTP/1.1 200":
				served.Add(1)
			case err == nil && string(status) == "HTTP/1.1 503":
				refused.Add(1)
			default:
				t.Errorf("%q %v", status, err)
			}
			asked <- struct{}{}
			<-stay
		})
	}
	for range phones {
		<-asked
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d phones are sent a file, %d are told to come again; %d MiB, %d reads of words",
		served.Load(), refused.Load(),
		(int64(after.HeapAlloc)-int64(before.HeapAlloc))>>20, s.reads.Load())
	require.Positive(t, served.Load())
	require.LessOrEqual(t, served.Load(), int64(maxFiles))
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(100<<20))
	require.Less(t, s.reads.Load(), int64(phones), "a page is read for many")
	code, _ := answer(t, server, "GET", web.Base+"/ping")
	require.Equal(t, 200, code)
	leave()
	room.Wait()
	res := serving(t, s)("GET", s.path("?format=csv"))
	require.Len(t, wordsIn(t, "csv", bodyOf(t, res), 1), texts*9/10)
}

func TestAPageOfWordsHasABoundAndSaysWhetherItIsTheLast(t *testing.T) {
	s := wrote(t, maxWordsRead)
	page := func() *wordsPage {
		p, err := readWords(t.Context(), s,
			wordsKey{begins: true, hidden: true, order: question.NewestFirst})
		require.NoError(t, err)
		return p
	}
	require.Len(t, page().words, maxWordsRead)
	require.Nil(t, page().last)
	s.words, s.sorted = append(s.words, question.WordCount{Word: "x", Text: "x", Count: 1}),
		map[question.Order][]*question.WordCount{}
	require.Len(t, page().words, maxWordsRead)
	require.NotNil(t, page().last)
	for i := range s.words {
		s.words[i].Text = strings.Repeat("🗳️", 500)
	}
	size := 0
	for _, w := range page().words {
		size += len(w.text)
	}
	require.InDelta(t, maxPageSize, size, 8<<10)
	require.NotNil(t, page().last)
}
