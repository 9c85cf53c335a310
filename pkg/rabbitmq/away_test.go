package rabbitmq

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestALogThatIsAwayIsNamedAfterItsStream(t *testing.T) {
	l := &Log{cfg: Config{Streams: []string{"votes"}, Partitions: 1}}
	for _, name := range []string{"votes", "chats"} {
		err := (&stream{log: l, name: name}).unavailable(errors.New("cut"))
		require.EqualError(t, err, "unavailable: the log of "+name+" is away: cut")
		require.True(t, fault.Is(err, fault.Unavailable))
	}
}
