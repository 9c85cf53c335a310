package polls

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// What live promises to send at most in a second: to one of a crowd, and to all of it.
const (
	paceViewerBytes = 24 << 10
	paceBytes       = 16 << 20
)

// longest are characters that take much: as they are, or escaped in JSON.
var longest = []string{"x", "é", "語", "\U0001F600", "<", "\u2028", `"`}

func TestAnEventHasAtMost16KiBAndSaysThatThereIsMore(t *testing.T) {
	id := eventID{1 << 62, 1 << 62}
	words := func(n, runes int, of string) (words []question.WordCount) {
		for i := range n {
			words = append(words, question.WordCount{Text: fmt.Sprintf("%05d", i) +
				strings.Repeat(of, runes-5), Count: int64(n - i)})
		}
		return words
	}
	for _, of := range longest {
		for _, c := range []struct {
			name     string
			n, runes int
		}{{"few short words", 10, 20}, {"100 words of 50", 100, 50}, {"100 texts of 500", 100, 500},
			{"3 texts of 500", 3, 500}, {"none", 0, 0}} {
			r := poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.OpenText}},
				Words: words(c.n, c.runes, of)}
			whole := toTallies(r)
			all, err := json.Marshal(whole)
			require.NoError(t, err)
			data, err := live.Event{Name: "results", ID: id.String(), Data: whole}.Encode(true)
			require.NoError(t, err)
			require.LessOrEqual(t, len(data), live.MaxEvent)
			got := dataOf[wireResults[wireTally]](t, data)
			require.Equal(t, len(all)+200 > live.MaxEvent, got.More, "%q %s: %d bytes", of, c.name,
				len(all))
			require.Equal(t, whole.Words[:len(got.Words)], got.Words, "the most named")
			if !got.More {
				require.Len(t, got.Words, c.n)
			} else {
				require.NotEmpty(t, got.Words)
				next, err := json.Marshal(whole.Words[len(got.Words)])
				require.NoError(t, err)
				require.Greater(t, len(data)+len(next), live.MaxEvent-10, "as many as fit")
			}
			require.Equal(t, all, must(json.Marshal(whole)), "what was whole still is")
		}
	}
}

func TestResultsOfManyLongKeysFitAsWell(t *testing.T) {
	for _, of := range longest {
		q := poll.Poll{Question: question.Question{Kind: question.Choice}}
		for i := range question.MaxOptions {
			q.Options = append(q.Options,
				question.Option{Key: fmt.Sprintf("%02d", i) +
					strings.Repeat(of, question.MaxKeyLength-2), Value: "v"})
		}
		r := poll.Results{Poll: q, State: poll.State{Counts: make([]int64, question.MaxOptions)}}
		for i := range r.Counts {
			r.Counts[i] = 1 << 40
		}
		data, err := live.Event{Name: "results", ID: "1.2", Data: toTallies(r),
			Veiled: toTallies(r).hide()}.Encode(true)
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), live.MaxEvent)
		got := dataOf[wireResults[wireTally]](t, data)
		require.Equal(t, len(got.Options) < question.MaxOptions, got.More)
		require.Equal(t, toTallies(r).Options[:len(got.Options)], got.Options)
		require.NotEmpty(t, got.Options)
		require.Nil(t, got.Words)

		veiled, err := live.Event{Name: "results", ID: "1.2", Data: toTallies(r),
			Veiled: toTallies(r).hide()}.Encode(false)
		require.NoError(t, err)
		require.Less(t, len(veiled), 300)
		require.False(t, dataOf[wireResults[wireTally]](t, veiled).More,
			"what is hidden is not to be read elsewhere")
	}
}

func TestASlideWithoutRoomForItsOptionsHasNone(t *testing.T) {
	for _, of := range longest {
		for _, length := range []int{10, question.MaxValueLength} {
			q := poll.Poll{Question: question.Question{Kind: question.Choice,
				Text: strings.Repeat(of, question.MaxValueLength), MaxChoices: 1}}
			for i := range question.MaxOptions {
				q.Options = append(q.Options,
					question.Option{Key: fmt.Sprint(i), Value: strings.Repeat(of, length)})
			}
			whole := toShown(poll.Display{Slide: poll.Slide{Version: 3, Displayed: true}, Poll: &q})
			data, err := live.Event{Name: "displayed", ID: "3.0", Data: whole}.Encode(true)
			require.NoError(t, err)
			require.LessOrEqual(t, len(data), live.MaxEvent)
			got := dataOf[wireShown](t, data)
			require.Equal(t, q.Text, got.Poll.Question)
			require.Equal(t, "open", got.Voting)
			if length == 10 {
				require.Equal(t, whole, got)
			} else {
				require.True(t, got.More)
				require.Equal(t, []wireOption{}, got.Poll.Options)
			}
			require.Len(t, whole.Poll.Options, question.MaxOptions)
		}
	}
}

