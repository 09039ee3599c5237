package frames

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

const (
	// ThoroughSize is how many bytes of a tar are compressed with more effort, if
	// they look like text. Up to there it costs milliseconds and saves a sixth of
	// the bytes; behind it, it would cost seconds.
	ThoroughSize = 32 << 20

	// sampleSize is how many bytes of a frame tell whether it looks like text:
	// whether they shrink to less than two fifths.
	sampleSize = 64 << 10
)

var frames = sync.Pool{New: func() any { return new(frame) }}

// frame is a part of a tar and what it becomes.
type frame struct {
	plain, packed []byte
	done          chan struct{} // closed when it is packed
}

// pack compresses a frame that begins at an offset in the tar. What it becomes
// depends on nothing else.
func (c *Codec) pack(f *frame, offset int64) {
	c.compressors <- struct{}{}
	defer func() { <-c.compressors }()

	encoders := &c.fast
	if offset < ThoroughSize && c.isText(f) {
		encoders = &c.thorough
	}
	f.encode(encoders, f.plain)
}

// isText tries the beginning of a frame, and makes room for the whole.
func (c *Codec) isText(f *frame) bool {
	sample := f.plain[:min(len(f.plain), sampleSize)]
	f.encode(&c.fast, sample)
	packed := len(f.packed)
	// Once: memory that was never used is slow.
	f.packed = slices.Grow(f.packed[:0], packed*(len(f.plain)/max(1, len(sample))+1))
	return 5*packed < 2*len(sample)
}

func (f *frame) encode(encoders *sync.Pool, plain []byte) {
	encoder := encoders.Get().(*zstd.Encoder)
	f.packed = encoder.EncodeAll(plain, f.packed[:0])
	encoders.Put(encoder)
}

// room returns where the next bytes of a frame go, at most n.
func (f *frame) room(n int) []byte {
	n = min(n, Size-len(f.plain))
	if all := len(f.plain) + n; all > cap(f.plain) && all > sampleSize {
		f.plain = slices.Grow(f.plain, Size-len(f.plain))
	} else {
		f.plain = slices.Grow(f.plain, n)
	}
	return f.plain[len(f.plain):][:n]
}

func (f *frame) release() {
	f.plain, f.packed = f.plain[:0], f.packed[:0]
	frames.Put(f)
}

// Writer compresses what is written to it into frames, several at once, and
// writes these to w in their order, from another goroutine when there is more
// than one. The same bytes always give the same frames.
type Writer struct {
	codec   *Codec
	w       io.Writer
	filling *frame
	size    int64       // of the frames that were full
	packed  int64       // bytes written to w
	queue   chan *frame // to the writing goroutine; nil while there is none
	ended   chan struct{}

	failed atomic.Pointer[error] // of w
}

// NewWriter returns a writer that compresses to w.
func (c *Codec) NewWriter(w io.Writer) *Writer {
	return &Writer{codec: c, w: w, filling: frames.Get().(*frame)}
}

// Write implements [io.Writer]. The error is one of a frame before.
func (c *Writer) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		m := copy(c.filling.room(len(p)-n), p[n:])
		n += m
		err = c.added(m)
	}
	return n, err
}

// CopyFrom reads size bytes, straight to where they are compressed, or returns
// [io.ErrUnexpectedEOF].
func (c *Writer) CopyFrom(r io.Reader, size int64) error {
	for size > 0 {
		n, err := r.Read(c.filling.room(int(min(size, Size))))
		size -= int64(n)
		if err := c.added(n); err != nil {
			return err
		}
		if size > 0 && err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// added notes n bytes that were put in the room of the frame.
func (c *Writer) added(n int) error {
	c.filling.plain = c.filling.plain[:len(c.filling.plain)+n]
	if len(c.filling.plain) < Size {
		return nil
	}
	if failed := c.failed.Load(); failed != nil {
		return *failed
	}
	c.begin(c.filling)
	c.filling = frames.Get().(*frame)
	return nil
}

// Written is the number of bytes that were written to w. It is for a writer that is
// closed.
func (c *Writer) Written() int64 { return c.packed }

// begin has a full frame compressed and written.
func (c *Writer) begin(f *frame) {
	if c.queue == nil {
		c.queue, c.ended = make(chan *frame, maxInWork), make(chan struct{})
		go c.write()
	}
	offset := c.size
	c.size += int64(len(f.plain))
	f.done = make(chan struct{})
	c.codec.inWork <- struct{}{}
	c.queue <- f
	go func() {
		defer close(f.done)
		c.codec.pack(f, offset)
	}()
}

// write writes the frames in their order.
func (c *Writer) write() {
	defer close(c.ended)
	for f := range c.queue {
		<-f.done
		if c.failed.Load() == nil {
			if err := c.put(f); err != nil {
				c.failed.Store(&err)
			}
		}
		f.release()
		<-c.codec.inWork
	}
}

func (c *Writer) put(f *frame) error {
	c.packed += int64(len(f.packed))
	_, err := c.w.Write(f.packed)
	return err
}

// Close writes what is left, unless the archive was given up, and waits until
// nothing is in work any more.
func (c *Writer) Close(givenUp bool) error {
	if c.queue != nil {
		close(c.queue)
		<-c.ended
	}
	var err error
	if failed := c.failed.Load(); failed != nil {
		err = *failed
	}
	if !givenUp && err == nil && len(c.filling.plain) > 0 {
		c.codec.pack(c.filling, c.size)
		err = c.put(c.filling)
	}
	c.filling.release()
	return err
}
