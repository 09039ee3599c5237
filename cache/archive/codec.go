package archive

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/frames"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/tree"
)

// Codec writes and reads archives, several at once. It keeps the memory that
// this takes for the next ones, and bounds it.
type Codec struct {
	limits  Limits // of what it writes
	frames  *frames.Codec
	writers tree.Writers
}

// NewCodec returns a codec. A process needs one.
func NewCodec() *Codec { return NewCodecWith(DefaultLimits) }

// NewCodecWith returns a codec that writes nothing beyond limits. Smaller ones than
// [DefaultLimits] are for tests.
func NewCodecWith(limits Limits) *Codec {
	return &Codec{limits: limits, frames: frames.NewCodec(), writers: tree.NewWriters()}
}
