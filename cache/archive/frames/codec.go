// Package frames compresses a stream of bytes into zstd frames and back, several
// frames at once, in bounded memory: the outer layer of an archive, as package archive
// specifies it. It knows zstd, and which frames are allowed; it must not know what the
// bytes are, nor touch files.
package frames

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// Size is how many bytes of a stream make one frame, and its window, at most. It
	// bounds the memory that a frame can ask for. Frames are compressed at the same
	// time, on one core each. Larger ones find more to refer to, and need as much more
	// memory on both sides.
	Size = 2 << 20

	// maxCompressors is how many frames a codec compresses at once, beside the
	// tasks that Nx is running: two keep up with most networks.
	maxCompressors = 2

	// maxInWork is how many frames are compressed, or wait for their turn to be
	// written: one more than can be compressed.
	maxInWork = maxCompressors + 1
)

// Codec compresses and decompresses streams, several at once. It keeps the memory that
// this takes for the next ones, and bounds it.
type Codec struct {
	compressors    chan struct{}
	inWork         chan struct{}
	ahead          chan struct{}
	thorough, fast sync.Pool // of *zstd.Encoder
	decoders       sync.Pool // of *zstd.Decoder
}

// NewCodec returns a codec. A process needs one.
func NewCodec() *Codec {
	return &Codec{
		compressors: make(chan struct{}, min(maxCompressors, runtime.GOMAXPROCS(0))),
		inWork:      make(chan struct{}, maxInWork),
		ahead:       make(chan struct{}, maxAhead),
		thorough:    sync.Pool{New: func() any { return newEncoder(zstd.SpeedBetterCompression) }},
		fast:        sync.Pool{New: func() any { return newEncoder(zstd.SpeedFastest) }},
		decoders:    sync.Pool{New: func() any { return newDecoder() }},
	}
}

func newEncoder(level zstd.EncoderLevel) *zstd.Encoder {
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(level),
		zstd.WithWindowSize(Size),
		zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), // whoever stores the archive keeps a digest
	)
	if err != nil {
		panic(err) // an option is wrong, always
	}
	return encoder
}

func newDecoder() *zstd.Decoder {
	decoder, err := zstd.NewReader(nil,
		zstd.WithDecoderMaxWindow(Size),
		zstd.WithDecoderMaxMemory(Size), // of a frame's content
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
	)
	if err != nil {
		panic(err) // an option is wrong, always
	}
	return decoder
}

// malformed is an error of a stream that is not what a [Writer] writes, nor like it.
func malformed(format string, args ...any) error { return fmt.Errorf(format, args...) }
