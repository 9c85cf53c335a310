// Package limit bounds how often each of many may do something.
package limit

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Rate is how often something may be done: so many times at once, and so many more in each minute
// and hour. The zero Rate sets no bound.
type Rate struct {
	PerMinute int
	PerHour   int // beside those of a minute
	Burst     int
}

// perSecond gives how many come back in a second.
func (r Rate) perSecond() rate.Limit {
	return rate.Limit(float64(r.PerMinute)/60 + float64(r.PerHour)/3600)
}

// maxKeys bounds what a limiter remembers. The key that was used longest ago is forgotten first:
// its bucket is full, unless more than maxKeys others came since.
const maxKeys = 100_000

// Limiter gives each key a token bucket. It is safe for use by many goroutines. It knows what this
// process has seen, and nothing of other replicas.
type Limiter[K comparable] struct {
	rate Rate
	now  func() time.Time

	mu      sync.Mutex
	buckets *simplelru.LRU[K, *rate.Limiter]
}

// New makes a limiter. now is time.Now but in tests.
func New[K comparable](r Rate, now func() time.Time) *Limiter[K] {
	buckets, err := simplelru.NewLRU[K, *rate.Limiter](maxKeys, nil)
	if err != nil { // maxKeys is positive
		panic(err)
	}
	return &Limiter[K]{rate: r, now: now, buckets: buckets}
}

// Take takes one of the key's tokens. The wait is 0 where there was one; else nothing is taken, and
// it says when there will be one.
func (l *Limiter[K]) Take(key K) (wait time.Duration) { return l.take(key, true) }

// Give gives a key back a token that it took: for what turned out to need none. A bucket never
// holds more than the burst.
func (l *Limiter[K]) Give(key K) {
	if l.rate == (Rate{}) {
		return
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if bucket, ok := l.buckets.Get(key); ok { // else it is full
		bucket.ReserveN(now, -1)
	}
}

// Wait says what Take would, and takes nothing.
func (l *Limiter[K]) Wait(key K) (wait time.Duration) { return l.take(key, false) }

func (l *Limiter[K]) take(key K, keep bool) time.Duration {
	if l.rate == (Rate{}) {
		return 0
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.buckets.Get(key)
	if !ok {
		bucket = rate.NewLimiter(l.rate.perSecond(), l.rate.Burst)
		l.buckets.Add(key, bucket)
	}
	taken := bucket.ReserveN(now, 1)
	if !taken.OK() { // a bucket of no size
		return time.Minute
	}
	wait := taken.DelayFrom(now)
	if wait > 0 || !keep {
		taken.CancelAt(now)
	}
	return wait
}

// Address gives the key by which an address is limited. Of IPv6 it is the first 64 bits, which one
// subscriber gets (RFC 6177). Of IPv4 it is the whole address. No address is a key, too.
func Address(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil { // no address
		return netip.Prefix{}
	}
	return prefix
}
