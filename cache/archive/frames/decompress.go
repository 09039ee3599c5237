package frames

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxAhead is how many parts a codec decompresses before they are asked for,
	// besides one for each archive.
	maxAhead = 4

	// minFrame is the size that each frame but the last must have, in bytes of the
	// tar. It bounds what the frames themselves cost. Ours have [Size].
	minFrame = 64 << 10

	// blockOverhead is the number of bytes of the tar for which one block is
	// allowed, beside moreBlocks for each frame. Ours have 128 KiB; other programs
	// make smaller ones.
	blockOverhead = 512
	moreBlocks    = 16

	// smallFrame is the size of a frame up to which another goroutine costs more
	// than it saves, in bytes.
	smallFrame = 16 << 10
)

// part is a frame of an archive.
type part struct {
	packed, plain []byte
	err           error         // that comes after plain
	done          chan struct{} // closed when plain and err are there
	slot          chan struct{} // that it takes
}

var parts = sync.Pool{New: func() any { return new(part) }}

// Reader is what an archive decompresses to. It is received, verified and
// decompressed by other goroutines while files are written: frames several at
// once.
type Reader struct {
	codec *Codec
	parts chan *part
	own   chan struct{} // the slot of this archive
	stop  chan struct{}

	current *part // that is being read, or nil
	read    int   // bytes of it
}

// NewReader begins to read r. The caller calls Close before it uses r otherwise.
func (c *Codec) NewReader(r io.Reader) *Reader {
	p := &Reader{
		codec: c,
		parts: make(chan *part, maxAhead+1),
		own:   make(chan struct{}, 1),
		stop:  make(chan struct{}),
	}
	go p.run(bufio.NewReader(r))
	return p
}

// begin takes a slot for a part. It reports false when there is nobody to read it.
func (p *Reader) begin() (*part, bool) {
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
func (p *Reader) run(r *bufio.Reader) {
	defer close(p.parts)
	for {
		it, ok := p.begin()
		if !ok {
			return
		}
		it.err = it.readFrame(r)
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
		p.plain, p.err = nil, malformed("decompressing it panicked: %v", reason)
	}
}

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
	if err := header.Decode(start); err != nil {
		return malformed("a frame has no header of zstd: %v", err)
	}
	plainSize, err := checkFrame(&header)
	if err != nil {
		return err
	}
	if err := p.readMore(r, header.HeaderSize); err != nil {
		return err
	}
	if err := p.readBlocks(r, plainSize); err != nil {
		return err
	}
	if header.HasCheckSum {
		return p.readMore(r, 4)
	}
	return nil
}

// checkFrame returns how much a frame unpacks to at most, in bytes.
func checkFrame(header *zstd.Header) (plainSize int, err error) {
	switch {
	case header.Skippable:
		return 0, malformed("it has a frame to be skipped")
	case header.DictionaryID != 0:
		return 0, malformed("a frame needs a dictionary")
	case header.WindowSize > Size:
		return 0, malformed("a frame has a window of %d bytes, at most %d are allowed", header.WindowSize, Size)
	case !header.HasFCS:
		return Size, nil
	case header.FrameContentSize > Size:
		return 0, malformed("a frame holds %d bytes, at most %d are allowed", header.FrameContentSize, Size)
	case header.FrameContentSize == 0:
		return 0, malformed("a frame is empty")
	}
	return int(header.FrameContentSize), nil
}

// readBlocks reads the blocks of a frame. A block that would not shrink is stored
// as it is, so together they are no longer than what they unpack to.
func (p *part) readBlocks(r io.Reader, plainSize int) error {
	blocks := moreBlocks + plainSize/blockOverhead
	left := plainSize
	for last := false; !last; blocks-- {
		if err := p.readMore(r, 3); err != nil {
			return err
		}
		var size int
		last, size = parseBlock(p.packed[len(p.packed)-3:])
		if left -= size; size < 0 || left < 0 || blocks == 0 {
			return malformed("a frame has more or other blocks than its size needs")
		}
		if err := p.readMore(r, size); err != nil {
			return err
		}
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
func (p *Reader) Read(b []byte) (int, error) {
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
func (p *Reader) next() error {
	isShort := false
	if p.current != nil {
		isShort = len(p.current.plain) < minFrame
		p.current.release()
		p.current = nil
	}
	it, ok := <-p.parts
	if !ok {
		return io.ErrUnexpectedEOF // after an error that was ignored
	}
	<-it.done
	p.current, p.read = it, 0
	if isShort && it.err == nil {
		return malformed("a frame that is not the last holds less than %d bytes", minFrame)
	}
	return nil
}

// Close returns when nothing is read or decompressed any more.
func (p *Reader) Close() {
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
