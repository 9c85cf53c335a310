package live

import (
	"context"
	"time"
)

// stage is seat for a viewer on stage: few, who hear news of their own, too, and wait for nothing.
func (t *topic) stage(g *guest, head []byte, news <-chan []byte, seesAll bool) (leave func()) {
	ctx, cancel := context.WithCancel(t.ctx)
	t.running.Go(func() {
		_ = t.play(ctx, g, head, news, seesAll) // however it ends, so does the stream
		_ = g.conn.Close()
	})
	return cancel
}

// play writes head and what the topic shows at first in one, and then whatever is new, there and in
// news. Of what changed several times while a write waited there is only the newest.
func (t *topic) play(
	ctx context.Context, g *guest, head []byte, news <-chan []byte, seesAll bool,
) error {
	hearts := time.NewTicker(heartbeatEvery)
	defer hearts.Stop()
	conn := g.conn
	v := seat{conn: conn, guest: g, seesAll: seesAll}
	for {
		s := t.state.Load()
		if s.err != nil {
			return s.err
		}
		if data := append(head, v.news(t, s)...); len(data) > 0 {
			if err := t.write(conn, data); err != nil {
				return err
			}
			head = nil
			if err := t.rest(ctx, len(data)); err != nil {
				return err
			}
		}
		select {
		case <-s.next:
		case event := <-news:
			t.sent.Add(1)
			if err := t.write(conn, event); err != nil {
				return err
			}
		case <-hearts.C:
			if err := t.write(conn, heartbeat); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rest waits where very many are on stage, each of whom was sent so many bytes: anybody can have a
// topic of their own.
func (t *topic) rest(ctx context.Context, bytes int) error {
	wait := lasting(int64(bytes)*t.onStage.Load(), paceBytes)
	if wait < Pace {
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
