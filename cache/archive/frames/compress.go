package frames

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

const (
	// ThoroughSize is how many bytes of a stream are compressed with more effort, if they
	// look like text. That takes milliseconds and saves a sixth of the bytes. For the
	// rest of a large stream, it would take seconds.
	ThoroughSize = 32 << 20

	// sampleSize is how many bytes of a frame are a sample. A frame looks like text if its
	// sample shrinks to less than two fifths.
	sampleSize = 64 << 10
)

var frames = sync.Pool{New: func() any { return new(frame) }}

// frame is a part of the stream, and its compressed form.
type frame struct {
	plain, packed []byte
	done          chan struct{} // closed once packed is complete
}

// pack compresses a frame that begins at an offset in the stream. The result depends only
// on the content and the offset.
func (c *Codec) pack(f *frame, offset int64) {
	c.compressors <- struct{}{}
	defer func() { <-c.compressors }()

	encoders := &c.fast
	if offset < ThoroughSize && c.isText(f) {
		encoders = &c.thorough
	}
	f.encode(encoders, f.plain)
}

// isText compresses a sample of a frame, and makes room for the whole frame.
func (c *Codec) isText(f *frame) bool {
	sample := f.plain[:min(len(f.plain), sampleSize)]
	f.encode(&c.fast, sample)
	packed := len(f.packed)
	// At once, because unused memory is slow.
	f.packed = slices.Grow(f.packed[:0], packed*(len(f.plain)/max(1, len(sample))+1))
	return 5*packed < 2*len(sample)
}

func (f *frame) encode(encoders *sync.Pool, plain []byte) {
	encoder := encoders.Get().(*zstd.Encoder)
	f.packed = encoder.EncodeAll(plain, f.packed[:0])
	encoders.Put(encoder)
}

// room returns the space for the next bytes of a frame, at most n.
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

// Writer compresses what is written to it into frames, several at once. It writes them to w
// in order, from another goroutine if there is more than one. The same bytes always give
// the same frames.
type Writer struct {
	codec   *Codec
	out     io.Writer
	filling *frame
	size    int64       // bytes in the full frames
	packed  int64       // bytes written to out
	queue   chan *frame // to the writing goroutine; nil before it starts
	ended   chan struct{}

	failed atomic.Pointer[error] // of out
}

// NewWriter returns a writer that compresses to w.
func (c *Codec) NewWriter(w io.Writer) *Writer {
	return &Writer{codec: c, out: w, filling: frames.Get().(*frame)}
}

// Write implements [io.Writer]. The error may be about an earlier frame.
func (w *Writer) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		m := copy(w.filling.room(len(p)-n), p[n:])
		n += m
		err = w.added(m)
	}
	return n, err
}

// CopyFrom reads size bytes directly into the frames, or returns [io.ErrUnexpectedEOF].
func (w *Writer) CopyFrom(r io.Reader, size int64) error {
	for size > 0 {
		n, err := r.Read(w.filling.room(int(min(size, Size))))
		size -= int64(n)
		if err := w.added(n); err != nil {
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

// added records n bytes that were put into the room of the frame.
func (w *Writer) added(n int) error {
	w.filling.plain = w.filling.plain[:len(w.filling.plain)+n]
	if len(w.filling.plain) < Size {
		return nil
	}
	if failed := w.failed.Load(); failed != nil {
		return *failed
	}
	w.begin(w.filling)
	w.filling = frames.Get().(*frame)
	return nil
}

// Written is the number of bytes written to w. The writer must be closed.
func (w *Writer) Written() int64 { return w.packed }

// begin starts to compress and write a full frame.
func (w *Writer) begin(f *frame) {
	if w.queue == nil {
		w.queue, w.ended = make(chan *frame, maxInWork), make(chan struct{})
		go w.write()
	}
	offset := w.size
	w.size += int64(len(f.plain))
	f.done = make(chan struct{})
	w.codec.inWork <- struct{}{}
	w.queue <- f
	go func() {
		defer close(f.done)
		w.codec.pack(f, offset)
	}()
}

// write writes the frames in order.
func (w *Writer) write() {
	defer close(w.ended)
	for f := range w.queue {
		<-f.done
		if w.failed.Load() == nil {
			if err := w.put(f); err != nil {
				w.failed.Store(&err)
			}
		}
		f.release()
		<-w.codec.inWork
	}
}

func (w *Writer) put(f *frame) error {
	w.packed += int64(len(f.packed))
	_, err := w.out.Write(f.packed)
	return err
}

// Close writes the last frame, unless the stream is abandoned, and waits until no frame is
// in work.
func (w *Writer) Close(abandoned bool) error {
	if w.queue != nil {
		close(w.queue)
		<-w.ended
	}
	var err error
	if failed := w.failed.Load(); failed != nil {
		err = *failed
	}
	if !abandoned && err == nil && len(w.filling.plain) > 0 {
		w.codec.pack(w.filling, w.size)
		err = w.put(w.filling)
	}
	w.filling.release()
	return err
}
