// Package limiter bounds how many results are requested, waiting and restored at once, so
// that a batch of hundreds keeps memory, connections and open files within limits. It knows
// sizes and slots; it must not know what a result is, nor where it comes from.
package limiter

import (
	"context"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

// Nx 24 requests a whole batch at once (302 projects: 302 retrieves), small and large
// results mixed.
const (
	// maxRequests is how many results are requested at once, each on a connection of
	// its own. With a round trip of 20 ms, 300 small results take 100 ms.
	maxRequests = 64
	// maxRestores is how many of them are decompressed and written at once. More
	// would need more memory (about 7 MiB each) without being faster.
	maxRestores = 4
	// maxLarge is how many of these may be large, so that small ones overtake them.
	maxLarge = 2
	// maxParked is how many large results may wait for a restore without blocking
	// other requests. Each keeps a connection.
	maxParked = 16

	// largeResult is the size of a large entry, in bytes.
	largeResult = 1 << 20
)

// These shares of the open files apply where the process may open only a few. A request
// takes a connection to each place, a restore takes open directories.
const (
	requestsShare = 4 // a quarter, for all places together
	parkedShare   = 24
	restoresShare = 32
	largeShare    = 64
)

// Limiter bounds how many results are requested and restored at once.
type Limiter struct{ requests, parked, large, restores chan struct{} }

// New returns a limiter for results that are requested from so many places.
func New(places int) *Limiter {
	slots := func(share, most int) chan struct{} { return make(chan struct{}, descriptors.Share(share, most)) }
	return &Limiter{
		requests: slots(requestsShare*max(1, places), maxRequests),
		parked:   slots(parkedShare*max(1, places), maxParked),
		large:    slots(largeShare, maxLarge),
		restores: slots(restoresShare, maxRestores),
	}
}

// Lease is the slots that one retrieve holds.
type Lease struct {
	*Limiter
	held []chan struct{}
}

// Acquire waits until a result may be requested. The caller releases the lease.
func (l *Limiter) Acquire(ctx context.Context) (*Lease, error) {
	held := &Lease{Limiter: l}
	return held, held.add(ctx, l.requests)
}

// Restore waits until the requested result, of size bytes, may be restored.
func (l *Lease) Restore(ctx context.Context, size int64) error {
	if size < largeResult {
		return l.add(ctx, l.restores)
	}
	select {
	case l.parked <- struct{}{}:
		l.Release() // another result may be requested
		l.held = append(l.held, l.parked)
	default:
	}
	if err := l.add(ctx, l.large); err != nil {
		return err
	}
	return l.add(ctx, l.restores)
}

// Next waits until the response of the next place may be used. After a miss the lease
// still holds its request: releasing it would queue this retrieve behind all others,
// while the connections of its other responses have no reader.
func (l *Lease) Next(ctx context.Context) error {
	if slices.Equal(l.held, []chan struct{}{l.requests}) {
		return nil
	}
	l.Release()
	return l.add(ctx, l.requests)
}

func (l *Lease) add(ctx context.Context, slots chan struct{}) error {
	if err := Acquire(ctx, slots); err != nil {
		return err
	}
	l.held = append(l.held, slots)
	return nil
}

// Release releases the slots that the lease still holds.
func (l *Lease) Release() {
	for _, slots := range l.held {
		Release(slots)
	}
	l.held = nil
}

// Acquire waits for a slot. The caller releases it.
func Acquire(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Release releases a slot.
func Release(slots chan struct{}) { <-slots }
