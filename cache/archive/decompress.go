package archive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxAhead is how many parts a codec decompresses before they are asked for,
	// besides one for each archive.
	maxAhead = 4

	// chunkSize is that of the parts of a frame that is larger than ours, or does
	// not tell its size.
	chunkSize = 256 << 10

	// smallFrame is the size of a frame up to which another goroutine costs more
	// than it saves, in bytes.
	smallFrame = 16 << 10
)

// part is a part of an archive, a frame where they are like ours.
type part struct {
	packed, plain []byte
	err           error         // that comes after plain
	done          chan struct{} // closed when plain and err are there
	slot          chan struct{} // that it takes
}

var parts = sync.Pool{New: func() any { return new(part) }}

// plain is what an archive decompresses to. It is received, verified and
// decompressed by other goroutines while files are written: frames several at
// once.
type plain struct {
	codec *Codec
	parts chan *part
	own   chan struct{} // the slot of this archive
	stop  chan struct{}

	current *part // that is being read, or nil
	read    int   // bytes of it
}

// decompress begins to read r. The caller calls close before it uses r otherwise.
func (c *Codec) decompress(r io.Reader) *plain {
	p := &plain{
		codec: c,
		parts: make(chan *part, maxAhead+1),
		own:   make(chan struct{}, 1),
		stop:  make(chan struct{}),
	}
	go p.run(bufio.NewReader(r))
	return p
}

// begin takes a slot for a part. It reports false when there is nobody to read it.
func (p *plain) begin() (*part, bool) {
	it := parts.Get().(*part)
	it.done, it.err = make(chan struct{}), nil
	select {
	case p.own <- struct{}{}:
		it.slot = p.own
	case p.codec.ahead <- struct{}{}:
		it.slot = p.codec.ahead
	case <-p.stop:
		parts.Put(it)
		return nil, false
	}
	return it, true
}

func (p *part) release() {
	<-p.slot
	p.packed, p.plain = p.packed[:0], p.plain[:0]
	parts.Put(p)
}

// run reads r to its end, or until nobody reads what it becomes.
func (p *plain) run(r *bufio.Reader) {
	defer close(p.parts)
	for {
		it, ok := p.begin()
		if !ok {
			return
		}
		it.err = it.readFrame(r)
		if errors.Is(it.err, errOtherFrame) {
			begun := bytes.Clone(it.packed)
			it.release()
			p.stream(io.MultiReader(bytes.NewReader(begun), r))
			return
		}
		p.parts <- it // there is room for all slots
		if it.err != nil {
			close(it.done)
			return
		}
		if len(it.packed) < smallFrame {
			p.codec.unpack(it)
		} else {
			go p.codec.unpack(it)
		}
	}
}

// unpack decompresses a frame.
func (c *Codec) unpack(it *part) {
	defer close(it.done)
	defer it.survive()
	decoder := c.decoders.Get().(*zstd.Decoder)
	it.plain, it.err = decoder.DecodeAll(it.packed, it.plain[:0])
	c.decoders.Put(decoder)
}

// survive makes a panic the error of a part: on a goroutine of its own it would
// end the process, and other results with it.
func (p *part) survive() {
	if reason := recover(); reason != nil {
		p.plain, p.err = nil, refused("decompressing it panicked: %v", reason)
	}
}

// stream decompresses r on this goroutine, whatever its frames are like.
func (p *plain) stream(r io.Reader) {
	decoder := p.codec.decoders.Get().(*zstd.Decoder)
	defer p.codec.decoders.Put(decoder)
	defer func() { _ = decoder.Reset(nil) }() // which keeps nothing of r

	for err := decoder.Reset(r); err == nil; {
		it, ok := p.begin()
		if !ok {
			return
		}
		it.readChunk(decoder)
		err = it.err
		close(it.done)
		p.parts <- it
	}
}

// readChunk reads the next chunk of a stream.
func (p *part) readChunk(r io.Reader) {
	defer p.survive()
	p.plain = append(p.plain[:0], make([]byte, chunkSize)...)
	var n int
	n, p.err = r.Read(p.plain)
	p.plain = p.plain[:n]
}

// errOtherFrame says that a frame is not like ours, which tell their size and
// have at most that of a window. What was read of it is in packed.
var errOtherFrame = errors.New("a frame of another writer")

// readFrame reads the next frame of r. The error is [io.EOF] when there is none.
// See RFC 8878, 3.1.1: a header, blocks with headers of three bytes, perhaps a
// checksum.
func (p *part) readFrame(r *bufio.Reader) error {
	p.packed = p.packed[:0]
	start, err := r.Peek(zstd.HeaderMaxSize)
	if len(start) == 0 {
		return err
	}
	var header zstd.Header
	if header.Decode(start) != nil || header.Skippable || !header.HasFCS ||
		header.FrameContentSize > MaxWindow || header.DictionaryID != 0 {
		return errOtherFrame
	}
	if err := p.readMore(r, header.HeaderSize); err != nil {
		return err
	}
	for last := false; !last; {
		if err := p.readMore(r, 3); err != nil {
			return err
		}
		var size int
		last, size = parseBlock(p.packed[len(p.packed)-3:])
		if size < 0 || len(p.packed)+size > MaxWindow+MaxWindow/16 {
			return errOtherFrame
		}
		if err := p.readMore(r, size); err != nil {
			return err
		}
	}
	if header.HasCheckSum {
		return p.readMore(r, 4)
	}
	return nil
}

// parseBlock returns what the header of a block says: whether it is the last of
// its frame, and how many bytes follow, or -1 for a type that there is not.
func parseBlock(b []byte) (last bool, size int) {
	const raw, runLength, compressed = 0, 1, 2
	header := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	last, size = header&1 == 1, header>>3
	switch header >> 1 & 3 {
	case raw, compressed:
		return last, size
	case runLength:
		return last, 1
	default:
		return last, -1
	}
}

func (p *part) readMore(r io.Reader, n int) error {
	at := len(p.packed)
	p.packed = append(p.packed, make([]byte, n)...)
	_, err := io.ReadFull(r, p.packed[at:])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Read implements [io.Reader].
func (p *plain) Read(b []byte) (int, error) {
	for p.current == nil || p.read == len(p.current.plain) {
		if p.current != nil && p.current.err != nil {
			return 0, p.current.err
		}
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.current.plain[p.read:])
	p.read += n
	return n, nil
}

// next goes on with the next part.
func (p *plain) next() error {
	if p.current != nil {
		p.current.release()
		p.current = nil
	}
	it, ok := <-p.parts
	if !ok {
		return io.ErrUnexpectedEOF // after an error that was ignored
	}
	<-it.done
	p.current, p.read = it, 0
	return nil
}

// close returns when nothing is read or decompressed any more.
func (p *plain) close() {
	close(p.stop)
	if p.current != nil {
		p.current.release()
		p.current = nil
	}
	for it := range p.parts {
		<-it.done
		it.release()
	}
}
