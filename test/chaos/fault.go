package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/chaos/check"
	"github.com/plenary-live/plenary/test/stack"
)

// Fault is something that goes wrong while people vote.
type Fault struct {
	Name string // as in -run Chaos/NAME
	What string // one line for the table
	// Shape changes the stack that it strikes, which is the production shape; nil: it does not.
	Shape func(s *Scene, cfg *stack.Config)
	// Strike does it, waits as long as it lasts, and mends what it broke.
	Strike func(s *Scene) error
	// Embedded: the stack is one API that does all by itself.
	Embedded bool
	// Accepts and Counts are the targets of recovery, if the issue sets one: how long after
	// Scene.Measure.
	Accepts, Counts time.Duration
	// Short: it is part of every test run.
	Short bool
}

// Options say how long and how hard.
type Options struct {
	Seed  uint64
	Votes int64 // at least so many requests
	Pace  pace
	Logf  func(format string, args ...any)
	// Afterwards is how long after everything was final it is looked at again. That is longer than
	// a worker waits before it seals what nobody sealed. It is longer, too, than anything that a
	// fault may still have held back.
	Afterwards time.Duration
	// Binaries is a folder with the api and the worker to run; empty: they are built from the
	// source as it is.
	Binaries string
	// Turn, if not nil, is held while the crowd is there. Of runs beside each other one has it.
	Turn sync.Locker

	began time.Time
}

// Scene is where a fault strikes.
type Scene struct {
	context.Context
	*stack.Stack
	Rng  *rand.Rand
	Logf func(format string, args ...any)

	crowd   *Crowd
	binary  string // folder of the binaries
	points  string // folder that arms fault points
	proxies map[string][]*proxy
	marks   []*mark // of each of the crowd's services
	// How long it took at most until all that the services are of was accepted and counted again.
	again [3]recovery

	disk    string // where a small disk is mounted
	broken  error  // why the fault cannot be made here
	cleanup []func()
}

// recovery is how long it took until all is accepted, and counted, again.
type recovery struct{ Accepting, Counting time.Duration }

func (r *recovery) note(of *service, m *mark) {
	accepted, counted := of.times(m)
	r.Accepting, r.Counting = max(r.Accepting, accepted), max(r.Counting, counted)
}

// Measure begins to measure how long it takes until all is accepted and counted again. All is every
// room's votes, every talk's ratings, and what every account does in the feed. A fault that strikes
// several times measures each time; the row shows the longest that was waited for with Resumed.
func (s *Scene) Measure() {
	s.marks = nil
	for _, service := range s.crowd.services() {
		s.marks = append(s.marks, service.mark(s.crowd.now()))
	}
}

// Wait waits for a fault to have lasted. Only a broken network or process may be waited for like
// that.
func (s *Scene) Wait(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-s.Done():
		return s.Err()
	}
}

// Resumed waits until all that Measure speaks of is counted again since the last of its calls.
func (s *Scene) Resumed() error {
	late := time.After(patience)
	for _, m := range s.marks {
		select {
		case <-m.resumed:
		case <-late:
			return errors.New("not every room's votes, every talk's ratings and every account's " +
				"answers are counted again")
		case <-s.Done():
			return s.Err()
		}
	}
	for i, service := range s.crowd.services() {
		s.again[i].note(service, s.marks[i])
	}
	return nil
}

// patience is how long a stack may take to come back before that is a failure of its own.
const patience = 90 * time.Second

// Run starts a stack, has the fault strike it while a crowd votes, and judges what came of it.
func Run(ctx context.Context, f *Fault, o Options) (*Row, error) {
	o.began = time.Now()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	binary, err := o.Binaries, error(nil)
	if binary == "" {
		binary, err = binaries.build(ctx)
	}
	if err != nil {
		return nil, err
	}
	s := &Scene{Context: ctx, Rng: rand.New(rand.NewPCG(o.Seed, 99)), Logf: o.Logf, binary: binary,
		proxies: map[string][]*proxy{}}
	defer s.clean()
	if s.points, err = os.MkdirTemp(binary, "points-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(s.points, 0o777); err != nil { // the stack's processes have another user
		return nil, err
	}
	cfg := s.config(f)
	if s.broken != nil {
		return nil, s.broken
	}
	if s.Stack, err = stack.Start(ctx, cfg); err != nil {
		return nil, err
	}
	if s.broken != nil { // what the stack asked for while it started
		return nil, errors.Join(s.broken, s.Close())
	}
	row, err := s.play(f, o)
	if err != nil { // what is wrong is said last: a log of a run may be shown by its end alone
		s.Logf("%s", s.logs())
	}
	if closeErr := s.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if row != nil {
		row.Took = time.Since(o.began)
	}
	return row, err
}

