package access

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestAnEditTokenIsOfOneThingAndOfOneKey(t *testing.T) {
	key, thing := NewPassKey(), uuid.New()
	passes := NewPasses(key)
	token := passes.EditToken(thing)
	require.Len(t, token, 43)
	require.Equal(t, token, NewPasses(key).EditToken(thing), "every replica gives the same")
	require.True(t, passes.MayEdit(thing, token))
	for name, wrong := range map[string]string{
		"another thing": passes.EditToken(uuid.New()),
		"another key":   NewPasses(NewPassKey()).EditToken(thing),
		"none":          "",
		"cut":           token[:42],
		"longer":        token + "A",
		"upper":         strings.ToUpper(token),
		"garbage":       "\xff\x00",
		"huge":          strings.Repeat(token, 1000),
	} {
		require.False(t, passes.MayEdit(thing, wrong), name)
	}
}
