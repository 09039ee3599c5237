package cache

import (
	"context"
	"errors"
	"io"
)

// Blobs is a flat namespace of write-once objects.
//
// Implementations are safe for concurrent use and stop early when ctx ends.
// Package cachetest has the suite that each of them passes.
type Blobs interface {
	// Get opens the blob called name, or returns [ErrNotFound] or an
	// [*UnreadableError]. The caller closes the body.
	Get(ctx context.Context, name string) (*Blob, error)

	// Exists reports whether there is a blob called name, without opening it.
	Exists(ctx context.Context, name string) (bool, error)

	// Put creates the blob called name from the whole of body, wherever body
	// is positioned. It never overwrites: if the name is taken, it returns
	// [ErrExists] and the old content stays. Metadata names are lower-case letters
	// and digits, metadata values printable ASCII.
	Put(ctx context.Context, name string, body io.ReadSeeker, metadata Metadata) error

	// Replace replaces an existing blob, if it is still the one that Get returned
	// with this ETag. If not, or if the identity may create blobs but not replace
	// them, it returns [ErrExists] and the old content stays.
	Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata Metadata) error
}

// Blob is an open blob.
type Blob struct {
	Body     io.ReadCloser
	Size     int64 // bytes in Body
	ETag     string
	Metadata Metadata
	// Doubt, if set, says why the bytes or the metadata may not be those in the
	// storage: something on the way may have changed them. An error in them then says
	// nothing about the stored blob.
	Doubt error
	// LaterDoubt, if set, returns the same once the body has been read, which may take
	// several responses.
	LaterDoubt func() error
}

// doubt returns Doubt, or what LaterDoubt returns.
func (b *Blob) doubt() error {
	if b.Doubt == nil && b.LaterDoubt != nil {
		return b.LaterDoubt()
	}
	return b.Doubt
}

// Metadata is the metadata of a blob. The request that sends the body also sends it.
type Metadata map[string]string

var (
	// ErrNotFound means that there is no such blob: a miss.
	ErrNotFound = errors.New("not found")

	// ErrExists means that the name of a new blob is taken.
	ErrExists = errors.New("already exists")

	// ErrTimeLimit is wrapped by errors that say that a time limit of the configuration
	// has passed without progress.
	ErrTimeLimit = errors.New("time limit")

	// ErrPanic is wrapped by errors that are bugs of this process.
	ErrPanic = errors.New("panicked")

	// ErrOff is wrapped by the errors of a [Breaker] that sends no more requests.
	ErrOff = errors.New("the remote cache is off for the rest of this run")
)

// ConfigError is a permanent failure: the container does not exist, for example, or the
// identity may not use it. The message says what to change.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// UnreadableError means that the blob exists, but its state prevents reading it: it is
// in the archive tier, for example. It counts as a miss, and says nothing about other
// blobs. The message says what to do.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }
