package polltest

import (
	"context"
	"database/sql/driver"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// Recorder writes down the statements that a store sends, for tests of their plans and number:
// those with parameters, and those that read without any. It is used by one goroutine at a time.
type Recorder struct{ said []Statement }

// Statement is one of them, as the driver got it.
type Statement struct {
	Query string
	Args  []any
}

// Record writes a statement down, unless it is one that only begins, sets or fetches something.
func (r *Recorder) Record(query string, args []driver.NamedValue) {
	if len(args) == 0 && !strings.HasPrefix(strings.TrimSpace(query), "SELECT") {
		return
	}
	s := Statement{Query: query}
	for _, a := range args {
		s.Args = append(s.Args, a.Value)
	}
	r.said = append(r.said, s)
}

// Wrap has the connections that opens gives write down what they are asked to run.
func (r *Recorder) Wrap(opens driver.Connector) driver.Connector { return recording{opens, r} }

type recording struct {
	driver.Connector
	recorder *Recorder
}

func (r recording) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &recordedConn{conn.(engineConn), r.recorder}, nil
}

// engineConn is what the connections of every engine can do.
type engineConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type recordedConn struct {
	engineConn
	recorder *Recorder
}

func (c *recordedConn) ExecContext(ctx context.Context, query string,
	args []driver.NamedValue) (driver.Result, error) {
	c.recorder.Record(query, args)
	return c.engineConn.ExecContext(ctx, query, args)
}

func (c *recordedConn) QueryContext(ctx context.Context, query string,
	args []driver.NamedValue) (driver.Rows, error) {
	c.recorder.Record(query, args)
	return c.engineConn.QueryContext(ctx, query, args)
}

// CheckNamedValue leaves what the connection does not check to database/sql.
func (c *recordedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.engineConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Take gives what was said since the last Take.
func (r *Recorder) Take() []Statement {
	said := r.said
	r.said = nil
	return said
}

// CallTheRest makes those calls of a store that no test of its statements looks at in another way.
// It gives each to ended with its error. It deletes p, whose first poll was displayed under
// version 1, and which is in partition.
func CallTheRest(t *testing.T, s Store, p poll.Presentation, partition int,
	ended func(call string, err error)) {
	t.Helper()
	ctx, displayed := t.Context(), p.Polls[0].ID
	_, _, err := s.Presentation(ctx, p.ID)
	ended("Presentation", err)
	_, _, err = s.Join(ctx, p.JoinCode)
	ended("Join", err)
	_, err = s.Owned(ctx, uuid.New(), p.ID, 100)
	ended("Owned", err)
	access, err := s.Access(ctx, p.ID)
	ended("Access", err)
	ended("SetAccess", s.SetAccess(ctx, p.ID, access.TokenHash, access))
	ended("SetJoinCode", s.SetJoinCode(ctx, p.ID, p.JoinCode))
	_, err = s.Unused(ctx, time.Hour, 100)
	ended("Unused", err)
	_, err = s.Newest(ctx, []uuid.UUID{p.ID}, []uuid.UUID{displayed})
	ended("Newest", err)
	_, err = s.Transit(ctx, p.ID, poll.Move{To: poll.ToClosed}, nil)
	ended("Transit", err)
	_, err = s.Closing(ctx)
	ended("Closing", err)
	_, err = s.Edit(ctx, p.ID, poll.EditPoll{PollID: displayed, Question: new("Mended?")})
	ended("Edit", err)
	_, err = s.Count(ctx, in(partition, seal(p, 0, 1)))
	ended("Count", err)
	_, err = s.Forget(ctx, time.Hour, 100)
	ended("Forget", err)
	_, _, err = s.Refold(ctx)
	ended("Refold", err)
	edit := func(e poll.Edit) poll.Edited {
		edited, err := s.Edit(ctx, p.ID, e)
		ended("Edit", err)
		require.True(t, edited.Changed)
		return edited
	}
	first, text, kind := 0, "How?", question.Rating
	edit(poll.EditPresentation{Title: new("Another")})
	edit(poll.Reset{PollID: displayed})
	added := edit(poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "Which?",
		Kind: question.Rating}}, Index: &first}).Poll.ID
	edit(poll.EditPoll{PollID: added, Question: &text, Kind: &kind})
	var order []uuid.UUID
	for _, q := range p.Polls {
		order = append(order, q.ID)
	}
	edit(poll.Reorder{PollIDs: append(order, added)})
	edit(poll.DeletePoll{PollID: added})
	_, err = s.Secret(ctx, "recorded", []byte("key"))
	ended("Secret", err)
	_, err = s.Grant(ctx, p.ID, 1)
	ended("Grant", err)
	_, err = s.History(ctx, p.ID, 0, 1)
	ended("History", err)
	ended("Delete", s.Delete(ctx, p.ID, nil))
	unused := created(t, s)
	ended("Create", nil)
	expired, err := s.Expire(ctx, unused.ID, 0)
	ended("Expire", err)
	require.True(t, expired)
	_, err = s.Erase(ctx, 100)
	ended("Erase", err)
	ended("Present", s.Present(ctx, p.ID,
		map[uuid.UUID]poll.Presence{p.ID: {Viewers: 1}}, time.Minute))
	_, err = s.Audiences(ctx, []uuid.UUID{p.ID}, time.Minute)
	ended("Audiences", err)
}

