package postgres

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(stack.Main(m),
		// toxiproxy forgets some of what it held back when a toxic is taken away.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}
