package qr

import (
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/fault"
)

// busy is a cache of which all turns at drawing are taken.
func busy(t *testing.T) (c *cache, turns *budget.Turns, end func()) {
	t.Helper()
	turns = budget.NewTurns(1)
	end, err := turns.Take(t.Context())
	require.NoError(t, err)
	return newCache(turns), turns, end
}

func TestACodeThatWasDrawnIsNotDrawnAgain(t *testing.T) {
	c, turns, end := busy(t)
	end()
	first, err := c.draw([]byte("https://plenary.example/join/BCD234"))
	require.NoError(t, err)
	_, err = turns.Take(t.Context())
	require.NoError(t, err)
	again, err := c.draw([]byte("https://plenary.example/join/BCD234")) // for which it would wait
	require.NoError(t, err)
	require.Same(t, &first.svg[0], &again.svg[0], "the same bytes, for the budget of answers")
	require.Equal(t, first.tag, again.tag)
}

func TestARoomThatWaitsForACodeHasItDrawnOnce(t *testing.T) {
	c, _, end := busy(t)
	var room sync.WaitGroup
	drawn := make([]drawing, 100)
	for i := range drawn {
		room.Go(func() {
			var err error
			if drawn[i], err = c.draw([]byte("the same")); err != nil {
				t.Error(err)
			}
		})
	}
	end()
	room.Wait()
	for _, d := range drawn {
		require.Same(t, &drawn[0].svg[0], &d.svg[0])
	}
	require.Equal(t, 1, c.drawn.Len())
}

func TestCodesAreKeptByTheirWholeTextAndWithinABound(t *testing.T) {
	c, _, end := busy(t)
	end()
	size := func() (sum int) {
		for _, text := range c.drawn.Keys() {
			d, _ := c.drawn.Peek(text)
			sum += len(text) + cap(d.svg)
		}
		return sum
	}
	d, err := c.draw([]byte("a"))
	require.NoError(t, err)
	for i := range 5 {
		text := strconv.Itoa(i) + strings.Repeat("x", 900)
		other, err := c.draw([]byte(text))
		require.NoError(t, err)
		require.NotEqual(t, d.tag, other.tag)
	}
	require.Equal(t, size(), c.bytes)
	for i := 0; c.drawn.Contains("a"); i++ { // as if drawn: that takes its time
		c.keep(strconv.Itoa(i), drawing{svg: make([]byte, 100_000)})
		require.LessOrEqual(t, c.bytes, maxBytes)
	}
	require.Equal(t, size(), c.bytes)
	require.Greater(t, c.bytes, maxBytes-200_000, "no more is forgotten than has to be")
	for i := range 2 * maxEntries {
		c.keep("short "+strconv.Itoa(i), drawing{svg: make([]byte, 1)})
	}
	require.Equal(t, maxEntries, c.drawn.Len())
	require.Equal(t, size(), c.bytes)
	d2, err := c.draw([]byte("a"))
	require.NoError(t, err)
	require.Equal(t, d.svg, d2.svg)
	require.Equal(t, "a", scan(t, string(d2.svg)))
}

func TestWhoReadsAPresentationWaitsBehindOneCodeAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, turns, end := busy(t)
		var crowd sync.WaitGroup
		for i := range 20 {
			crowd.Go(func() {
				if _, err := c.draw([]byte(strconv.Itoa(i))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // they are in line
		end()
		end, err := turns.Take(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		require.LessOrEqual(t, c.drawn.Len(), 1)
		end()
		crowd.Wait()
		require.Equal(t, 20, c.drawn.Len())
	})
}

func TestWhoWaitsTooLongForACodeIsToldToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which the time is not long
		c, _, _ := busy(t)
		_, err := c.draw([]byte("a"))
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		require.Zero(t, c.drawn.Len())
	})
}

func TestACodeThatABrowserHasIsAnsweredWithoutDrawing(t *testing.T) {
	turns := budget.NewTurns(1)
	app := fiber.New()
	Mount("https://plenary.example", func(net.Addr) bool { return false }, turns)(app)
	ask := func(tag string) (int, string) {
		req := httptest.NewRequest("GET", "/qr.svg?code=BCD234", nil)
		req.Header.Set("If-None-Match", tag)
		res, err := app.Test(req, -1)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode, res.Header.Get("ETag")
	}
	code, tag := ask("")
	require.Equal(t, 200, code)
	_, err := turns.Take(t.Context())
	require.NoError(t, err)
	code, _ = ask(tag)
	require.Equal(t, 304, code)
}
