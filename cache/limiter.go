package cache

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

// limiter bounds how many results are requested and restored at once.
type limiter struct{ requests, parked, large, restores chan struct{} }

// newLimiter returns a limiter for results that are requested from so many places.
func newLimiter(places int) *limiter {
	slots := func(share, most int) chan struct{} { return make(chan struct{}, descriptors.Share(share, most)) }
	return &limiter{
		requests: slots(requestsShare*max(1, places), maxRequests),
		parked:   slots(parkedShare*max(1, places), maxParked),
		large:    slots(largeShare, maxLarge),
		restores: slots(restoresShare, maxRestores),
	}
}

// lease is the slots that one retrieve holds.
type lease struct {
	*limiter
	held []chan struct{}
}

// acquire waits until a result may be requested. The caller releases the lease.
func (l *limiter) acquire(ctx context.Context) (*lease, error) {
	held := &lease{limiter: l}
	return held, held.add(ctx, l.requests)
}

// restore waits until the requested result, of size bytes, may be restored.
func (l *lease) restore(ctx context.Context, size int64) error {
	if size < largeResult {
		return l.add(ctx, l.restores)
	}
	select {
	case l.parked <- struct{}{}:
		l.release() // another result may be requested
		l.held = append(l.held, l.parked)
	default:
	}
	if err := l.add(ctx, l.large); err != nil {
		return err
	}
	return l.add(ctx, l.restores)
}

// next waits until the response of the next place may be used. After a miss the lease
// still holds its request: releasing it would queue this retrieve behind all others,
// while the connections of its other responses have no reader.
func (l *lease) next(ctx context.Context) error {
	if slices.Equal(l.held, []chan struct{}{l.requests}) {
		return nil
	}
	l.release()
	return l.add(ctx, l.requests)
}

func (l *lease) add(ctx context.Context, slots chan struct{}) error {
	if err := acquire(ctx, slots); err != nil {
		return err
	}
	l.held = append(l.held, slots)
	return nil
}

func (l *lease) release() {
	for _, slots := range l.held {
		release(slots)
	}
	l.held = nil
}

// acquire waits for a slot.
func acquire(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func release(slots chan struct{}) { <-slots }
