package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/work"
)

// report tells an operator what became of each letter, a line at a time.
type report struct {
	out          io.Writer
	fate         queue.Fate
	applier      work.Applier // nil: the letters are of the votes
	stayed, went int
	waiting      map[uuid.UUID]string      // ids of letters that have no verdicts yet, by batch
	early        map[uuid.UUID]queue.Reply // of batches whose letter has no outcome yet
}

// say writes a line. That the terminal is gone changes nothing of what was done.
func (r *report) say(id, format string, args ...any) {
	_, _ = fmt.Fprintf(r.out, "%s  %s\n", printable(id), printable(fmt.Sprintf(format, args...)))
}

func (r *report) outcome(o outcome) {
	if o.err != nil {
		r.stayed++
		r.say(o.letter.ID, "stays: %s", why(o.err))
		return
	}
	r.went++
	if r.fate == queue.Drop {
		r.say(o.letter.ID, "dropped")
		return
	}
	v := viewOf(o.letter, false, r.applier)
	r.say(o.letter.ID, "is back in partition %d: %s", o.letter.Partition, v.Contents)
	batch, err := batchOf(o.letter)
	if r.applier != nil || err != nil || len(batch.Votes) == 0 { // a seal has no verdicts
		return
	}
	r.waiting[batch.ID] = o.letter.ID
	if reply, ok := r.early[batch.ID]; ok {
		r.verdicts(reply)
	}
}

// why explains to an operator what an error means for a letter.
func why(err error) string {
	switch {
	case errors.Is(err, queue.ErrVersion):
		return fmt.Sprintf(
			"this version of the program cannot read it (%v): replay it with a newer one", err)
	case errors.Is(err, queue.ErrMalformed):
		return fmt.Sprintf("it still cannot be decoded (%v)", err)
	case errors.Is(err, queue.ErrUnknown):
		return fmt.Sprintf("whether it is back is not known (%v): replaying it again does no harm",
			err)
	}
	return err.Error()
}

func (r *report) verdicts(reply queue.Reply) {
	id, ok := r.waiting[reply.EntryID]
	if !ok {
		r.early[reply.EntryID] = reply
		return
	}
	delete(r.waiting, reply.EntryID)
	n := map[poll.Verdict]int{}
	for _, v := range poll.DecodeVerdicts(reply.Body) {
		n[v]++
	}
	var parts []string
	for v := poll.Counted; v <= poll.Rejected; v++ {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], v))
		}
	}
	r.say(id, "is dealt with: %s", strings.Join(parts, ", "))
}

// silent tells of those that got no verdicts in time.
func (r *report) silent() {
	for _, id := range r.waiting {
		r.say(id, "has no verdict yet: it was counted before, or no worker has come to it")
	}
}
