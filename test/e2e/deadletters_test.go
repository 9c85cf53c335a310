package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/lib/pq"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/test/stack"
)

// operator works with one API, one worker and their servers.
type operator struct {
	*testing.T
	site
	*stack.Stack
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	_, st := own(t, stack.Config{Parts: stack.Servers | stack.API | stack.Worker,
		APIs: 1, Workers: 1})
	for name, test := range map[string]func(operator){
		"what cannot be decoded holds up nobody and stays until it is dropped":    operator.junk,
		"what cannot be decoded holds up nobody under an alarm, and is kept once": operator.alarm,
		"a vote that the store refuses is set aside alone and its batch counts":   operator.split,
		"bad votes are rejected and the good ones of their batch count":           operator.badVotes,
		"what the store refuses holds up nobody and counts when it is replayed":   operator.refused,
		"what is replayed after its poll was sealed is late":                      operator.late,
		"an entry from the future is left to a newer worker, and nobody loses it": operator.future,
		"wrong arguments say what is wrong":                                       operator.arguments,
	} {
		t.Run(name, func(t *testing.T) { test(operator{t, siteOf(t, st), st}) })
	}
}

func (o operator) junk() {
	r := show(o.Client, choice("Who wins?"))
	o.publish(r, o.batch(r, "A"), []byte("\x1b[2Jjunk"), o.batch(r, "A"), []byte{}, o.batch(r, "B"))
	o.eventually(func() bool { return r.Results(r.Polls[0].PollID).Total == 3 })
	letters := o.list(2)
	require.Contains(o, letters[0].Reason, "malformed")
	require.Equal(o, "unreadable", letters[1].Contents)

	table, _, code := o.worker("dead-letters", "list")
	require.Zero(o, code)
	require.Equal(o, 3, strings.Count(table, "\n"), table)
	require.NotContains(o, table, "\x1b")
	shown, _, code := o.worker("dead-letters", "show", letters[0].ID)
	require.Zero(o, code)
	require.Contains(o, shown, "|.[2Jjunk|")
	require.Contains(o, shown, fmt.Sprintf("plenary.votes.%d", partition(r)))

	o.gauge(2)
	log, err := os.ReadFile(o.Workers[0].Log)
	require.NoError(o, err)
	require.Contains(o, string(log), "there are dead letters")

	said, failed, code := o.worker("dead-letters", "replay", "--all")
	require.Equal(o, 1, code)
	require.Equal(o, 2, strings.Count(said, "stays: it still cannot be decoded"), said)
	require.Contains(o, failed, "2 of 2 dead letters stayed")
	require.Equal(o, letters, o.list(2))

	_, _, code = o.worker("dead-letters", "drop", letters[0].ID)
	require.Zero(o, code)
	require.Equal(o, letters[1:], o.list(1))
	_, _, code = o.worker("dead-letters", "drop", "--all")
	require.Zero(o, code)
	o.list(0)
	o.gauge(0)
}

func (o operator) badVotes() {
	r := show(o.Client, choice("Who wins?"))
	b := o.votes(r, "A", "Z", "", "A\nB", "B\x00", string([]byte{0xff}), "B")
	b.Votes[3].PollID = uuid.New()
	b.Votes[6].Seq, b.Votes[0].Version = 1<<63-1, 1<<63-1
	o.publish(r, encode(o, b))
	o.eventually(func() bool { return r.Results(r.Polls[0].PollID).Total == 2 })
	require.Equal(o, map[string]int64{"A": 1, "B": 1}, r.Recount(r.Polls[0].PollID).Counts())
	o.list(0)

	r = show(o.Client, wordCloud("Where?"))
	o.publish(r, encode(o, o.votes(r, "Rome", "a\x00b", "", "\xff", "Rome\n",
		strings.Repeat("x", 51), "ROME!")))
	o.eventually(func() bool { return r.Results(r.Polls[0].PollID).Total == 2 })
	require.Equal(o, []Word{{"Rome", 2}}, r.Recount(r.Polls[0].PollID).Words)
	o.list(0)
}

