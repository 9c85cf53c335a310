package eventloop

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// say sends a request in one of the ways that there are, and checks its answer. rng is the client's
// own.
func (c *client) say(rng *rand.Rand, text string) error {
	whole, by := quick(text), "loop"
	switch rng.IntN(6) {
	case 0:
		whole, by = slow(text), "server"
	case 1: // in pieces: whoever takes it
		cut := 1 + rng.IntN(len(whole)-1)
		if _, err := c.Write(whole[:cut]); err != nil {
			return err
		}
		whole, by = whole[cut:], ""
	case 2: // with another one
		if _, err := c.Write(append(quick("before "+text), whole...)); err != nil {
			return err
		}
		if _, got, err := c.answer(); err != nil || got != "before "+text {
			return fmt.Errorf("%q instead of what comes before %q: %w", got, text, err)
		}
		whole, by = nil, "server"
	case 3: // which the Answerer gives to the server
		whole, by = quick("pass "+text), "server"
		text = "pass " + text
	}
	if _, err := c.Write(whole); err != nil {
		return err
	}
	gotBy, got, err := c.answer()
	if err != nil || got != text || by != "" && gotBy != by {
		return fmt.Errorf("%q by %q instead of %q by %q: %w", got, gotBy, text, by, err)
	}
	return nil
}

func TestAThousandClientsGetTheirOwnAnswers(t *testing.T) {
	const many = 1000
	h := (&house{answer: func(v *visit) {
		if string(v.body[:min(len(v.body), 5)]) == "pass " {
			v.pass()
			return
		}
		v.reply(false)
	}}).openTCP(t, quiet)
	seed := rand.Uint64()
	errs := make(chan error, many)
	var clients sync.WaitGroup
	for i := range many {
		c := h.dial()
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := range 10 {
				if err := c.say(rng, fmt.Sprintf("%d of %d", n, i)); err != nil {
					errs <- err
					break
				}
			}
			_ = c.Close()
		})
	}
	clients.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err, "seed %d", seed)
	}
	h.requireEmpty()
}
