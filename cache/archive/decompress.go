package archive

import (
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// chunk is that of two zstd blocks.
type chunk [256 << 10]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// maxAhead is how many chunks are decompressed before they are asked for,
// besides the one in work.
const maxAhead = 2

// plain is what an archive decompresses to. It is received, verified and
// decompressed on a goroutine of its own, while files are written.
type plain struct {
	ahead chan piece
	stop  chan struct{}
	piece piece // that is being read
	read  int   // bytes of it
}

// piece is a chunk, and the error that came with its last byte.
type piece struct {
	*chunk
	n   int
	err error
}

// decompress begins to read r. The caller calls close before it uses r otherwise.
func (c *Codec) decompress(r io.Reader) *plain {
	p := &plain{ahead: make(chan piece, maxAhead), stop: make(chan struct{})}
	go p.run(r, &c.decoders)
	return p
}

func (p *plain) run(r io.Reader, decoders *sync.Pool) {
	defer close(p.ahead)
	decoder := decoders.Get().(*zstd.Decoder)
	defer decoders.Put(decoder)
	defer func() { _ = decoder.Reset(nil) }() // which keeps nothing of r

	next := piece{err: decoder.Reset(r)}
	for next.err == nil {
		next.chunk = chunks.Get().(*chunk)
		next.n, next.err = decoder.Read(next.chunk[:])
		select {
		case p.ahead <- next:
		case <-p.stop:
			chunks.Put(next.chunk)
			return
		}
	}
}

// Read implements [io.Reader].
func (p *plain) Read(b []byte) (int, error) {
	for p.read == p.piece.n {
		if p.piece.err != nil {
			return 0, p.piece.err
		}
		p.next()
	}
	n := copy(b, p.piece.chunk[p.read:p.piece.n])
	p.read += n
	return n, nil
}

func (p *plain) next() {
	p.release()
	next, ok := <-p.ahead
	if !ok {
		next.err = io.ErrUnexpectedEOF
	}
	p.piece, p.read = next, 0
}

func (p *plain) release() {
	if p.piece.chunk != nil {
		chunks.Put(p.piece.chunk)
	}
	p.piece = piece{}
}

// close returns when r is not read any more.
func (p *plain) close() {
	close(p.stop)
	for p.piece = range p.ahead {
		p.release()
	}
	p.release()
}
