package archive

import (
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// frameSize is how many bytes of a tar make one zstd frame. Frames are
	// compressed at the same time, on one core each. Larger ones find more to
	// refer to, and need as much more memory on both sides.
	frameSize = MaxWindow

	// thoroughSize is how many bytes of a tar are compressed with more effort, if
	// they look like text. Up to there it costs milliseconds and saves a sixth of
	// the bytes; behind it, it would cost seconds.
	thoroughSize = 32 << 20

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

	sample := f.plain[:min(len(f.plain), sampleSize)]
	f.encode(&c.fast, sample)
	if len(sample) == len(f.plain) {
		return
	}
	encoders := &c.fast
	if offset < thoroughSize && 5*len(f.packed) < 2*len(sample) {
		encoders = &c.thorough
	}
	// As much as it may become, once: memory that was never used is slow.
	f.packed = slices.Grow(f.packed[:0], len(f.packed)*(len(f.plain)/len(sample)+1))
	f.encode(encoders, f.plain)
}

func (f *frame) encode(encoders *sync.Pool, plain []byte) {
	encoder := encoders.Get().(*zstd.Encoder)
	f.packed = encoder.EncodeAll(plain, f.packed[:0])
	encoders.Put(encoder)
}

func (f *frame) add(p []byte) {
	if all := len(f.plain) + len(p); all > cap(f.plain) && all > sampleSize {
		f.plain = slices.Grow(f.plain, frameSize-len(f.plain))
	}
	f.plain = append(f.plain, p...)
}

func (f *frame) release() {
	f.plain, f.packed = f.plain[:0], f.packed[:0]
	frames.Put(f)
}

// compressor compresses what is written to it into frames, several at once, and
// writes these to w in their order, from another goroutine when there is more
// than one. The same bytes always give the same frames.
type compressor struct {
	codec   *Codec
	w       io.Writer
	filling *frame
	size    int64       // of the frames that were full
	queue   chan *frame // to the writing goroutine; nil while there is none
	ended   chan struct{}

	mu  sync.Mutex
	err error // of w
}

func (c *Codec) newCompressor(w io.Writer) *compressor {
	return &compressor{codec: c, w: w, filling: frames.Get().(*frame)}
}

// Write implements [io.Writer]. The error is one of a frame before.
func (c *compressor) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), frameSize-len(c.filling.plain))]
		c.filling.add(part)
		n, p = n+len(part), p[len(part):]
		if len(c.filling.plain) < frameSize {
			continue
		}
		if err := c.problem(); err != nil {
			return n, err
		}
		c.begin(c.filling)
		c.filling = frames.Get().(*frame)
	}
	return n, nil
}

// begin has a full frame compressed and written.
func (c *compressor) begin(f *frame) {
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
func (c *compressor) write() {
	defer close(c.ended)
	for f := range c.queue {
		<-f.done
		if c.problem() == nil {
			c.failed(c.put(f))
		}
		f.release()
		<-c.codec.inWork
	}
}

func (c *compressor) put(f *frame) error {
	_, err := c.w.Write(f.packed)
	return err
}

func (c *compressor) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *compressor) problem() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// close writes what is left, unless the archive was given up, and waits until
// nothing is in work any more.
func (c *compressor) close(givenUp bool) error {
	if c.queue != nil {
		close(c.queue)
		<-c.ended
	}
	err := c.problem()
	if !givenUp && err == nil && len(c.filling.plain) > 0 {
		c.codec.pack(c.filling, c.size)
		err = c.put(c.filling)
	}
	c.filling.release()
	return err
}
