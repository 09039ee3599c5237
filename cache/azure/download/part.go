package download

import "sync"

// part is a range of a blob on its way into a buffer.
type part struct {
	buffer []byte
	read   int // of it; the reader's own

	mu     sync.Mutex
	more   sync.Cond
	filled int
	err    error // that follows; nil while it is being filled
}

func newPart(buffer []byte) *part {
	p := &part{buffer: buffer}
	p.more.L = &p.mu
	return p
}

// fetch fills the buffer.
func (p *part) fetch(s *stream) {
	defer s.Close() // read to its end or given up: nothing is lost
	for filled, err := 0, error(nil); err == nil; {
		var n int
		n, err = s.Read(p.buffer[filled:])
		filled += n
		p.mu.Lock()
		p.filled, p.err = filled, err
		p.mu.Unlock()
		p.more.Signal()
	}
}

// Read returns what is there, and waits where nothing is.
func (p *part) Read(b []byte) (int, error) {
	p.mu.Lock()
	for p.read == p.filled && p.err == nil {
		p.more.Wait()
	}
	there, err := p.buffer[p.read:p.filled], p.err
	p.mu.Unlock()
	if len(there) == 0 {
		return 0, err
	}
	n := copy(b, there)
	p.read += n
	return n, nil
}

// Close does nothing: who has its buffer knows when it is free.
func (p *part) Close() error { return nil }
