package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// begun is when the tables of plans begin.
var begun = time.Unix(1_700_000_000, 0)

// at gives a time so many milliseconds later.
func at(ms int) time.Time { return begun.Add(time.Duration(ms) * time.Millisecond) }

// wakes is what a topic that nobody slows down knows when it wakes.
func wakes(ms int, want Want, asked int) input {
	return input{now: at(ms), want: want, asked: asked, pace: Pace, idle: never}
}

// waits is a topic that has nothing else to do until then.
func waits(ms int) action { return action{do: wait, until: at(ms)} }

// rests is one that has nothing to do at all.
var rests = action{do: wait, until: never}

func TestATopicsPlan(t *testing.T) {
	type turn struct {
		in   input
		want action
	}
	read := func(in input, happened happening) input { in.happened = happened; return in }
	headIs, bodyIs := read(input{}, headRead), read(input{}, bodyRead)
	moved := read(input{moved: true}, headRead)
	failedHead := read(input{failed: true}, headRead)
	failedBody := read(input{failed: true}, bodyRead)
	// opened has read all at 0 and answered the first who asked.
	opened := []turn{
		{wakes(0, Want{}, 1), action{do: readHead, since: at(0)}},
		{moved, action{do: readBody, depth: All}},
		{bodyIs, action{do: wait, answer: 1, until: never}},
	}
	slow, late := wakes(500, Want{Depth: Main}, 1), wakes(50, Want{Since: at(50)}, 1)
	slow.pace, late.ready = time.Second, at(300)
	soon := wakes(1000, Want{}, 1)
	soon.idle = at(1005)
	for name, steps := range map[string][]turn{
		"reads nothing that nobody wants": {
			{wakes(1000, Want{}, 1), rests},
			{soon, waits(1005)},
		},
		"reads a head at once, and its body only if that is another": {
			{wakes(10, Want{Since: at(10)}, 1), action{do: readHead, since: at(10)}},
			{headIs, rests},
			{wakes(20, Want{Since: at(20)}, 1), action{do: readHead, since: at(20)}},
			{moved, action{do: readBody, depth: Changing}},
			{bodyIs, rests},
			{wakes(30, Want{Since: at(15)}, 1), rests}, // a later read has brought that
		},
		"reads a body once each pace, as deep as anybody wants": {
			{wakes(40, Want{Depth: Main}, 1), waits(100)},
			{wakes(60, Want{Depth: All}, 1), waits(100)},
			{wakes(70, Want{Depth: Main}, 1), waits(100)},
			{wakes(100, Want{}, 1), action{do: readBody, depth: All}},
			{bodyIs, rests},
			{wakes(200, Want{Depth: Main}, 1), action{do: readBody, depth: Main}},
			{bodyIs, rests},
		},
		"waits longer for a large crowd": {
			{slow, waits(1000)},
			{wakes(1000, Want{}, 1), action{do: readBody, depth: Main}},
			{bodyIs, rests},
		},
		"waits with a head while much was sent for the last": {
			{late, waits(300)},
			{wakes(300, Want{}, 1), action{do: readHead, since: at(50)}},
			{headIs, rests},
		},
		"tries again what fails, a while later": {
			{wakes(500, Want{at(500), Main}, 1), action{do: readHead, since: at(500)}},
			{failedHead, action{do: readBody, depth: Main}},
			{failedBody, waits(750)},
			{wakes(750, Want{}, 1), action{do: readHead, since: at(500)}},
			{headIs, action{do: readBody, depth: Main}},
			{bodyIs, rests},
		},
		"answers with all of it, at a pace, when all could be read": {
			{wakes(50, Want{}, 2), waits(100)},
			{wakes(100, Want{}, 3), action{do: readHead, since: at(100)}},
			{headIs, action{do: readBody, depth: All}},
			{bodyIs, action{do: wait, answer: 3, until: never}},
			{wakes(500, Want{}, 4), action{do: readHead, since: at(500)}},
			{failedHead, action{do: readBody, depth: All}},
			{bodyIs, waits(750)},
			{wakes(750, Want{}, 4), action{do: readHead, since: at(750)}},
			{headIs, action{do: readBody, depth: All}},
			{bodyIs, action{do: wait, answer: 4, until: never}},
		},
		"ends with what it is about": {
			{wakes(500, Want{Since: at(500)}, 1), action{do: readHead, since: at(500)}},
			{input{happened: headRead, failed: true, gone: true}, action{do: end}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlan()
			for i, s := range append(append([]turn(nil), opened...), steps...) {
				var got action
				p, got = step(p, s.in)
				require.Equal(t, s.want, got, "step %d", i)
			}
		})
	}
}
