package commit

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post is an item: somebody's text.
type post struct {
	author byte
	text   string
}

// What may become of a post.
const (
	kept     = 1
	replaced = 2
	late     = 3
	wrong    = 4
)

var tooLate = fault.Conflict.Named("late")

var postWords = Words{Item: "post", Items: "posts", Sender: "author"}

// encodePosts writes each post as its author, the length of its text, and the text.
func encodePosts(buf []byte, posts []post) (kind byte, body []byte, err error) {
	body = buf
	for _, p := range posts {
		body = append(append(body, p.author, byte(len(p.text))), p.text...)
	}
	return 7, body, nil
}

func postsOf(e *committest.Entry) (posts []post) {
	for b := e.Body; len(b) > 0; b = b[2+b[1]:] {
		posts = append(posts, post{b[0], string(b[2 : 2+b[1]])})
	}
	return posts
}

// encodeResults writes a byte for each result.
func encodeResults(results ...int) (body []byte) {
	for _, r := range results {
		body = append(body, byte(r))
	}
	return body
}

func decodeResults(body []byte) (results []int) {
	for _, b := range body {
		results = append(results, int(b))
	}
	return results
}

func judgePost(_ post, result int) (int, error) {
	switch result {
	case kept, replaced:
		return result, nil
	case late:
		return result, fault.Errorf(tooLate, "too late")
	case wrong:
		return result, fault.Errorf(fault.Invalid, "no such thing")
	}
	return 0, postWords.Unknown(nil)
}

const (
	// window is how long after its acceptance a post may be written.
	window = time.Second
	// mayWait is how many posts may wait in one partition.
	mayWait = 250
	// partition is where posts go.
	partition = 2
)

func config() Config[post, int] {
	return Config[post, int]{
		Encode: encodePosts, Decode: decodeResults, Judge: judgePost, Window: window,
		Words:      postWords,
		Partitions: 4, MaxWaiting: 2 * mayWait, Now: time.Now,
	}
}

// bench is a group over a log whose entries wait for their test.
type bench struct {
	*Group[post, int]
	log       *committest.Stream
	submitted []*hearing
}

// run gives f a group in a bubble where time passes only while everybody waits. When f is done
// every hearer must have been told once.
func run(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	runWith(t, config(), f)
}

func runWith(t *testing.T, c Config[post, int], f func(t *testing.T, b *bench)) {
	t.Helper()
	committest.Bubble(t, func(t *testing.T) {
		b := &bench{log: committest.Open(c.Partitions)}
		b.Group = New(b.log, c)
		require.NoError(t, b.Start())
		f(t, b)
		synctest.Wait()
		for _, h := range b.submitted {
			require.EqualValues(t, 1, h.told.Load(), "a hearer hears once")
		}
		if len(b.submitted) > 0 {
			b.nothingIsLeft(t)
		}
		lifetest.Stop(t, b)
		b.log.Close()
	})
}

// home gives the lane of a partition.
func (b *bench) home(t *testing.T, partition int) *lane[post, int] {
	t.Helper()
	l, err := b.lane(partition)
	require.NoError(t, err)
	return l
}

func (b *bench) nothingIsLeft(t *testing.T) {
	t.Helper()
	require.Zero(t, b.Waiting())
	for _, l := range *b.lanes.Load() {
		if l == nil {
			continue
		}
		l.mu.Lock()
		require.Zero(t, l.held)
		require.Empty(t, l.senders, "no sender is remembered")
		require.Empty(t, l.waiting)
		l.mu.Unlock()
	}
}

// itemOf makes an item of an author's that arrives now.
func itemOf(author byte, text string) Item[post] {
	now := time.Now()
	return Item[post]{
		Value: post{author, text}, Partition: partition, Sender: uuid.UUID{15: author}, Bytes: len(
			text),
		Arrived: now, Accepted: now,
	}
}

// answer is what a sender is told.
type answer struct {
	result int
	err    error
	took   time.Duration
}

// send commits an item, with a seat.
func (b *bench) send(ctx context.Context, item Item[post], wait Wait) (int, error) {
	if err := b.Enter(); err != nil {
		return 0, err
	}
	defer b.Leave()
	return b.Commit(ctx, item, wait)
}

// commit commits an author's post in a goroutine.
func (b *bench) commit(author byte, wait Wait) <-chan answer {
	out := make(chan answer, 1)
	item := itemOf(author, "A")
	go func() {
		result, err := b.send(context.Background(), item, wait)
		out <- answer{result, err, time.Since(item.Arrived)}
	}()
	return out
}

// commitMany commits posts of as many authors at once.
func (b *bench) commitMany(n int) (answers []<-chan answer) {
	for i := range n {
		answers = append(answers, b.commit(byte(i), usual))
	}
	return answers
}

var usual = Wait{For: DefaultWait}

// reply gives every item of an entry the same result.
func (b *bench) reply(e *committest.Entry, result int) {
	results := make([]int, len(postsOf(e)))
	for i := range results {
		results[i] = result
	}
	e.Reply(encodeResults(results...))
}

// hearing is a hearer, and what it heard.
type hearing struct {
	begun time.Time
	told  atomic.Int32
	item  post
	heard chan answer
}

func newHearing() *hearing { return &hearing{begun: time.Now(), heard: make(chan answer, 9)} }

func (h *hearing) Heard(item post, result int, err error) {
	h.told.Add(1)
	h.item = item
	h.heard <- answer{result, err, time.Since(h.begun)}
}

// try submits an item, with a seat.
func (b *bench) try(ctx context.Context, item Item[post], async bool, to Hearer[post, int]) error {
	if err := b.Enter(); err != nil {
		return err
	}
	err := b.Submit(ctx, item, async, to)
	if err != nil {
		b.Leave()
	}
	return err
}

// submit submits an author's post, which must be possible.
func (b *bench) submit(author byte, async bool) *hearing {
	return b.submitFor(context.Background(), author, async)
}

func (b *bench) submitFor(ctx context.Context, author byte, async bool) *hearing {
	h := newHearing()
	if err := b.try(ctx, itemOf(author, "A"), async, h); err != nil {
		panic(err)
	}
	b.submitted = append(b.submitted, h)
	return h
}

// submitTo submits a post to a lane that does not run.
func (b *bench) submitTo(
	ctx context.Context, l *lane[post, int], author byte, async bool,
) *hearing {
	h := newHearing()
	item := itemOf(author, "A")
	b.waiting.Add(1)
	b.telling.Add(1)
	err := l.enlist(&item, hearer[post, int]{
		to: h, ctx: ctx, sender: item.Sender, arrived: item.Arrived, async: async,
	})
	if err != nil {
		panic(err)
	}
	b.submitted = append(b.submitted, h)
	return h
}

// holds gives the number of items that have no answer yet.
func (l *lane[T, R]) holds() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}
