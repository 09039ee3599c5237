package cache

import (
	"context"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

// Nx 24 asks for a whole batch in one tick (302 projects: 302 retrieves), small
// and large results mixed.
const (
	// maxRequests is how many results are requested at once, each on a connection:
	// with 20 ms to the storage and back, 300 small ones take 100 ms.
	maxRequests = 64
	// maxRestores is how many of them are decompressed and written at once. More
	// would need more memory (some 7 MiB each) and not be faster.
	maxRestores = 4
	// maxLarge is how many of these may be large, so that small ones pass them.
	maxLarge = 2
	// maxParked is how many large ones may wait for that without holding up the
	// requests of others. Each keeps a connection.
	maxParked = 16

	// largeResult is the size of a stored entry from which on it is large, in
	// bytes.
	largeResult = 1 << 20
)

// Where the process may open few files there are fewer of each. A result that is
// requested has a connection to each place; one that is restored has folders open.
const (
	requestsShare = 4 // a quarter of what may be open, for all places
	parkedShare   = 24
	restoresShare = 32
	largeShare    = 64
)

// turns gives every retrieve its turn: to be requested, then to be restored.
type turns struct{ requests, parked, large, restores chan struct{} }

// newTurns makes those for so many places that are asked for each result.
func newTurns(places int) *turns {
	slots := func(share, most int) chan struct{} { return make(chan struct{}, descriptors.Share(share, most)) }
	return &turns{
		requests: slots(requestsShare*max(1, places), maxRequests),
		parked:   slots(parkedShare*max(1, places), maxParked),
		large:    slots(largeShare, maxLarge),
		restores: slots(restoresShare, maxRestores),
	}
}

// turn is what one retrieve holds.
type turn struct {
	*turns
	held []chan struct{}
}

// begin waits until a result may be requested. The caller ends the turn.
func (t *turns) begin(ctx context.Context) (*turn, error) {
	it := &turn{turns: t}
	return it, it.enter(ctx, t.requests)
}

// restore waits until a result of size bytes that was requested may be restored.
func (t *turn) restore(ctx context.Context, size int64) error {
	if size < largeResult {
		return t.enter(ctx, t.restores)
	}
	select {
	case t.parked <- struct{}{}:
		t.end() // another may be requested
		t.held = append(t.held, t.parked)
	default:
	}
	if err := t.enter(ctx, t.large); err != nil {
		return err
	}
	return t.enter(ctx, t.restores)
}

// restart waits until the answer of another place may be used. Where the last one
// was a miss the result is still requested: to queue up again, behind all others,
// would leave the connection of each answer that is there without a reader.
func (t *turn) restart(ctx context.Context) error {
	if slices.Equal(t.held, []chan struct{}{t.requests}) {
		return nil
	}
	t.end()
	return t.enter(ctx, t.requests)
}

func (t *turn) enter(ctx context.Context, slots chan struct{}) error {
	if err := enter(ctx, slots); err != nil {
		return err
	}
	t.held = append(t.held, slots)
	return nil
}

func (t *turn) end() {
	for _, slots := range t.held {
		leave(slots)
	}
	t.held = nil
}

func enter(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func leave(slots chan struct{}) { <-slots }
