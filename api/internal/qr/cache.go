package qr

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/plenary-live/plenary/api/internal/budget"
)

// What drawn codes may take that somebody may ask for again: those of thousands of rooms, or of a
// hundred long texts.
const (
	maxEntries = 4096
	maxBytes   = 8 << 20
)

// patience is how long a code waits for its turn to be drawn.
const patience = 5 * time.Second

// drawing is a drawn code. It is shared, and nobody writes to it.
type drawing struct {
	svg []byte
	tag string // its entity tag
}

// cache keeps the codes that were asked for last, by their text. It is safe for use by many
// goroutines.
type cache struct {
	turns *budget.Turns // at drawing

	mu    sync.Mutex
	drawn *simplelru.LRU[string, drawing]
	bytes int // of texts and drawings
}

func newCache(turns *budget.Turns) *cache {
	c := &cache{turns: turns}
	// fails for no entries
	c.drawn, _ = simplelru.NewLRU(maxEntries,
		func(text string, d drawing) { c.bytes -= len(text) + cap(d.svg) })
	return c
}

// draw gives the code of a text, which it does not keep. Errors: Unavailable, where others draw for
// too long.
func (c *cache) draw(text []byte) (drawing, error) {
	if d, ok := c.find(text); ok {
		return d, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// anybody may ask for any number, and who reads a presentation waits for none but the next
	end, err := c.turns.TakeLong(ctx)
	if err != nil {
		return drawing{}, err
	}
	defer end()
	if d, ok := c.find(text); ok { // a whole room may have waited for the same one
		return d, nil
	}
	svg, err := SVG(string(text))
	if err != nil {
		return drawing{}, err
	}
	sum := sha256.Sum256(svg)
	d := drawing{svg, `"` + hex.EncodeToString(sum[:8]) + `"`}
	c.keep(string(text), d)
	return d, nil
}

func (c *cache) find(text []byte) (drawing, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drawn.Get(string(text))
}

func (c *cache) keep(text string, d drawing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drawn.Contains(text) { // drawn twice at once
		return
	}
	c.bytes += len(text) + cap(d.svg)
	c.drawn.Add(text, d)
	for c.bytes > maxBytes {
		c.drawn.RemoveOldest()
	}
}
