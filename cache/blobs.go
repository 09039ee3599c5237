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
	// [*UnreadableError]. The caller closes its body.
	Get(ctx context.Context, name string) (*Blob, error)

	// Put creates the blob called name from the whole of body, starting at its
	// beginning. It never overwrites: if the name is taken it returns
	// [ErrExists] and the old content stays. The names of metadata are lower
	// case letters and digits, its values printable ASCII.
	Put(ctx context.Context, name string, body io.ReadSeeker, metadata Metadata) error

	// Replace does the same to a blob that is there, if it is still the one that
	// Get gave with this ETag. If not, or if this identity may create blobs but
	// not replace them, it returns [ErrExists] and the old content stays.
	Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata Metadata) error
}

// Blob is a blob being read.
type Blob struct {
	Body     io.ReadCloser
	Size     int64 // bytes in Body
	ETag     string
	Metadata Metadata
	// Doubt, when set, says why the bytes or the metadata may not be those that the
	// storage has: something on the way may have changed them. Then what is wrong with
	// them says nothing of the stored blob.
	Doubt error
	// LaterDoubt, when set, is asked for the same once the body has been read: it may come
	// with several responses.
	LaterDoubt func() error
}

// doubt is the first of them.
func (b *Blob) doubt() error {
	if b.Doubt == nil && b.LaterDoubt != nil {
		return b.LaterDoubt()
	}
	return b.Doubt
}

// Metadata is what a blob says of itself, sent with the same request as its body.
type Metadata map[string]string

var (
	// ErrNotFound says that there is no such blob: a miss.
	ErrNotFound = errors.New("not found")

	// ErrExists says that the name of a new blob is taken.
	ErrExists = errors.New("already exists")

	// ErrTimeLimit is wrapped by the errors that say that nothing has happened for
	// as long as the configuration allows.
	ErrTimeLimit = errors.New("time limit")

	// ErrPanic is wrapped by the errors that are bugs of this process.
	ErrPanic = errors.New("panicked")

	// ErrOff is wrapped by the errors of a [Breaker] that asks no more.
	ErrOff = errors.New("off for the rest of this run")
)

// ConfigError is a failure that repeating the request cannot mend: the
// container does not exist, or this identity may not use it. Its text says
// what to change.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// UnreadableError says that there is such a blob, and that its state forbids to read it:
// it is archived, for example. It is a miss, and says nothing of other blobs. Its text
// says what to do.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }
