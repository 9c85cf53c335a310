package form_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/form/formlite"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/work"
)

const partitions = 3

// office is a service over a log in memory and a store in a file, with a worker.
type office struct {
	*form.Service
	bus bus.Bus
	// work begins to apply.
	work func()
}

func open(t *testing.T) *office {
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	require.NoError(t, db.Partitions(t.Context(), partitions))
	log, err := inproc.Open(inproc.Config{Streams: []string{form.Stream}, Partitions: partitions})
	require.NoError(t, err)
	stream, err := log.Stream(form.Stream)
	require.NoError(t, err)
	announced, quiet := inproc.NewBus(), slog.New(slog.DiscardHandler)
	store := formlite.New(db)
	o := &office{bus: announced, Service: form.NewService(
		store, access.NewPasses(access.NewPassKey()), commit.Spine{
			Log: stream, Bus: announced, Logger: quiet, Partitions: partitions, Spread: partitions,
			MaxWaiting: 100,
		})}
	require.NoError(t, o.Start())
	worker := work.New(work.Config{
		Stream: stream, Partitions: partitions, Applier: form.NewApplier(store, quiet), IDs: db,
		Bus: announced, Logger: quiet,
	})
	working, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	o.work = sync.OnceFunc(func() { running.Go(func() { worker.Run(working) }) })
	t.Cleanup(func() {
		require.NoError(t, o.Stop(context.Background()))
		stop()
		running.Wait()
		require.NoError(t, log.Close())
		require.NoError(t, announced.Close())
		require.NoError(t, db.Close())
	})
	return o
}

var (
	coming = uuid.UUID{15: 1}
	guests = uuid.UUID{15: 2}
	seats  = uuid.UUID{15: 3}
)

// invitation is a form with three questions, and a rule.
func invitation() form.Form {
	f := form.Form{Settings: form.Settings{Title: "A party"}}
	f.Questions = []form.Question{
		{ID: coming, Mandatory: true, Question: question.Question{
			Text: "Are you coming?", Kind: question.Choice,
			Options: []question.Option{{Key: "yes", Value: "Ja"}, {Key: "no", Value: "Nein"}},
		}},
		{ID: guests, Question: question.Question{Text: "How many?", Kind: question.Number}},
		{ID: seats, Question: question.Question{Text: "Seats", Kind: question.Number}},
	}
	f.Rules = []form.Rule{{Left: guests, Is: form.AtMost, Right: seats, Message: "Too many"}}
	return f
}

func (o *office) made(t *testing.T, change func(*form.Form)) form.Form {
	f := invitation()
	if change != nil {
		change(&f)
	}
	made, token, err := o.Create(t.Context(), f)
	require.NoError(t, err)
	tokens := access.Tokens{TokenHash: made.TokenHash}
	require.Equal(t, access.Owner, tokens.RoleOf(token))
	require.Equal(t, queue.Partition(made.ID, partitions), made.Partition)
	return made
}

var usual = commit.Wait{For: commit.Deadline}

func yes() form.Given { return form.Given{QuestionID: coming, Keys: []string{"yes"}} }

func number(id uuid.UUID, text string) form.Given {
	return form.Given{QuestionID: id, Texts: []string{text}}
}

func to(f form.Form, given ...form.Given) form.Submission {
	return form.Submission{FormID: f.ID, Given: given}
}

func (o *office) submit(t *testing.T, s form.Submission) form.Receipt {
	r, err := o.Submit(t.Context(), s, usual)
	require.NoError(t, err)
	require.True(t, r.Applied)
	return r
}

func (o *office) own(t *testing.T, r form.Receipt) form.Response {
	one, err := o.Response(t.Context(), r.ResponseID, r.EditToken)
	require.NoError(t, err)
	return one
}

func is(t *testing.T, code fault.Code, err error) {
	t.Helper()
	require.True(t, fault.Is(err, code), "%v is not %s", err, code)
}

func TestAResponseIsKeptCountedAndTheRespondentsOwn(t *testing.T) {
	o := open(t)
	o.work()
	f := o.made(t, nil)
	r := o.submit(t, to(f, yes(), number(guests, "5"), number(seats, "4")))
	require.Len(t, r.Broken, 1)
	require.Equal(t, "Too many", r.Broken[0].Message)
	one := o.own(t, r)
	require.Equal(t, form.Answers{coming: "yes", guests: "5", seats: "4"}, one.Answers)
	require.Equal(t, []uuid.UUID{f.Rules[0].ID}, one.Flags)
	for _, wrong := range []string{"", "x", o.Passes.EditToken(uuid.New())} {
		_, err := o.Response(t.Context(), r.ResponseID, wrong)
		is(t, fault.NotFound, err)
	}

	r, err := o.Replace(t.Context(), one, []form.Given{number(guests, "3"), number(seats, "")},
		false, usual)
	require.NoError(t, err)
	require.Empty(t, r.Broken)
	after := o.own(t, r)
	require.Equal(t, form.Answers{coming: "yes", guests: "3"}, after.Answers,
		"what is not given stays, and what is given empty goes")
	_, err = o.Replace(t.Context(), one, []form.Given{number(guests, "9")}, false, usual)
	is(t, form.Changed, err)
	_, err = o.Replace(t.Context(), after, []form.Given{number(guests, "many")}, false, usual)
	is(t, fault.Invalid, err)

	results, err := o.Results(t.Context(), f.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, results.Responses)
	require.Equal(t, []int64{1, 0}, results.Questions[0].Counts)
	require.EqualValues(t, 3_000_000, results.Questions[1].Sum.Int64())
	require.EqualValues(t, 0, results.Questions[2].Answered)

	applied, err := o.Withdraw(t.Context(), after, usual)
	require.NoError(t, err)
	require.True(t, applied)
	_, err = o.Response(t.Context(), r.ResponseID, r.EditToken)
	is(t, fault.NotFound, err)
	_, err = o.Withdraw(t.Context(), after, usual)
	is(t, fault.NotFound, err)
}

