package archive

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/frames"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/tree"
)

// Codec writes and reads archives, several at once. It reuses memory, and bounds how much
// it uses.
type Codec struct {
	limits  Limits // for writing
	frames  *frames.Codec
	writers tree.Writers
}

// NewCodec returns a codec. A process needs only one.
func NewCodec() *Codec { return NewCodecWith(DefaultLimits) }

// NewCodecWith returns a codec that writes nothing beyond limits. Tests use smaller limits
// than [DefaultLimits].
func NewCodecWith(limits Limits) *Codec {
	return &Codec{limits: limits, frames: frames.NewCodec(), writers: tree.NewWriters()}
}
