package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/telemetry"
	"github.com/plenary-live/plenary/pkg/work"
)

const (
	// openTimeout is how long a command waits for a queue that is away.
	openTimeout = 10 * time.Second
	// verdictTimeout is how long a replay waits for the verdicts on what it put back.
	verdictTimeout = 5 * time.Second
)

// deadLetters is the command that lets an operator look at what was set aside, and decide what
// becomes of it.
func deadLetters(out io.Writer) backend.Command {
	return backend.Command{
		Name: "dead-letters",
		Usage: [][2]string{
			{"list [--json]", "lists the entries of the log that were set aside, the oldest first"},
			{"show ID... [--json]", "shows all that is known of them"},
			{"replay ID...|--all", "puts them back into the log; a vote in them counts if its " +
				"poll is not sealed and its voter has none"},
			{"drop ID...|--all", "forgets them for ever, and the votes in them"},
			{"… --stream=NAME", "does so with another stream's than the votes': talks, feed"},
		},
		Run: func(ctx context.Context, cfg config.Config, args []string,
			logger *slog.Logger) (err error) {
			o, err := parseOrder(args)
			if err != nil {
				return err
			}
			if len(cfg.AMQPURLs) == 0 {
				return errors.New(
					"dead letters are kept in RabbitMQ: PLENARY_AMQP_URL (amqp://…) is not set")
			}
			adapters := backend.New(cfg, telemetry.NewMetrics(), logger)
			defer func() { err = errors.Join(err, adapters.Close()) }()
			opening, cancel := context.WithTimeout(ctx, openTimeout)
			defer cancel()
			if err := adapters.OpenQueue(opening); err != nil {
				return err
			}
			stream := adapters.Votes
			for _, a := range adapters.Applied() {
				if o.stream == a.Name {
					stream, o.applier = a.Stream, a.Applier
				}
			}
			if o.applier == nil && o.stream != "" && o.stream != poll.Stream {
				return fmt.Errorf("dead-letters: %w: there is no stream %q", backend.ErrUsage,
					o.stream)
			}
			return o.carryOut(ctx, stream, out)
		},
	}
}

// order is what an operator asked for.
type order struct {
	do string // list, show, replay or drop
	// stream is a feature's; empty: that of the votes. applier knows its entries; nil: they are
	// votes and seals.
	stream  string
	applier work.Applier
	ids     []string
	all     bool
	json    bool
}

// parseOrder reads the arguments, whose order does not matter. Errors are ErrUsage.
func parseOrder(args []string) (o order, err error) {
	wrong := func(format string, a ...any) (order, error) {
		return order{}, fmt.Errorf("dead-letters: %w: %s", backend.ErrUsage,
			fmt.Sprintf(format, a...))
	}
	for _, arg := range args {
		name, named := strings.CutPrefix(arg, "--stream=")
		switch {
		case named:
			o.stream = name
		case arg == "--all":
			o.all = true
		case arg == "--json":
			o.json = true
		case strings.HasPrefix(arg, "-") || arg == "":
			return wrong("there is no option %q", arg)
		case o.do == "":
			o.do = arg
		default:
			o.ids = append(o.ids, arg)
		}
	}
	looks := o.do == "list" || o.do == "show"
	switch {
	case !looks && o.do != "replay" && o.do != "drop":
		return wrong("it takes list, show, replay or drop, not %q", o.do)
	case o.do == "list" && len(o.ids) > 0:
		return wrong("list takes no ids: did you mean show?")
	case looks && o.all:
		return wrong("%s does not take --all", o.do)
	case !looks && o.json:
		return wrong("%s does not take --json", o.do)
	case o.do != "list" && !o.all && len(o.ids) == 0:
		return wrong("%s which? Give the ids that list shows%s", o.do,
			map[bool]string{false: ", or --all"}[looks])
	case o.all && len(o.ids) > 0:
		return wrong("%s either some or --all", o.do)
	}
	return o, nil
}

