package download

import "sync"

// part is a range of a blob on its way into a buffer.
type part struct {
	buffer []byte
	read   int // used by the reader only

	mu     sync.Mutex
	more   sync.Cond
	filled int
	err    error // after the filled bytes; nil while the buffer is being filled
}

func newPart(buffer []byte) *part {
	p := &part{buffer: buffer}
	p.more.L = &p.mu
	return p
}

// fetch fills the buffer.
func (p *part) fetch(r *rangeReader) {
	defer r.Close() // read to its end or failed: nothing is lost
	for filled, err := 0, error(nil); err == nil; {
		var n int
		n, err = r.Read(p.buffer[filled:])
		filled += n
		p.mu.Lock()
		p.filled, p.err = filled, err
		p.mu.Unlock()
		p.more.Signal()
	}
}

// Read returns the bytes that have arrived, and waits if there are none.
func (p *part) Read(b []byte) (int, error) {
	p.mu.Lock()
	for p.read == p.filled && p.err == nil {
		p.more.Wait()
	}
	arrived, err := p.buffer[p.read:p.filled], p.err
	p.mu.Unlock()
	if len(arrived) == 0 {
		return 0, err
	}
	n := copy(b, arrived)
	p.read += n
	return n, nil
}

// Close does nothing: the owner of the buffer knows when it is free.
func (p *part) Close() error { return nil }