func (s *Scene) config(f *Fault) stack.Config {
	settings := append([]string{partitionsSetting(usualPartitions)}, feedSettings...)
	cfg := stack.Config{
		APIBinary: filepath.Join(s.binary, "api"), WorkerBinary: filepath.Join(s.binary, "worker"),
		APIEnv:    append([]string{"PLENARY_ACCESS_LOG=false"}, settings...),
		WorkerEnv: append([]string{"FAULTPOINTS=" + s.points}, settings...),
	}
	if f.Embedded {
		cfg.Parts, cfg.APIs = stack.API, 1
	}
	if f.Shape != nil {
		f.Shape(s, &cfg)
	}
	return cfg
}

// play has the crowd vote before, during and after the fault, and compares.
func (s *Scene) play(f *Fault, o Options) (*Row, error) {
	s.Logf("the stack runs after %v", time.Since(o.began).Round(time.Second))
	endureErr := s.endure(f, o)
	if s.crowd == nil {
		return nil, endureErr
	}
	defer s.crowd.close()
	row := &Row{Fault: f, Seed: o.Seed}
	for i, service := range s.crowd.services() {
		*row.lines()[i] = Line{Gap: service.gap, recovery: s.again[i]}
	}
	err := errors.Join(endureErr, s.judge(row, o.Afterwards))
	row.Odd = append(row.Odd, s.crowd.odd()...) // of what was read at the end, too
	return row, err
}

// endure has a crowd come, vote before, during and after the fault, and go. Without an error there
// is a crowd.
func (s *Scene) endure(f *Fault, o Options) error {
	if o.Turn != nil {
		o.Turn.Lock()
		defer o.Turn.Unlock()
	}
	var replicas []string
	for _, p := range s.APIs {
		replicas = append(replicas, p.URL)
	}
	var err error
	if s.crowd, err = newCrowd(s.URL, replicas, o.Pace, o.Seed); err != nil {
		return err
	}
	s.crowd.begin(o.Seed)
	s.Measure()
	strikeErr := s.Resumed()
	if strikeErr == nil {
		strikeErr = s.Wait(2 * time.Second)
	}
	s.again = [3]recovery{} // of the start
	if strikeErr == nil && f.Strike != nil {
		s.Measure()
		strikeErr = f.Strike(s)
	}
	resumeErr := s.Resumed()
	for s.crowd.sent.Load() < o.Votes && s.Wait(100*time.Millisecond) == nil {
	}
	_ = s.Wait(time.Second)
	s.Logf("the fault is over after %v", s.crowd.now().Round(time.Second))
	s.crowd.end()
	s.Logf("nobody votes or presents any more after %v", s.crowd.now().Round(time.Second))
	return errors.Join(strikeErr, resumeErr)
}

// judge completes the history and has it checked.
func (s *Scene) judge(row *Row, afterwards time.Duration) error {
	url := s.DatabaseURL
	if url == "" {
		url = "sqlite:" + s.databaseFile()
	}
	db, err := openStore(url)
	if err != nil {
		return err
	}
	defer func() { _ = db.db.Close() }()
	ctx, cancel := context.WithTimeout(s, patience)
	defer cancel()
	h := s.crowd.history()
	// of half a history nothing can be said
	ratings, feed, err := s.crowd.settle(ctx, db, h, afterwards)
	if err != nil {
		return err
	}
	if row.Odd, err = s.recount(db, url); err != nil {
		return err
	}
	s.Logf("all is final and read after %v; %d voters have passes",
		s.crowd.now().Round(time.Second), len(s.crowd.passed))
	row.Report, row.Ratings.Report = check.Check(h), check.Ratings(ratings)
	row.Feed.Report = check.Feed(feed)
	s.Logf("checked after %v", s.crowd.now().Round(time.Second))
	row.Edits = s.crowd.edited.Load()
	row.Moves, row.Views, row.Statuses = len(h.Moves), len(h.Views), map[uint16]int{}
	for i := range h.Casts {
		row.Statuses[h.Casts[i].Status]++
	}
	return nil
}

func (s *Scene) clean() {
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		s.cleanup[i]()
	}
}

// logs gives the ends of the processes' logs.
func (s *Scene) logs() (text string) {
	for _, p := range s.Processes() {
		text += "--- " + p.Name + "\n" + p.LogTail() + "\n"
	}
	return text
}
