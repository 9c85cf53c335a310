package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/work"
)

// view is a dead letter as an operator sees it.
type view struct {
	ID        string     `json:"id"`
	Reason    string     `json:"reason"`
	Time      *time.Time `json:"time,omitempty"`
	FirstTime *time.Time `json:"first_time,omitempty"`
	Origin    string     `json:"origin"`
	Partition int        `json:"partition"` // -1: none
	MessageID string     `json:"message_id"`
	Bytes     int        `json:"bytes"`
	Contents  string     `json:"contents"`
	BatchID   string     `json:"batch_id,omitempty"`
	Polls     []pollView `json:"polls,omitempty"`
	Error     string     `json:"error,omitempty"` // why it cannot be decoded
	Raw       []byte     `json:"raw,omitempty"`   // only when it is shown whole
}

// pollView is what a batch holds for one poll under one version.
type pollView struct {
	PollID  uuid.UUID `json:"poll_id"`
	Version int64     `json:"version"`
	Votes   int       `json:"votes"` // 0: a seal
}

func viewOf(d queue.DeadLetter, whole bool, applier work.Applier) view {
	v := view{
		ID: d.ID, Reason: d.Reason, Time: known(d.Time), FirstTime: known(d.FirstTime),
		Origin: d.Origin, Partition: d.Partition,
		MessageID: d.MessageID, Bytes: len(d.Raw),
	}
	if whole {
		v.Raw = d.Raw
	}
	if applier != nil {
		e, err := queue.Decode(d.Raw)
		if v.Contents = "unreadable"; err == nil {
			v.Contents, v.BatchID = applier.Describe(e), e.ID.String()
		}
		return v
	}
	b, err := batchOf(d)
	if err != nil {
		v.Contents, v.Error = "unreadable", err.Error()
		return v
	}
	v.Contents, v.Polls, v.BatchID = b.Describe(), pollsOf(b.Votes), b.ID.String()
	if b.Seal != nil {
		v.Polls = []pollView{{PollID: b.Seal.PollID, Version: b.Seal.Version}}
	}
	return v
}

// batchOf gives the batch that a dead letter holds. Errors are queue.ErrVersion and
// queue.ErrMalformed.
func batchOf(d queue.DeadLetter) (poll.Batch, error) {
	e, err := queue.Decode(d.Raw)
	if err != nil {
		return poll.Batch{}, err
	}
	return poll.DecodeBatch(e)
}

// first is when it was set aside first; zero: not known.
func (v view) first() (t time.Time) {
	if v.FirstTime != nil {
		t = *v.FirstTime
	}
	return t
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func pollsOf(votes []poll.Vote) (polls []pollView) {
	at := map[pollView]int{}
	for _, v := range votes {
		key := pollView{PollID: v.PollID, Version: v.Version}
		i, ok := at[key]
		if !ok {
			i = len(polls)
			at[key] = i
			polls = append(polls, key)
		}
		polls[i].Votes++
	}
	return polls
}

func writeJSON(out io.Writer, views []view) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(views)
}

func writeTable(out io.Writer, views []view) error {
	if len(views) == 0 {
		_, err := fmt.Fprintln(out, "There are no dead letters.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	// Flush says what went wrong
	_, _ = fmt.Fprintln(w, "ID\tFIRST SET ASIDE\tFROM\tBYTES\tCONTENTS\tREASON")
	for _, v := range views {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", printable(v.ID), clock(v.FirstTime),
			printable(v.Origin), v.Bytes, v.Contents, printable(short(v.Reason)))
	}
	return w.Flush()
}

// shownBytes is how much of an entry a terminal gets; JSON has it all.
const shownBytes = 512

func writeWhole(out io.Writer, views []view) error {
	for i, v := range views {
		if i > 0 {
			_, _ = fmt.Fprintln(out)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		line := func(name, value string) {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, printable(value))
		}
		line("id", v.ID)
		line("reason", v.Reason)
		line("set aside", clock(v.Time))
		line("first set aside", clock(v.FirstTime))
		line("from", v.Origin)
		line("message id", v.MessageID)
		line("contents", v.Contents)
		if v.Error != "" {
			line("cannot be decoded", v.Error)
		}
		if v.BatchID != "" {
			line("batch id", v.BatchID)
		}
		for _, p := range v.Polls {
			line("poll", fmt.Sprintf("%s, version %d, votes: %d", p.PollID, p.Version, p.Votes))
		}
		line("bytes", fmt.Sprint(v.Bytes))
		if err := w.Flush(); err != nil {
			return err
		}
		_, err := io.WriteString(out, hex.Dump(v.Raw[:min(len(v.Raw), shownBytes)]))
		if err == nil && len(v.Raw) > shownBytes {
			_, err = fmt.Fprintf(out, "and %d bytes more, which --json shows\n",
				len(v.Raw)-shownBytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func clock(t *time.Time) string {
	if t == nil {
		return "unknown"
	}
	return t.UTC().Format(time.RFC3339)
}

// short keeps a line of the table readable.
func short(s string) string {
	if runes := []rune(s); len(runes) > 100 {
		return string(runes[:99]) + "…"
	}
	return s
}

// printable keeps what strangers wrote from giving the terminal orders, or the table a column.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