func TestNothingIsWrittenOfAResponseThatIsRefused(t *testing.T) {
	o := open(t)
	o.work()
	f := o.made(t, nil)
	_, err := o.Submit(t.Context(), to(f, number(guests, "x"), number(uuid.New(), "1")), usual)
	is(t, fault.Invalid, err)
	require.Len(t, err.(*fault.Error).Wrongs, 3) //nolint:errorlint // it is one
	_, err = o.Submit(t.Context(), form.Submission{FormID: uuid.New()}, usual)
	is(t, fault.NotFound, err)
	page, err := o.Responses(t.Context(), form.Look{FormID: f.ID, Limit: 9})
	require.NoError(t, err)
	require.Empty(t, page.Responses)
}

func TestARetryWithAKeyGetsTheSameReceipt(t *testing.T) {
	o := open(t)
	o.work()
	f := o.made(t, nil)
	s := to(f, yes())
	s.Key = uuid.New()
	first := o.submit(t, s)
	require.Equal(t, first, o.submit(t, s))
	other := s
	other.Client = uuid.New()
	require.NotEqual(t, first.ResponseID, o.submit(t, other).ResponseID, "two may draw one key")
	_, err := o.Edit(t.Context(), f.ID, nil, func(f *form.Form) error {
		return f.Change(guests, func(q *form.Question) error { q.Mandatory = true; return nil })
	})
	require.NoError(t, err)
	require.Equal(t, first, o.submit(t, s), "also when the form asks for more by now")
	s.Key = uuid.New()
	_, err = o.Submit(t.Context(), s, usual)
	is(t, fault.Invalid, err)
	got, err := o.Store.Form(t.Context(), f.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Responses)
}

func TestAPersonRespondsOnceWhereTheFormSaysSo(t *testing.T) {
	o := open(t)
	o.work()
	f := o.made(t, func(f *form.Form) { f.OnePerPerson = true })
	s := to(f, yes())
	_, err := o.Submit(t.Context(), s, usual)
	is(t, fault.Invalid, err)
	s.Client = uuid.New()
	o.submit(t, s)
	_, err = o.Submit(t.Context(), s, usual)
	is(t, form.Responded, err)

	f = o.made(t, func(f *form.Form) { f.OnePerPerson, f.Voters = true, access.ByPass })
	s = to(f, yes())
	s.Client = uuid.New()
	_, err = o.Submit(t.Context(), s, usual)
	is(t, access.NoPass, err)
	pass, err := o.Pass(t.Context(), f.ID, uuid.Nil)
	require.NoError(t, err)
	s.Pass = []byte(pass.Text)
	_, err = o.Submit(t.Context(), s, usual)
	is(t, fault.Invalid, err)
	s.Client = uuid.Nil
	o.submit(t, s)
	_, err = o.Submit(t.Context(), s, usual)
	is(t, form.Responded, err)
	s.Pass = []byte("garbage")
	_, err = o.Submit(t.Context(), s, usual)
	is(t, access.BadPass, err)
}

func TestExactlyAsManyRespondAsMayHoweverManyTry(t *testing.T) {
	o := open(t)
	f := o.made(t, func(f *form.Form) { f.MaxResponses = 5 })
	var all sync.WaitGroup
	var mu sync.Mutex
	kept, full := 0, 0
	for range 40 {
		all.Go(func() {
			_, err := o.Submit(context.Background(), to(f, yes()), usual)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				kept++
			case fault.Is(err, form.Full):
				full++
			default:
				t.Error(err)
			}
		})
	}
	o.work()
	all.Wait()
	require.Equal(t, [2]int{5, 35}, [2]int{kept, full})
}

func TestAResponseOfWhichNothingIsKnownIsUnknownAndSaysSo(t *testing.T) {
	o := open(t) // nobody applies, and what is in memory alone is not durable
	f := o.made(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := o.Submit(ctx, to(f, yes()), usual)
	is(t, fault.Unavailable, err)
	require.Zero(t, r)
	require.Zero(t, o.Waiting())
}
