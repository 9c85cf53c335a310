package limit

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Memory is a Counter of this process alone. It never fails. It remembers as many keys as a
// Limiter does.
type Memory struct {
	bounds []Bound
	now    func() time.Time

	mu   sync.Mutex
	keys *simplelru.LRU[string, []Used]
}

// NewMemory makes a counter. now is time.Now but in tests.
func NewMemory(rule Rule, now func() time.Time) *Memory {
	keys, err := simplelru.NewLRU[string, []Used](maxKeys, nil)
	if err != nil { // maxKeys is positive
		panic(err)
	}
	return &Memory{bounds: rule.Bounds(), now: now, keys: keys}
}

// Take is the promise of Counter.
func (m *Memory) Take(_ context.Context, key string) (Answer, error) {
	if len(m.bounds) == 0 {
		return Answer{}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	used, ok := m.keys.Get(key)
	if !ok {
		used = make([]Used, len(m.bounds))
		m.keys.Add(key, used)
	}
	answers := make([]Answer, len(m.bounds))
	for i, b := range m.bounds {
		used[i] = used[i].At(now, b)
		answers[i] = used[i].Answer(now, b)
	}
	a := Tightest(answers)
	if a.OK() {
		for i := range used {
			used[i].Tokens++
		}
	}
	return a, nil
}
