package archive

import (
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// frameSize is how many bytes of a tar make one zstd frame. Frames are
	// compressed at the same time, on one core each. Smaller ones find less to
	// refer to: 2 MiB cost 4 % more bytes on 2,000 source files.
	frameSize = MaxWindow

	// thoroughSize is how many bytes of a tar are compressed with more effort. Up
	// to there it costs milliseconds and saves a tenth of the bytes; behind it,
	// it would double the time of what takes long anyway.
	thoroughSize = 32 << 20

	// maxCompressors is how many frames are compressed at once in this process,
	// beside the tasks that Nx is running: two keep up with most networks.
	maxCompressors = 2
)

var (
	compressors = make(chan struct{}, min(maxCompressors, runtime.GOMAXPROCS(0)))

	// inWork bounds the memory of frames that are compressed, or wait for their
	// turn to be written: one more than can be compressed.
	inWork = make(chan struct{}, cap(compressors)+1)

	thorough = newEncoders(zstd.SpeedDefault)
	fast     = newEncoders(zstd.SpeedFastest)
	frames   = sync.Pool{New: func() any { return new(frame) }}
)

// encoders keeps encoders of a level, each with its tables, as long as they are used.
type encoders struct{ pool sync.Pool }

func newEncoders(level zstd.EncoderLevel) *encoders {
	return &encoders{sync.Pool{New: func() any {
		encoder, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(level),
			zstd.WithWindowSize(MaxWindow),
			zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderCRC(false), // whoever stores the archive keeps a digest
		)
		if err != nil {
			panic(err) // an option is wrong, always
		}
		return encoder
	}}}
}

// frame is a part of a tar and what it becomes.
type frame struct {
	plain, packed []byte
	done          chan struct{} // closed when it is packed
}

func (f *frame) pack(level *encoders) {
	encoder := level.pool.Get().(*zstd.Encoder)
	f.packed = encoder.EncodeAll(f.plain, f.packed[:0])
	level.pool.Put(encoder)
}

func (f *frame) release() {
	f.plain, f.packed = f.plain[:0], f.packed[:0]
	frames.Put(f)
}

// compressor compresses what is written to it into frames, several at once, and
// writes these to w in their order, from another goroutine when there is more
// than one. The same bytes always give the same frames.
type compressor struct {
	w       io.Writer
	filling *frame
	size    int64       // of the frames that were full
	queue   chan *frame // to the writing goroutine; nil while there is none
	ended   chan struct{}

	mu  sync.Mutex
	err error // of w
}

func newCompressor(w io.Writer) *compressor {
	return &compressor{w: w, filling: frames.Get().(*frame)}
}

// Write implements [io.Writer]. The error is one of a frame before.
func (c *compressor) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), frameSize-len(c.filling.plain))]
		c.filling.plain = append(c.filling.plain, part...)
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
		c.queue, c.ended = make(chan *frame, cap(inWork)), make(chan struct{})
		go c.write()
	}
	level := c.level()
	c.size += int64(len(f.plain))
	f.done = make(chan struct{})
	inWork <- struct{}{}
	c.queue <- f
	go func() {
		defer close(f.done)
		compressors <- struct{}{}
		defer func() { <-compressors }()
		f.pack(level)
	}()
}

func (c *compressor) level() *encoders {
	if c.size < thoroughSize {
		return thorough
	}
	return fast
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
		<-inWork
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
		compressors <- struct{}{}
		c.filling.pack(c.level())
		<-compressors
		err = c.put(c.filling)
	}
	c.filling.release()
	return err
}
