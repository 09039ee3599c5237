package archive

import (
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxCompressors is how many frames a codec compresses at once, beside the
	// tasks that Nx is running: two keep up with most networks.
	maxCompressors = 2

	// maxInWork is how many frames are compressed, or wait for their turn to be
	// written: one more than can be compressed.
	maxInWork = maxCompressors + 1

	// maxWriters is how many batches of files a codec writes at once. What
	// creating a file costs is the kernel's work, and more than two cores compete
	// for the same locks: with four, 300 small results take twice as long (ext4).
	maxWriters = 2
)

// Codec writes and reads archives, several at once. It keeps the memory that
// this takes for the next ones, and bounds it.
type Codec struct {
	limits         Limits // of what it writes
	compressors    chan struct{}
	inWork         chan struct{}
	ahead          chan struct{}
	writers        chan struct{}
	thorough, fast sync.Pool // of *zstd.Encoder
	decoders       sync.Pool // of *zstd.Decoder
}

// NewCodec returns a codec. A process needs one.
func NewCodec() *Codec { return NewCodecWith(DefaultLimits) }

// NewCodecWith returns a codec that writes nothing beyond limits. Smaller ones than
// [DefaultLimits] are for tests.
func NewCodecWith(limits Limits) *Codec {
	return &Codec{
		limits:      limits,
		compressors: make(chan struct{}, min(maxCompressors, runtime.GOMAXPROCS(0))),
		inWork:      make(chan struct{}, maxInWork),
		ahead:       make(chan struct{}, maxAhead),
		writers:     make(chan struct{}, min(maxWriters, runtime.GOMAXPROCS(0))),
		thorough:    sync.Pool{New: func() any { return newEncoder(zstd.SpeedBetterCompression) }},
		fast:        sync.Pool{New: func() any { return newEncoder(zstd.SpeedFastest) }},
		decoders:    sync.Pool{New: func() any { return newDecoder() }},
	}
}

func newEncoder(level zstd.EncoderLevel) *zstd.Encoder {
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
}

func newDecoder() *zstd.Decoder {
	decoder, err := zstd.NewReader(nil,
		zstd.WithDecoderMaxWindow(MaxWindow),
		zstd.WithDecoderMaxMemory(MaxWindow), // of a frame's content
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
	)
	if err != nil {
		panic(err) // an option is wrong, always
	}
	return decoder
}