func (o operator) alarm() {
	r := show(o.Client, choice("Who wins?"))
	require.NoError(o, o.Workers[0].Stop())
	o.publish(r, o.batch(r, "A"), []byte("junk"), o.batch(r, "A"), o.batch(r, "B"))
	watermark := func(args ...string) {
		_, err := o.Rabbitmqctl(o.Context(), 0,
			append([]string{"set_vm_memory_high_watermark"}, args...)...)
		require.NoError(o, err)
	}
	watermark("absolute", "1MB")
	lift := func() { watermark("0.6") }
	defer func() { lift() }()
	require.NoError(o, o.Workers[0].Start(o.Context()))
	o.eventually(func() bool { return r.Results(r.Polls[0].PollID).Total == 3 })
	o.list(0)
	lift()
	lift = func() {}
	o.list(1)
	o.eventually(func() bool { // and no second one is on its way
		held, err := o.Rabbitmqctl(o.Context(), 0, "list_queues", "-q", "--no-table-headers",
			"messages", "name")
		require.NoError(o, err)
		return strings.Contains(held, "0\t"+o.queue(r)) && strings.Contains(held, "1\tplenary.dead")
	})
	_, _, code := o.worker("dead-letters", "drop", "--all")
	require.Zero(o, code)
}

func (o operator) split() {
	r := show(o.Client, choice("Who wins?"))
	pollID := r.Polls[0].PollID
	heal := o.refusing()
	b := o.votes(r, "A", "A", "B", "A", "A")
	o.publish(r, encode(o, b), encode(o, b))
	o.eventually(func() bool { return r.Results(pollID).Total == 4 })
	letters := o.list(1)
	require.Equal(o, "votes: 1", letters[0].Contents)
	heal()
	changed := b.Votes[0].VoterID.String()
	r.Vote(pollID, changed, "B") // behind the second copy, which is skipped
	require.Equal(o, map[string]int64{"A": 3, "B": 1}, r.Recount(pollID).Counts())
	o.publish(r, encode(o, b))
	r.Vote(pollID, NewVoter(), "A")
	require.Equal(o, map[string]int64{"A": 4, "B": 1}, r.Recount(pollID).Counts(),
		"the third copy has no effect though nothing refuses it")
	said, failed, code := o.worker("dead-letters", "replay", "--all")
	require.Zero(o, code, failed)
	require.Contains(o, said, "is dealt with: 1 counted")
	require.Equal(o, map[string]int64{"A": 4, "B": 2}, r.Recount(pollID).Counts())
	o.list(0)
}

// refusing has the database refuse every vote for B until the returned function is called.
func (o operator) refusing() (stop func()) {
	db, err := sql.Open("postgres", o.DatabaseURL)
	require.NoError(o, err)
	o.Cleanup(func() { _ = db.Close() })
	_, err = db.ExecContext(o.Context(), `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'B is refused' USING ERRCODE = 'data_exception'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON votes FOR EACH ROW WHEN (NEW.answer = 'B') EXECUTE FUNCTION refuse()`)
	require.NoError(o, err)
	return func() {
		_, err := db.ExecContext(o.Context(), `DROP FUNCTION refuse CASCADE`)
		require.NoError(o, err)
	}
}

// accepted casts a vote whose verdict nobody waits for.
func (o operator) accepted(r *Room, voter, key string) {
	ballot := r.ballot(Ballot{PollID: r.Polls[0].PollID, ClientID: voter, Key: key})
	ballot.Header = map[string]string{"Prefer": "respond-async"}
	require.Equal(o, http.StatusAccepted, r.Do(ballot).Status)
}

