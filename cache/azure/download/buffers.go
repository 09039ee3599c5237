package download

import "sync"

// buffers are those of the downloads of a process, made when they are needed and
// kept. Nobody waits for one: a download that gets none reads its next part from
// the connection.
type buffers struct {
	size int64 // of each
	max  int

	mu        sync.Mutex
	free      [][]byte
	made      int
	downloads int
}

// join and leave say how many downloads share the buffers.
func (b *buffers) join() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.downloads++
}

func (b *buffers) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.downloads--
}

// take returns a buffer for a download that holds some, or nil if it has its
// share or none is free.
func (b *buffers) take(held int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	share := (b.max + b.downloads - 1) / b.downloads
	switch {
	case held >= share:
		return nil
	case len(b.free) > 0:
		last := len(b.free) - 1
		buffer := b.free[last]
		b.free = b.free[:last]
		return buffer
	case b.made < b.max:
		b.made++
		return make([]byte, b.size)
	default:
		return nil
	}
}

func (b *buffers) give(buffer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, buffer)
}
