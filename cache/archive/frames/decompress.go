package frames

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxAhead is how many parts a codec decompresses ahead of their readers, besides one
	// for each stream.
	maxAhead = 4

	// minFrame is the minimum content of each frame but the last, in bytes. It bounds the
	// overhead of frames. Ours have [Size].
	minFrame = 64 << 10

	// A frame may have baseBlocks blocks, and one more for each bytesPerBlock bytes of its
	// content. Our blocks have 128 KiB; other programs make smaller ones.
	bytesPerBlock = 512
	baseBlocks    = 16

	// smallFrame is the size of a frame that is too small for a goroutine of its own, in
	// bytes.
	smallFrame = 16 << 10
)

// part is a frame of the stream.
type part struct {
	packed, plain []byte
	err           error         // after plain
	done          chan struct{} // closed once plain and err are set
	slot          chan struct{} // that the part occupies
}

var parts = sync.Pool{New: func() any { return new(part) }}

// Reader reads the decompressed stream. Other goroutines receive, verify and decompress
// frames, several at once, while the caller writes files.
type Reader struct {
	codec *Codec
	parts chan *part
	own   chan struct{} // the slot of this stream
	stop  chan struct{}

	current *part // being read, or nil
	read    int   // bytes of current
}

// NewReader starts to read r. The caller calls Close before it uses r otherwise.
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

// begin acquires a slot for a part. It reports false if the reader is closed.
func (r *Reader) begin() (*part, bool) {
	next := parts.Get().(*part)
	next.done, next.err = make(chan struct{}), nil
	select {
	case r.own <- struct{}{}:
		next.slot = r.own
	case r.codec.ahead <- struct{}{}:
		next.slot = r.codec.ahead
	case <-r.stop:
		parts.Put(next)
		return nil, false
	}
	return next, true
}

func (p *part) release() {
	<-p.slot
	p.packed, p.plain = p.packed[:0], p.plain[:0]
	parts.Put(p)
}

// run reads r to its end, or until the reader is closed.
func (r *Reader) run(in *bufio.Reader) {
	defer close(r.parts)
	for {
		part, ok := r.begin()
		if !ok {
			return
		}
		part.err = part.readFrame(in)
		r.parts <- part // has room for all slots
		if part.err != nil {
			close(part.done)
			return
		}
		if len(part.packed) < smallFrame {
			r.codec.unpack(part)
		} else {
			go r.codec.unpack(part)
		}
	}
}

// unpack decompresses a frame.
func (c *Codec) unpack(part *part) {
	defer close(part.done)
	defer part.recoverPanic()
	decoder := c.decoders.Get().(*zstd.Decoder)
	part.plain, part.err = decoder.DecodeAll(part.packed, part.plain[:0])
	c.decoders.Put(decoder)
}

// recoverPanic turns a panic into the error of a part. On a goroutine of its own, a panic
// would end the process, and with it the work on other results.
func (p *part) recoverPanic() {
	if reason := recover(); reason != nil {
		p.plain, p.err = nil, malformed("decompressing it panicked: %v", reason)
	}
}

// readFrame reads the next frame of r. The error is [io.EOF] at the end.
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
		return malformed("a frame has no zstd header: %v", err)
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

// checkFrame returns the maximum size of a frame's content, in bytes.
func checkFrame(header *zstd.Header) (plainSize int, err error) {
	switch {
	case header.Skippable:
		return 0, malformed("it has a skippable frame")
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
// uncompressed, so the blocks are never larger than their content.
func (p *part) readBlocks(r io.Reader, plainSize int) error {
	blocks := baseBlocks + plainSize/bytesPerBlock
	left := plainSize
	for last := false; !last; blocks-- {
		if err := p.readMore(r, 3); err != nil {
			return err
		}
		var size int
		last, size = parseBlock(p.packed[len(p.packed)-3:])
		if left -= size; size < 0 || left < 0 || blocks == 0 {
			return malformed("a frame has more or other blocks than its size requires")
		}
		if err := p.readMore(r, size); err != nil {
			return err
		}
	}
	return nil
}

// parseBlock parses the header of a block: whether it is the last of its frame, and how
// many bytes follow, or -1 for an unknown type.
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
func (r *Reader) Read(b []byte) (int, error) {
	for r.current == nil || r.read == len(r.current.plain) {
		if r.current != nil && r.current.err != nil {
			return 0, r.current.err
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.current.plain[r.read:])
	r.read += n
	return n, nil
}

// next waits for the next part.
func (r *Reader) next() error {
	isShort := false
	if r.current != nil {
		isShort = len(r.current.plain) < minFrame
		r.current.release()
		r.current = nil
	}
	part, ok := <-r.parts
	if !ok {
		return io.ErrUnexpectedEOF // the caller has ignored an error
	}
	<-part.done
	r.current, r.read = part, 0
	if isShort && part.err == nil {
		return malformed("a frame before the last has less than %d bytes", minFrame)
	}
	return nil
}

// Close returns once nothing is being read or decompressed.
func (r *Reader) Close() {
	close(r.stop)
	if r.current != nil {
		r.current.release()
		r.current = nil
	}
	for part := range r.parts {
		<-part.done
		part.release()
	}
}
