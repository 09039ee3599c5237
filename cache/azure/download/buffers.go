package download

import "sync"

// buffers are shared by all downloads of an account. They are allocated on demand and
// kept. Acquiring never blocks: a download that gets no buffer reads its next part
// straight from the connection.
type buffers struct {
	size int64 // of each
	max  int

	mu        sync.Mutex
	free      [][]byte
	made      int
	downloads int // that share the buffers
}

// join adds a download to those that share the buffers.
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

// acquire returns a buffer for a download that already holds some. It returns nil if the
// download has its share or no buffer is free.
func (b *buffers) acquire(held int) []byte {
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

func (b *buffers) release(buffer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, buffer)
}