// dataOf reads an event's data.
func dataOf[T any](t *testing.T, frame []byte) (v T) {
	t.Helper()
	_, data, ok := strings.Cut(string(frame), "\ndata: ")
	require.True(t, ok)
	require.True(t, strings.HasSuffix(data, "\n\n"))
	require.NotContains(t, strings.TrimSuffix(data, "\n\n"), "\n")
	require.NoError(t, json.Unmarshal([]byte(data), &v))
	return v
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// essays fills a room's first poll with a hundred long texts.
func essays(r *room) {
	r.change(func() {
		q := r.polls[0]
		q.Kind, q.Options = question.OpenText, []question.Option{}
		r.polls = append([]poll.Poll{q}, r.polls[1:]...)
		r.states[0].Counts = nil
		for i := range poll.MaxWords {
			r.words = append(r.words,
				question.WordCount{Text: fmt.Sprintf("%05d", i) +
					strings.Repeat("\U0001F600", 495), Count: 1})
		}
	})
}

// write counts a text nobody has written yet.
func (r *room) write() {
	r.change(func() {
		r.states[0].Voters++
		r.states[0].Revision++
	})
	r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
}

// bytesSeen counts what a viewer is sent, until its stream ends.
type bytesSeen struct{ total, largest int }

func (b *bytesSeen) read(v *viewer) {
	for frame := 0; ; {
		line, err := v.ReadString('\n')
		if err != nil {
			return
		}
		b.total += len(line)
		if frame += len(line); line == "\n" {
			b.largest, frame = max(b.largest, frame), 0
		}
	}
}

func TestWhatOneWritesIsNotSentToEachWithoutABound(t *testing.T) {
	for _, crowd := range []int{1, 50, 1000} {
		t.Run(fmt.Sprint(crowd), func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *room, h *hub) {
				essays(r)
				seen := make([]bytesSeen, crowd)
				for i := range seen {
					go seen[i].read(view(t, h, r.id).patient())
				}
				var presenter bytesSeen
				go presenter.read(viewAs(t, h, r.id, true).patient())
				time.Sleep(5 * time.Second)
				synctest.Wait()
				begin := make([]bytesSeen, crowd)
				copy(begin, seen)
				first := presenter
				const lasts = 20 * time.Second
				for begun := time.Now(); time.Since(
					begun) < lasts; time.Sleep(40 * time.Millisecond) {
					r.write()
				}
				synctest.Wait()
				all := 0
				for i := range seen {
					got := seen[i].total - begin[i].total
					all += got
					require.LessOrEqual(t, seen[i].largest, live.MaxEvent)
					require.LessOrEqual(t, float64(got), paceViewerBytes*lasts.Seconds()+
						live.MaxEvent, "bytes to one viewer")
					require.Positive(t, got)
				}
				require.LessOrEqual(t, float64(all), paceBytes*lasts.Seconds()+
					float64(crowd*live.MaxEvent), "bytes to all")
				require.GreaterOrEqual(t, presenter.total-first.total,
					int(lasts/live.Pace)*live.MaxEvent*8/10, "who is on stage sees each")
				require.LessOrEqual(t, presenter.largest, live.MaxEvent)
			})
		})
	}
}

func TestASlideThatChangesAllTheTimeIsBoundedInBytesToo(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		var seen bytesSeen
		long := func(n int) {
			r.edit(0, func(p *poll.Poll, _ *poll.State) {
				p.Text = fmt.Sprint(n) + strings.Repeat("?", question.MaxValueLength*6)
			})
		}
		long(0)
		go seen.read(view(t, h, r.id).patient())
		time.Sleep(time.Minute)
		synctest.Wait()
		before := seen.total
		begun := time.Now()
		const lasts = 20 * time.Second
		n := 1
		for ; time.Since(begun) < lasts; n++ {
			long(n)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		// results come with each
		require.LessOrEqual(t, float64(seen.total-before), 1.5*paceViewerBytes*lasts.Seconds())
		require.Contains(t, view(t, h, r.id).until(isDisplayed).data, fmt.Sprintf(`"%d?`, n-1),
			"the newest is seen")
	})
}

func TestVeryManyOnStageShareABoundToo(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		const many, lasts = 400, 5 * time.Second
		essays(r)
		seen := make([]bytesSeen, many)
		for i := range seen {
			go seen[i].read(viewAs(t, h, r.id, true).patient())
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		before := 0
		for i := range seen {
			before += seen[i].total
		}
		for begun := time.Now(); time.Since(begun) < lasts; time.Sleep(40 * time.Millisecond) {
			r.write()
		}
		synctest.Wait()
		after := 0
		for i := range seen {
			after += seen[i].total
		}
		require.LessOrEqual(t, float64(after-before), paceBytes*lasts.Seconds()+many*live.MaxEvent)
	})
}

func TestWhoComesBackToALargeEventIsToldThatThereIsMore(t *testing.T) {
	r := newRoom(t)
	essays(r)
	_, ln, stop := r.serving(99)
	defer stop()
	first := r.enter(ln)
	r.write()
	e := first.until(isResults)
	require.True(t, e.tallies(t).More)
	_, back := r.ask(ln, "GET", r.id, "Last-Event-ID: "+e.id+"\r\n")
	again := back.until(isResults)
	require.Equal(t, e, again)
}
