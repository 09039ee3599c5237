package config

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// ExplainErrors adds a hint to the errors of blobs: where the account comes from, and
// which ignored claims may be the cause.
func (s Settings) ExplainErrors(blobs cache.Blobs) cache.Blobs {
	hint := "the account comes from " + s.AccountFrom()
	if more := s.Claims.Hint(); more != "" {
		hint += "; " + more
	}
	return explainedBlobs{blobs, hint}
}

// explainedBlobs adds a hint to errors.
type explainedBlobs struct {
	blobs cache.Blobs
	hint  string
}

func (e explainedBlobs) Get(ctx context.Context, name string) (*cache.Blob, error) {
	blob, err := e.blobs.Get(ctx, name)
	return blob, e.explained(err)
}

func (e explainedBlobs) Exists(ctx context.Context, name string) (bool, error) {
	exists, err := e.blobs.Exists(ctx, name)
	return exists, e.explained(err)
}

func (e explainedBlobs) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	return e.explained(e.blobs.Put(ctx, name, body, metadata))
}

func (e explainedBlobs) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	return e.explained(e.blobs.Replace(ctx, name, etag, body, metadata))
}

func (e explainedBlobs) explained(err error) error {
	_, unreadable := errors.AsType[*cache.UnreadableError](err)
	isAnswer := err == nil || unreadable || fileerror.Is(err) || errors.Is(err, cache.ErrNotFound) || errors.Is(err, cache.ErrExists) || errors.Is(err, context.Canceled)
	if isAnswer {
		return err
	}
	return fmt.Errorf("%w (%s)", err, e.hint)
}
