package polls

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// wireAllResults are the results of a presentation's polls that were displayed.
type wireAllResults struct {
	PresentationID uuid.UUID         `json:"presentation_id"`
	Title          string            `json:"title"`
	Version        int64             `json:"version"`
	Polls          []wirePollResults `json:"polls"`
}

type wirePollResults struct {
	place    int           // of the poll in the presentation, from 1
	Question string        `json:"question"`
	Kind     question.Kind `json:"kind"`
	wireResults[wireCount]
}

// encodedAll are all results of a presentation that were displayed, of one read.
type encodedAll struct {
	access    access.Tokens
	bans      string // a tag of what is banned, by which files change
	presenter allView
	others    allView // the presenter's, where nothing is hidden
}

// allView is what somebody may see of them.
type allView struct {
	*wireAllResults
	body []byte // JSON
	tag  string // its entity tag
}

// maxAllResults is how many presentations' results are read at once. Each takes ten times its text.
const maxAllResults = 4

// newCoalescedAll coalesces the reads of all results: the page that shows them is shared with a
// whole room. costly are the turns at encoding them. Reading them has turns of its own, since the
// store may take its time: these bound how many presentations are in memory.
func newCoalescedAll(store poll.Store, costly *budget.Turns) *live.Reads[uuid.UUID, *encodedAll] {
	reading := budget.NewTurns(maxAllResults)
	return live.NewReads(func(ctx context.Context, id uuid.UUID) (*encodedAll, error) {
		ctx, cancel := context.WithTimeout(ctx, web.CallTimeout)
		defer cancel()
		read, err := reading.Take(ctx)
		if err != nil {
			return nil, err
		}
		defer read()
		e, err := readAll(ctx, store, id)
		if err != nil {
			return nil, err
		}
		end, err := costly.TakeLong(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
		return e, e.encode()
	})
}

// readAll puts together what may be seen, to be encoded. The words of free text are read with
// their poll's state once more, in one statement. So each poll's results are of one moment, though
// not all of the same one.
func readAll(ctx context.Context, store poll.Store, id uuid.UUID) (*encodedAll, error) {
	p, states, err := store.Presentation(ctx, id)
	if err != nil {
		return nil, err
	}
	all := &wireAllResults{PresentationID: p.ID, Title: p.Title, Version: p.Slide.Version,
		Polls: []wirePollResults{}}
	veiled, hidden := *all, false
	bans := sha256.New()
	for i, q := range p.Polls {
		_, _ = fmt.Fprintf(bans, "%q", q.Banned) // never fails
		// its question is the presenter's secret, and there is nothing to tell
		if states[i].Status == poll.Pending {
			continue
		}
		r := poll.Results{Poll: q, State: states[i]}
		if q.Kind.FreeText() {
			if r, err = store.Results(ctx, p.ID, q.ID); err != nil {
				return nil, err
			}
		}
		hidden = hidden || r.Hidden()
		all.Polls = append(all.Polls, wirePollResults{i + 1, q.Text, q.Kind, seen(&r, true)})
		veiled.Polls = append(veiled.Polls, wirePollResults{i + 1, q.Text, q.Kind, seen(&r, false)})
	}
	e := &encodedAll{access: p.Tokens, bans: hex.EncodeToString(bans.Sum(nil)),
		presenter: allView{wireAllResults: all}, others: allView{wireAllResults: all}}
	if hidden {
		e.others.wireAllResults = &veiled
	}
	return e, nil
}

func (e *encodedAll) encode() error {
	if err := e.presenter.encode(); err != nil {
		return err
	}
	if e.others.wireAllResults != e.presenter.wireAllResults {
		return e.others.encode()
	}
	e.others = e.presenter
	return nil
}

func (v *allView) encode() (err error) {
	v.body, err = json.Marshal(v.wireAllResults)
	v.tag = contentTag(v.body)
	return err
}

// contentTag is the entity tag of a body.
func contentTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}