func (o operator) refused() {
	r := show(o.Client, choice("Who wins?"))
	pollID := r.Polls[0].PollID
	heal := o.refusing()
	changed, firm := NewVoter(), NewVoter()
	o.accepted(r, changed, "B")
	o.list(1)
	r.Vote(pollID, NewVoter(), "A")
	r.Vote(pollID, changed, "A")
	o.accepted(r, firm, "B")
	letters := o.list(2)
	require.Contains(o, letters[0].Reason, "B is refused")
	require.Equal(o, "votes: 1", letters[0].Contents)
	require.Equal(o, letters[0].BatchID, letters[0].MessageID)
	require.EqualValues(o, 2, r.Recount(pollID).Total)

	_, _, code := o.worker("dead-letters", "replay", letters[1].ID)
	require.Zero(o, code, "it goes back into the log, and is refused again")
	again := o.list(2)
	require.Equal(o, letters[0], again[0])
	require.NotEqual(o, letters[1].ID, again[1].ID)
	require.Equal(o, letters[1].FirstTime, again[1].FirstTime)

	heal()
	said, failed, code := o.worker("dead-letters", "replay", "--all")
	require.Zero(o, code, failed)
	require.Contains(o, said, again[0].ID+"  is dealt with: 1 superseded")
	require.Contains(o, said, again[1].ID+"  is dealt with: 1 counted")
	o.list(0)
	require.Equal(o, map[string]int64{"A": 2, "B": 1}, r.Recount(pollID).Counts())
	require.Contains(o, r.Votes(pollID), CountedVote{ClientID: changed, Key: "A"})
	require.Contains(o, r.Votes(pollID), CountedVote{ClientID: firm, Key: "B"})
	r.Vote(pollID, firm, "A")
	require.Equal(o, map[string]int64{"A": 3, "B": 0}, r.Recount(pollID).Counts())
}

func (o operator) late() {
	r := show(o.Client, choice("Who wins?"), choice("And then?"))
	pollID := r.Polls[0].PollID
	heal := o.refusing()
	o.accepted(r, NewVoter(), "B")
	letters := o.list(1)
	r.Vote(pollID, NewVoter(), "A")
	r.Next()
	o.eventually(func() bool { return r.Results(pollID).Status == "final" })
	final := r.Results(pollID)
	heal()
	said, _, code := o.worker("dead-letters", "replay", letters[0].ID)
	require.Zero(o, code)
	require.Contains(o, said, "is dealt with: 1 late")
	require.Equal(o, final, r.Recount(pollID))
	o.list(0)
}

func (o operator) future() {
	r := show(o.Client, choice("Who wins?"))
	pollID := r.Polls[0].PollID
	r.Vote(pollID, NewVoter(), "A")
	newer := append([]byte("PLN\x02"), "whatever it is"...)
	o.publish(r, newer)
	ready := func() bool { status, _ := o.ask("/readyz"); return status == http.StatusOK }
	o.eventually(func() bool { return !ready() })
	o.accepted(r, NewVoter(), "B") // accepted, and waits behind it

	o.broker(func(ch *amqp.Channel) { // a newer worker
		require.NoError(o, ch.Qos(500, 0, false))
		from, err := ch.Consume(o.queue(r), "", false, false, false, false, nil)
		require.NoError(o, err)
		select {
		case d := <-from:
			require.Equal(o, newer, d.Body)
			require.NoError(o, d.Ack(false))
		case <-time.After(wait):
			require.FailNow(o, "the entry did not come")
		}
	})
	o.eventually(func() bool { return r.Results(pollID).Total == 2 })
	o.eventually(ready)
	r.Recount(pollID)
	o.list(0)
}

func (o operator) arguments() {
	for args, want := range map[string]string{
		"dead-letter list":       `worker does not take ["dead-letter" "list"]`,
		"dead-letters":           "it takes list, show, replay or drop",
		"dead-letters drop":      "drop which? Give the ids that list shows, or --all",
		"dead-letters list -f":   `there is no option "-f"`,
		"healthcheck now please": `worker does not take ["healthcheck" "now" "please"]`,
	} {
		out, failed, code := o.worker(strings.Fields(args)...)
		require.Equal(o, 2, code, args)
		require.Empty(o, out, args)
		require.Contains(o, failed, want)
		require.Contains(o, failed, "worker dead-letters replay ID...|--all")
	}
	for _, do := range []string{"show", "replay", "drop"} {
		_, failed, code := o.worker("dead-letters", do, "no-such-id")
		require.Equal(o, 1, code)
		require.Contains(o, failed, `there is no dead letter "no-such-id"`)
	}
	out, _, code := o.worker("--help")
	require.Zero(o, code)
	require.Contains(o, out, "worker dead-letters list")
}

// deadLetter is what list says of one.
type deadLetter struct {
	ID        string `json:"id"`
	Reason    string `json:"reason"`
	Contents  string `json:"contents"`
	FirstTime string `json:"first_time"`
	BatchID   string `json:"batch_id"`
	MessageID string `json:"message_id"`
}

