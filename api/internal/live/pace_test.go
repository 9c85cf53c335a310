package live

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyWhenAllRoomsTogetherWantTooMuchDoTheySlowEachOtherDown(t *testing.T) {
	h := &replica{}
	fill := func(viewers int) *topic {
		room := &topic{replica: h}
		room.state.Store(&state{})
		for range viewers {
			room.admit(false)
		}
		return room
	}
	empty, small, large := fill(0), fill(300), fill(600)
	require.Equal(t, Pace, empty.pace())
	require.Equal(t, Pace, small.pace())
	require.Equal(t, 2*Pace, large.pace())
	require.EqualValues(t, paceAll, h.wanted.Load())

	huge := fill(9000)
	var leave []func()
	for range 300 {
		leave = append(leave, fill(0).admit(false)) // as many rooms of one
	}
	require.EqualValues(t, 2*paceAll, h.wanted.Load())
	require.Equal(t, 2*Pace, small.pace())
	require.Equal(t, 4*Pace, large.pace())
	require.Equal(t, paceMost, huge.pace())
	leaveStage := small.admit(true)
	require.Equal(t, Pace, small.readPace(), "a presenter sees each")
	leaveStage()
	require.Equal(t, 2*Pace, small.readPace())
	for _, leave := range leave {
		leave()
	}
	require.EqualValues(t, 3*paceWrites, h.wanted.Load())
	require.Equal(t, Pace*3/2, small.pace())
}

func TestWhatIsHiddenAndSmallIsNotSlowedDownByWhatIsLarge(t *testing.T) {
	h := newHall(t)
	h.body, h.veiled = text(strings.Repeat("x", 2*MaxEvent)), true
	hub := h.hub(t)
	room := h.view(hub, false, false)
	room.next()
	require.Equal(t, `body "…"`, room.next())
	topic := hub.join(h.name())
	defer hub.leave(topic)
	require.Equal(t, Pace, topic.pace())
	mayPresent := h.view(hub, true, false) // as everybody may (PLENARY_OPEN)
	mayPresent.next()
	require.Len(t, mayPresent.next(), MaxEvent-len("id: 1\nevent: body\ndata: \n\n")+len("body "))
	require.Greater(t, topic.pace(), MaxEvent*time.Second/paceViewerBytes*9/10)
}
