package live

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// wrong is data that cannot be encoded.
type wrong struct{}

func (wrong) Fit(int) Fitting { return wrong{} }

func (wrong) MarshalJSON() ([]byte, error) { return nil, errors.New("it is wrong") }

func TestAnEventThatCannotBeEncodedLeavesTheLastOneInItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		var log bytes.Buffer
		hub := h.hub(t)
		hub.logger = slog.New(slog.NewTextHandler(&log, nil))
		before := []*viewer{h.view(hub, false, false), h.view(hub, true, true)}
		for _, v := range before {
			require.Equal(t, `head "a title"`, v.next())
			require.Equal(t, `body "a body"`, v.next())
		}
		synctest.Wait()
		_, sent, _ := hub.Streams()
		for range 2 {
			h.say(uuid.New(), func() {
				h.body += "!"
				h.told = func(text) Fitting { return wrong{} }
			})
			time.Sleep(2 * Pace)
		}
		synctest.Wait()
		_, sentThen, _ := hub.Streams()
		require.Equal(t, sent, sentThen, "nothing is sent that nobody can read")
		require.Contains(t, log.String(), "topic="+h.id.String()+" event=body")
		late := h.view(hub, false, false)
		require.NoError(t, late.SetDeadline(time.Now().Add(10*time.Second)))
		require.Equal(t, `head "a title"`, late.next())
		require.Equal(t, `body "a body"`, late.next())
		h.say(uuid.New(), func() { h.body, h.told = "another body", nil })
		for _, v := range append(before, late) {
			require.Equal(t, `body "another body"`, v.next())
		}
		lifetest.Stop(t, hub)
	})
}

func TestWhatIsHiddenStaysHiddenWhenTheNextEventCannotBeEncoded(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	now := time.Now()
	frame := func(seq uint64, s *shown, data, veiled Fitting) frame {
		return newFrame(Event{Name: "body", Data: data, Veiled: veiled}, seq, now, s, logger)
	}
	hidden := frame(1, nil, text("a secret"), text("…"))
	require.Contains(t, string(hidden.to(true)), "a secret")
	require.Contains(t, string(hidden.to(false)), "…")
	open := frame(2, hidden.shown, wrong{}, nil)
	require.Equal(t, hidden.to(true), open.to(true))
	require.Equal(t, hidden.to(false), open.to(false))
	require.Empty(t, open.after(1, false), "it was sent before")
	again := frame(3, open.shown, text("a secret"), wrong{})
	require.Equal(t, hidden.to(false), again.to(false))
	require.Contains(t, string(again.after(2, true)), "a secret")
	require.Empty(t, frame(1, nil, wrong{}, nil).to(true), "nothing was shown before")
}
