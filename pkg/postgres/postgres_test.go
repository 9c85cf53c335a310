package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/storetest"
	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(stack.Main(m),
		// toxiproxy forgets some of what it held back when a toxic is taken away.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

func TestStore(t *testing.T) {
	urls := map[poll.Store]string{}
	begin := func(t *testing.T, url string) poll.Store {
		s, err := Open(t.Context(), Config{URL: url})
		require.NoError(t, err)
		urls[s] = url
		return s
	}
	storetest.Run(t,
		func(t *testing.T) poll.Store { return begin(t, stack.PostgresURL(t)) },
		storetest.Shared(func(t *testing.T, s poll.Store) poll.Store { return begin(t, urls[s]) }))
}
