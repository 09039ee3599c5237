// Package frames is the outer layer of an archive, as package archive specifies it: zstd
// frames. It compresses and decompresses several frames at once, in bounded memory. It
// knows zstd, and which frames are allowed; it must not know what the bytes mean, nor use
// files.
package frames

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// Size is the maximum size of a frame's content and of its window, in bytes. It bounds
	// the memory that a frame can request. Larger frames would compress better, but need
	// proportionally more memory on both sides.
	Size = 2 << 20

	// maxCompressors is how many frames a codec compresses at once, while Nx runs tasks.
	// Two keep up with most networks.
	maxCompressors = 2

	// maxInWork is how many frames are being compressed or wait to be written: one more
	// than can be compressed at once.
	maxInWork = maxCompressors + 1
)

// Codec compresses and decompresses streams, several at once. It reuses memory, and bounds
// how much it uses.
type Codec struct {
	compressors    chan struct{}
	inWork         chan struct{}
	ahead          chan struct{}
	thorough, fast sync.Pool // of *zstd.Encoder
	decoders       sync.Pool // of *zstd.Decoder
}

// NewCodec returns a codec. A process needs only one.
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
		zstd.WithEncoderCRC(false), // the blob's metadata hold a digest
	)
	if err != nil {
		panic(err) // an option is invalid
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
		panic(err) // an option is invalid
	}
	return decoder
}

// malformed returns the error of a stream with frames that are not allowed.
func malformed(format string, args ...any) error { return fmt.Errorf(format, args...) }