// list waits until there are n dead letters.
func (o operator) list(n int) (letters []deadLetter) {
	o.Helper()
	o.eventually(func() bool {
		out, failed, code := o.worker("dead-letters", "list", "--json")
		require.Zero(o, code, failed)
		letters = nil
		require.NoError(o, json.Unmarshal([]byte(out), &letters))
		return len(letters) == n
	})
	return letters
}

// worker runs the worker's binary with arguments, as an operator beside the running one does.
func (o operator) worker(args ...string) (stdout, stderr string, code int) {
	o.Helper()
	dir, err := binaries.build()
	require.NoError(o, err)
	var out, failed bytes.Buffer
	cmd := exec.CommandContext(o.Context(), filepath.Join(dir, "worker"), args...)
	cmd.Env = []string{"PLENARY_DATABASE_URL=" + o.DatabaseURL, "PLENARY_AMQP_URL=" + o.AMQPURLs[0]}
	cmd.Stdout, cmd.Stderr = &out, &failed
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(o, err)
	}
	return out.String(), failed.String(), cmd.ProcessState.ExitCode()
}

func (o operator) eventually(is func() bool) {
	o.Helper()
	timeout, again := time.After(wait), time.NewTicker(tick)
	defer again.Stop()
	// not by require.Eventually: what is asked for may fail the test, which only its own goroutine
	// can
	for !is() {
		select {
		case <-again.C:
		case <-timeout:
			require.FailNow(o, "it did not come true", "%s", o.Workers[0].LogTail())
		}
	}
}

func partition(r *Room) int { return queue.Partition(uuid.MustParse(r.PresentationID), 4) }

func (o operator) queue(r *Room) string { return fmt.Sprintf("plenary.votes.%d", partition(r)) }

func (o operator) broker(do func(*amqp.Channel)) {
	conn, err := amqp.Dial(o.AMQPURLs[0])
	require.NoError(o, err)
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	require.NoError(o, err)
	do(ch)
}

// publish writes entries to the log of a room, one behind the other.
func (o operator) publish(r *Room, entries ...[]byte) {
	o.broker(func(ch *amqp.Channel) {
		require.NoError(o, ch.Confirm(false))
		for _, entry := range entries {
			d, err := ch.PublishWithDeferredConfirm("", o.queue(r), true, false,
				amqp.Publishing{DeliveryMode: amqp.Persistent, Body: entry})
			require.NoError(o, err)
			kept, err := d.WaitContext(o.Context())
			require.NoError(o, err)
			require.True(o, kept)
		}
	})
}

// votes is a batch of votes of new voters for the poll on display.
func (o operator) votes(r *Room, answers ...string) poll.Batch {
	b := poll.Batch{ID: uuid.New()}
	for _, answer := range answers {
		b.Votes = append(b.Votes, poll.Vote{
			ID: uuid.Must(uuid.NewV7()), PollID: uuid.MustParse(r.Polls[0].PollID),
			VoterID: uuid.New(), Version: 1, Answer: question.Answer(answer),
		})
	}
	return b
}

func (o operator) batch(r *Room,
	answers ...string) []byte {
	return encode(o, o.votes(r, answers...))
}

func encode(t require.TestingT, b poll.Batch) []byte {
	e, err := poll.EncodeBatch(nil, &b)
	require.NoError(t, err)
	raw, err := queue.Encode(nil, e)
	require.NoError(t, err)
	return raw
}

// gauge waits until the worker's gauge shows n.
func (o operator) gauge(n int) {
	o.Helper()
	o.eventually(func() bool {
		_, metrics := o.ask("/metrics")
		return strings.Contains(metrics, fmt.Sprintf("\nplenary_dead_letters %d\n", n))
	})
}

// ask asks the worker.
func (o operator) ask(path string) (status int, body string) {
	req, err := http.NewRequestWithContext(o.Context(), http.MethodGet, o.Workers[0].URL+path, nil)
	require.NoError(o, err)
	res, err := transport.RoundTrip(req)
	require.NoError(o, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(o, err)
	return res.StatusCode, string(raw)
}
