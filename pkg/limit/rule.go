package limit

import "time"

// Rule is how often a key may do something. It has two bounds, and both hold. A bound of n in a
// period is n times at once, and then a tenth of n in each tenth of the period. The zero Rule sets
// no bound.
type Rule struct {
	PerMinute int // 0: no bound
	PerSecond int // 0: no bound
}

// Answer is what became of a try. An answer of the zero Rule has no Limit.
type Answer struct {
	// Limit and Remaining are those of the bound that has the least left. The one is how often it
	// allows something at once, the other how often it still does now.
	Limit, Remaining int

	Reset time.Duration // after which that bound allows all of it again, if nothing is tried
	Wait  time.Duration // after which a try may succeed; 0: this one did
}

// OK says whether the try is allowed.
func (a Answer) OK() bool { return a.Wait == 0 }

// Bound is one bound of a rule as a bucket of tokens: it holds Size, and gets Step back every
// Every. Tokens come back some at a time, and not one by one. So a crowd that comes at once gets
// as many as the bucket holds, however long its requests take.
type Bound struct {
	Size, Step int
	Every      time.Duration // whole microseconds, which every adapter counts in
}

// steps are how many times in a period tokens come back.
const steps = 10

// Bounds gives the bounds that a rule has.
func (r Rule) Bounds() (bounds []Bound) {
	for _, b := range []struct {
		size   int
		period time.Duration
	}{{r.PerMinute, time.Minute}, {r.PerSecond, time.Second}} {
		if b.size > 0 {
			step := (b.size + steps - 1) / steps
			every := b.period * time.Duration(step) / time.Duration(b.size)
			bounds = append(bounds, Bound{b.size, step, every.Truncate(time.Microsecond)})
		}
	}
	return bounds
}

// Used is what a key has used of a bound: so many tokens, counted at a time. The zero Used is of a
// key that was never seen.
type Used struct {
	Tokens int
	Since  time.Time
}

// At gives what is used of the bound at a later time, when tokens have come back.
func (u Used) At(now time.Time, b Bound) Used {
	if back := now.Sub(u.Since) / b.Every; u.Tokens > 0 && back > 0 {
		u.Tokens -= int(back) * b.Step
		u.Since = u.Since.Add(back * b.Every)
	}
	if u.Tokens <= 0 {
		return Used{Since: now}
	}
	return u
}

// Answer tells of the bound at a time from which u is: whether a token is there, and what is left
// when that was taken.
func (u Used) Answer(now time.Time, b Bound) Answer {
	elapsed := max(0, now.Sub(u.Since)) // a clock may go back
	a := Answer{Limit: b.Size}
	if u.Tokens < b.Size {
		u.Tokens++
	} else {
		a.Wait = b.Every - elapsed
	}
	a.Remaining = max(0, b.Size-u.Tokens) // a rule before may have had more
	missing := (u.Tokens + b.Step - 1) / b.Step
	a.Reset = time.Duration(missing)*b.Every - elapsed
	return a
}

// Tightest gives the answer that counts of those of a rule's bounds. It is the one that makes a
// client wait longest, else the one that has the least left. None: the zero Answer.
func Tightest(answers []Answer) (tightest Answer) {
	for i, a := range answers {
		if i == 0 || a.Wait > tightest.Wait ||
			a.Wait == tightest.Wait && a.Remaining < tightest.Remaining {
			tightest = a
		}
	}
	return tightest
}