// Unseen gives the calls of the port that are not among those seen.
func Unseen(seen map[string]bool) (calls []string) {
	port := reflect.TypeFor[poll.Store]()
	for i := range port.NumMethod() {
		name := port.Method(i).Name
		if !seen[name] {
			calls = append(calls, name)
		}
	}
	return calls
}

// Measured are the names under which dashboards know the calls of a store.
var Measured = []string{
	"audiences", "count", "create", "delete", "display", "edit", "hide", "history", "newest",
	"present", "results", "transit",
}

// RequireMeasured makes each call of a store once and requires that its engine tells of it, once
// where a dashboard knows it. observed gives what the engine has told so far.
func RequireMeasured(t *testing.T, s Store, observed func() map[string]int) {
	t.Helper()
	require.NoError(t, s.Partitions(t.Context(), Partitions))
	p := created(t, s, poll.Poll{Question: question.Question{Text: "Where?",
		Kind: question.WordCloud}},
		poll.Poll{Question: question.Question{Text: "Which?", Options: options("A", "B")}})
	version := show(t, s, p, 0)
	count(t, s, votes(vote(p, 0, version, "Rome")))
	_, err := s.Display(t.Context(), p.ID)
	require.NoError(t, err)
	results(t, s, p, 0)
	_, _, err = s.Hide(t.Context(), p.ID, p.Polls[0].ID, "Rome", true)
	require.NoError(t, err)
	_, err = s.Newest(t.Context(), []uuid.UUID{p.ID}, nil)
	require.NoError(t, err)
	_, err = s.History(t.Context(), p.ID, 0, 1)
	require.NoError(t, err)
	_, err = s.Edit(t.Context(), p.ID, poll.EditPresentation{Title: new("Another")})
	require.NoError(t, err)
	require.NoError(t, s.Present(t.Context(), p.ID, map[uuid.UUID]poll.Presence{p.ID: {Viewers: 1}},
		time.Minute))
	_, err = s.Audiences(t.Context(), []uuid.UUID{p.ID}, time.Minute)
	require.NoError(t, err)
	list(t, s, p, 0)
	require.NoError(t, s.Answers(t.Context(), p.ID, p.Polls[0].ID, question.Listing{},
		func(question.WordCount) error { return nil }))
	require.NoError(t, s.Delete(t.Context(), p.ID, nil))
	require.NoError(t, s.Ping(t.Context()))
	told := observed()
	for _, call := range Measured {
		require.Equal(t, 1, told[call], call)
	}
	for _, call := range []string{"partitions", "ping", "votes", "answers"} {
		require.Positive(t, told[call], call)
	}
	requireKind(t, fault.NotFound, s.Delete(t.Context(), p.ID, nil))
	require.Equal(t, 2, observed()["delete"], "a call that fails is one, too")
}
