package live

import (
	"context"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
)

// readTimeout bounds each read of a source.
const readTimeout = 5 * time.Second

// run does what the topic's plan says until ctx ends, or nobody views the topic. forget says
// whether that is so, and when to ask again.
func (t *topic) run(ctx context.Context, forget func(ends bool) (forgotten bool, again time.Time)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p := newPlan(); ; {
		forgotten, idle := forget(ctx.Err() != nil)
		if forgotten {
			return
		}
		in := input{now: time.Now(), ready: t.headReady(), pace: t.readPace(), idle: idle}
		in.want, in.asked = t.take()
		var do action
		for p, do = step(p, in); do.do != wait; p, do = step(p, in) {
			var err error
			if in, err = t.read(ctx, do); in.gone {
				forget(true)
				t.end(err)
				return
			}
		}
		if do.answer > 0 {
			t.publish(do.answer)
		}
		timer.Reset(time.Until(do.until))
		select {
		case <-ctx.Done():
		case <-t.wake:
		case <-timer.C:
		}
	}
}

// read does one read of the source.
func (t *topic) read(ctx context.Context, do action) (in input, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var news News
	switch do.do {
	case readHead:
		news, err = t.source.Head(ctx, do.since)
		in = input{happened: headRead, moved: news.Moved, gone: fault.Is(err, fault.NotFound)}
	case readBody:
		news, err = t.source.Body(ctx, do.depth)
		in = input{happened: bodyRead}
	}
	in.failed = err != nil
	t.hear(news)
	return in, err
}
