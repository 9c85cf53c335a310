package web

import (
	"strconv"
	"strings"
	"time"
)

// Wait says what a client waits for.
type Wait struct {
	For   time.Duration // how long for the outcome
	Async bool          // not for the outcome at all, only until what was sent is durable
}

// Preference reads a Prefer header (RFC 7240) and gives what to say was applied. What it does not
// know it ignores, as the RFC asks. The first of several preferences with one name counts.
func Preference(header string, usual, longest time.Duration) (wait Wait, applied string) {
	wait = Wait{For: usual}
	if header == "" {
		return wait, ""
	}
	var said []string
	waited := false
	for p := range strings.SplitSeq(header, ",") {
		p, _, _ = strings.Cut(p, ";")
		name, value, _ := strings.Cut(p, "=")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "respond-async" && !wait.Async:
			wait.Async = true
			said = append(said, name)
		case name == "wait" && !waited:
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
			if err != nil {
				continue
			}
			waited = true
			wait.For = min(time.Duration(seconds)*time.Second, longest)
			said = append(said, "wait="+strconv.Itoa(int(wait.For/time.Second)))
		}
	}
	// RFC 7240, section 4.3: with both, the answer is asynchronous only when the wait is over
	if waited {
		wait.Async = false
	}
	return wait, strings.Join(said, ", ")
}
