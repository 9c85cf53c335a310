package form

import (
	"context"
	"math/big"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Limits of what is read.
const (
	MaxSearch = 100 // characters
	MaxWords  = 100 // of a word cloud, in results

	pageSize = 100  // responses that are read at once
	looked   = 5000 // responses at which a search looks
)

// Look is which responses to a form somebody looks for.
type Look struct {
	FormID uuid.UUID
	Search string // a part of an answer; empty: any
	Before int64  // responses of lower numbers; 0: from the newest on
	Limit  int    // at least 1
}

// Page is a part of the responses to a form.
type Page struct {
	Responses []Response
	Next      int64 // before which the next part is; 0: there is none
}

// Responses reads responses, the newest first. A search looks at a bounded number of them. So a
// page may have fewer than its limit, or none, and yet a next one. Errors: NotFound, and Invalid of
// a search that is no text.
func (s *Service) Responses(ctx context.Context, l Look) (p Page, err error) {
	p.Responses = []Response{}
	wanted, err := s.wanted(ctx, &l)
	if err != nil {
		return Page{}, err
	}
	for seen := 0; seen < looked; {
		size := pageSize
		if l.Search == "" {
			size = min(l.Limit-len(p.Responses), pageSize)
		}
		page, err := s.Store.Responses(ctx, l.FormID, l.Before, size)
		if err != nil {
			return Page{}, err
		}
		for i := range page {
			l.Before = page[i].Number
			if !wanted(&page[i]) {
				continue
			}
			p.Responses = append(p.Responses, page[i])
			if len(p.Responses) == l.Limit {
				p.Next = l.Before
				return p, nil
			}
		}
		if len(page) < size {
			return p, nil
		}
		seen += len(page)
	}
	p.Next = l.Before
	return p, nil
}

// wanted gives what finds the responses that are looked for.
func (s *Service) wanted(ctx context.Context, l *Look) (func(*Response) bool, error) {
	if l.Search == "" {
		return func(*Response) bool { return true }, nil
	}
	line, err := question.CleanLine("search", l.Search, MaxSearch)
	if err != nil {
		return nil, err
	}
	f, err := s.forms.form(ctx, l.FormID)
	if err != nil {
		return nil, err
	}
	part := question.Folded(line)
	return func(r *Response) bool {
		for _, text := range f.texts(r.Answers) {
			if strings.Contains(question.Folded(text), part) {
				return true
			}
		}
		return false
	}, nil
}

// texts gives what people read of answers: texts, and the values of options.
func (d *Definition) texts(answers Answers) (texts []string) {
	for i := range d.Questions {
		q := &d.Questions[i]
		a := answers[q.ID]
		if q.TakesText() {
			texts = append(texts, a.Texts()...)
			continue
		}
		for _, key := range a.Keys() {
			texts = append(texts, q.valueOf(key))
		}
	}
	return texts
}

// valueOf gives the value of an option; its key where the question has it no more.
func (q *Question) valueOf(key string) string {
	for _, o := range q.Options {
		if o.Key == key {
			return o.Value
		}
	}
	return key
}

// broken gives the rules that answers break; nil: none.
func (d *Definition) broken(a Answers) []Rule { return d.RulesOf(d.Flags(a)) }

// RulesOf gives the rules that have ids, in order. Those that are no more are left out.
func (d *Definition) RulesOf(flags []uuid.UUID) (rules []Rule) {
	for _, r := range d.Rules {
		for _, id := range flags {
			if r.ID == id {
				rules = append(rules, r)
			}
		}
	}
	return rules
}

// Results are what is counted of a form.
type Results struct {
	Form      Form // as it was at most a Lease before
	Responses int64
	Revision  int64
	Questions []Result // one for each question but sections, in order
}

// Result is what is counted of the answers to a question.
type Result struct {
	Question Question
	Answered int64   // by how many people
	Counts   []int64 // by option; nil: it has none
	Words    []Word  // of a word cloud, at most MaxWords; else nil
	// Sum of numbers, in steps of 1 / question.Micros; nil: they are none
	Sum *big.Int
}

// Results reads the counts of a form. NotFound.
func (s *Service) Results(ctx context.Context, id uuid.UUID) (Results, error) {
	f, err := s.forms.form(ctx, id)
	if err != nil {
		return Results{}, err
	}
	tally, err := s.Store.Counts(ctx, id)
	if err != nil {
		return Results{}, err
	}
	r := Results{Form: f, Responses: tally.Responses, Revision: tally.Revision,
		Questions: []Result{}}
	for i := range f.Questions {
		q := f.Questions[i]
		if q.Kind == Section {
			continue
		}
		one := tally.Counts.result(q)
		if q.Kind == question.WordCloud {
			if one.Words, err = s.Store.Words(ctx, id, q.ID, MaxWords); err != nil {
				return Results{}, err
			}
		}
		r.Questions = append(r.Questions, one)
	}
	return r, nil
}

// result gives the counts of one question.
func (c Counts) result(q Question) Result {
	r := Result{Question: q, Answered: c[Place{Question: q.ID}]}
	for _, o := range q.Options {
		r.Counts = append(r.Counts, c[Place{Question: q.ID, Key: o.Key}])
	}
	if q.Kind == question.Number {
		high := big.NewInt(c[Place{Question: q.ID, Key: sumHigh}])
		low := big.NewInt(c[Place{Question: q.ID, Key: sumLow}])
		r.Sum = high.Mul(high, big.NewInt(sumBase)).Add(high, low)
	}
	return r
}

// Response reads a response. With an edit token it is the respondent's own. NotFound, also where
// the token is another one's: nobody learns what there is.
func (s *Service) Response(ctx context.Context, id uuid.UUID, token string) (Response, error) {
	if !s.Passes.MayEdit(id, token) {
		return Response{}, NoResponse()
	}
	return s.Store.Response(ctx, id)
}

// NoResponse is the error about a response that is not there.
func NoResponse() error { return fault.Errorf(fault.NotFound, "there is no such response") }
