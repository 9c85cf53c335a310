package live

import "time"

// retryEvery is how soon a topic tries again to read what it wants when the store is away.
const retryEvery = 250 * time.Millisecond

// plan is what a topic has to read, and when. It is a value without a clock: step gives the next
// one, and what is to be done now.
type plan struct {
	since    time.Time // of the head's reads: they begin then or later
	depth    Depth     // of the body's next read
	headAt   time.Time // when the head is due
	bodyAt   time.Time // when the body is
	lastBody time.Time // when its last read began
	answered int       // all has been read that was asked for up to here
	turn     turn
}

// turn reads what is due at one moment: the head, and then the body.
type turn struct {
	at     time.Time
	asked  int // it reads all, which answers what was asked for up to here; 0: it does not
	failed bool
	idle   time.Time
}

// newPlan has all read at once.
func newPlan() plan { return plan{bodyAt: never} }

// input is what has happened.
type input struct {
	happened happening

	// Where the topic woke: what it knows then.
	now   time.Time
	want  Want          // since it woke last
	asked int           // how often all was asked for
	ready time.Time     // when the head may be read again
	pace  time.Duration // least time between two reads of the body
	idle  time.Time     // when it is to wake at the latest

	// Where something was read.
	moved  bool // the body is another one
	failed bool
	gone   bool // there is no such topic
}

type happening int

const (
	woke happening = iota
	headRead
	bodyRead
)

// action is what is to be done next. Each but wait and end has an outcome, the next input.
type action struct {
	do     deed
	since  time.Time // readHead
	depth  Depth     // readBody
	answer int       // wait: what was asked for up to here is answered before; 0: nothing is
	until  time.Time // wait: when to wake, if nothing happens before
}

type deed int

const (
	wait deed = iota
	readHead
	readBody
	end
)

// step gives what is to be done after something has happened. Nothing is read that nobody wants.
func step(p plan, in input) (plan, action) {
	switch in.happened {
	case headRead:
		return p.headRead(in)
	case bodyRead:
		return p.bodyRead(in)
	}
	p.turn = turn{at: in.now, idle: in.idle}
	if in.want.Since.After(p.since) {
		p.since, p.headAt = in.want.Since, latest(in.now, in.ready)
	}
	if in.asked > p.answered { // at a pace, too: anybody can ask
		at := latest(p.lastBody.Add(Pace), in.ready)
		p.bodyAt = earlier(p.bodyAt, at)
		if !in.now.Before(at) {
			p.turn.asked, p.since, p.headAt, p.depth = in.asked, in.now, in.now, All
		}
	}
	if in.want.Depth > Nothing {
		p.bodyAt = earlier(p.bodyAt, p.lastBody.Add(in.pace))
		p.depth = max(p.depth, in.want.Depth)
	}
	if !in.now.Before(p.headAt) {
		return p, action{do: readHead, since: p.since}
	}
	return p.body()
}

func (p plan) headRead(in input) (plan, action) {
	switch p.headAt = never; {
	case in.gone:
		return p, action{do: end}
	case in.failed:
		p.headAt, p.turn.failed = p.turn.at.Add(retryEvery), true
	case in.moved:
		p.bodyAt, p.depth = p.turn.at, max(p.depth, Changing)
	}
	return p.body()
}

// body reads the body if it is due.
func (p plan) body() (plan, action) {
	if p.turn.at.Before(p.bodyAt) {
		return p.wait(0)
	}
	p.lastBody, p.bodyAt = p.turn.at, never
	return p, action{do: readBody, depth: max(p.depth, Main)}
}

func (p plan) bodyRead(in input) (plan, action) {
	if in.failed {
		p.bodyAt = p.turn.at.Add(retryEvery)
		return p.wait(0)
	}
	p.depth = Nothing
	if p.turn.failed || p.turn.asked == 0 {
		return p.wait(0)
	}
	p.answered = p.turn.asked
	return p.wait(p.answered)
}

func (p plan) wait(answer int) (plan, action) {
	until := earlier(p.turn.idle, earlier(p.headAt, p.bodyAt))
	return p, action{do: wait, answer: answer, until: until}
}