func (o order) carryOut(ctx context.Context, log queue.Stream, out io.Writer) error {
	switch o.do {
	case "list", "show":
		return o.look(ctx, log, out)
	case "replay":
		return o.decide(ctx, log, out, queue.Replay)
	default:
		return o.decide(ctx, log, out, queue.Drop)
	}
}

// readable says why an entry is no batch. What is no entry the log knows itself, and of streams
// beside the votes' nothing else is known.
func (o order) readable(d queue.DeadLetter) error {
	e, err := queue.Decode(d.Raw)
	if err != nil || o.applier != nil {
		return nil
	}
	_, err = poll.DecodeBatch(e)
	return err
}

// means says whether the order is about a letter, and notes that it was found.
func (o order) means(id string, found map[string]bool) bool {
	if o.do != "list" && !o.all && !slices.Contains(o.ids, id) {
		return false
	}
	found[id] = true
	return true
}

// missing is the error that names the ids that were not found.
func (o order) missing(found map[string]bool) error {
	var errs []error
	for _, id := range o.ids {
		if !found[id] {
			errs = append(errs, fmt.Errorf("there is no dead letter %q", id))
		}
	}
	return errors.Join(errs...)
}

// look shows letters and changes nothing.
func (o order) look(ctx context.Context, log queue.Stream, out io.Writer) error {
	views := []view{}
	found := map[string]bool{}
	err := log.VisitDeadLetters(ctx, func(d queue.DeadLetter) queue.Fate {
		if o.means(d.ID, found) {
			views = append(views, viewOf(d, o.do == "show", o.applier))
		}
		return queue.Keep
	}, func(queue.DeadLetter, error) {})
	if err != nil {
		return err
	}
	if err := o.missing(found); err != nil {
		return err
	}
	slices.SortStableFunc(views, func(a, b view) int { return a.first().Compare(b.first()) })
	switch {
	case o.json:
		return writeJSON(out, views)
	case o.do == "list":
		return writeTable(out, views)
	default:
		return writeWhole(out, views)
	}
}

// outcome is what became of one letter.
type outcome struct {
	letter queue.DeadLetter
	err    error
}

// decide replays or drops letters, and says what became of each: of a replayed one also its
// verdicts.
func (o order) decide(ctx context.Context, log queue.Stream, out io.Writer, fate queue.Fate) error {
	found := map[string]bool{}
	outcomes, visited := make(chan outcome), make(chan error, 1)
	go func() {
		visited <- log.VisitDeadLetters(ctx, func(d queue.DeadLetter) queue.Fate {
			if !o.means(d.ID, found) {
				return queue.Keep
			}
			if err := o.readable(d); err != nil && fate == queue.Replay { // it would only come back
				outcomes <- outcome{d, err}
				return queue.Keep
			}
			return fate
		}, func(d queue.DeadLetter, err error) { outcomes <- outcome{d, err} })
		close(outcomes)
	}()
	r := report{out: out, fate: fate, applier: o.applier, waiting: map[uuid.UUID]string{},
		early: map[uuid.UUID]queue.Reply{}}
	replies, stopped := log.Replies(), ctx.Done()
	var timeout <-chan time.Time
	for outcomes != nil || len(r.waiting) > 0 && replies != nil {
		select {
		case d, ok := <-outcomes:
			if !ok {
				outcomes, timeout = nil, time.After(verdictTimeout)
				continue
			}
			r.outcome(d)
		case reply, ok := <-replies:
			if !ok {
				replies = nil
				continue
			}
			r.verdicts(reply)
		case <-timeout:
			replies = nil
		case <-stopped:
			replies, stopped = nil, nil // the visit ends by itself
		}
	}
	r.silent()
	err := errors.Join(<-visited, o.missing(found))
	if r.stayed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d dead letters stayed", r.stayed,
			r.stayed+r.went))
	}
	if err == nil && r.went == 0 {
		_, err = fmt.Fprintln(out, "There are no dead letters.")
	}
	return err
}
