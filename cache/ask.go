package cache

import "context"

// answer is that of a place, once it is there.
type answer struct {
	place Place
	blob  chan *Blob // gets the blob, or is closed once err is set
	err   error
}

// ask asks all places for the result of hash at once: a miss costs the time of
// one request, however many they are.
func (c *Cache) ask(ctx context.Context, hash string) (answers []*answer) {
	for _, place := range c.options.Reads {
		it := &answer{place: place, blob: make(chan *Blob, 1)}
		answers = append(answers, it)
		if len(answers) > 1 {
			go it.get(ctx, Name(c.options.Prefix, place.Scope, hash))
		}
	}
	// The first one is waited for anyway.
	answers[0].get(ctx, Name(c.options.Prefix, answers[0].place.Scope, hash))
	return answers
}

func (a *answer) get(ctx context.Context, name string) {
	defer close(a.blob)
	blob, err := a.place.Blobs.Get(ctx, name)
	if err != nil {
		a.err = err
		return
	}
	a.blob <- blob
}

// take waits for the answer. The caller closes the blob's body.
func (a *answer) take() (*Blob, error) {
	if blob, ok := <-a.blob; ok {
		return blob, nil
	}
	if a.err != nil {
		return nil, a.err
	}
	return nil, ErrNotFound
}

// drop gives up an answer that was perhaps not taken, without waiting for it: it
// comes, or the end of its request does.
func (a *answer) drop() {
	closeIt := func(blob *Blob) {
		if blob != nil {
			_ = blob.Body.Close() // nobody wants it
		}
	}
	select {
	case blob := <-a.blob:
		closeIt(blob)
	default:
		go func() { closeIt(<-a.blob) }()
	}
}
