package cache

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// Cache stores and retrieves the results of tasks. It is safe for concurrent
// use. [Cache.Close] ends its use.
type Cache struct {
	blobs     Blobs
	mode      Mode
	namespace Namespace
	scratch   *scratch
	codec     *archive.Codec
	turns     *turns
	uploads   *uploads
	damage    sync.Map // ETags of entries that are not to be used, by hash
	counters  counters
}

// New returns a cache in a namespace of blobs that does what mode allows.
func New(blobs Blobs, mode Mode, namespace Namespace) *Cache {
	return &Cache{
		blobs:     blobs,
		mode:      mode,
		namespace: namespace,
		scratch:   newScratch(),
		codec:     archive.NewCodec(),
		turns:     newTurns(),
		uploads:   newUploads(),
	}
}

// Session is the name of this process's folder in each cache directory, see
// [Folder].
func (c *Cache) Session() string { return c.scratch.session }

// Folders are the folders in which this process has worked so far.
func (c *Cache) Folders() []string { return c.scratch.paths() }

// Close gives the entries that were accepted until ctx ends to be stored, gives
// up the others, and removes what this process has left beside the results. No
// other method may be called meanwhile or later.
func (c *Cache) Close(ctx context.Context) {
	if c.Drain(ctx) != nil {
		c.uploads.giveUp()
	}
	c.uploads.running.Wait()
	c.scratch.remove()
}

// TerminalOutput is what a task printed: Text, or when that would be longer
// than [archive.InlineTerminalOutput], the file Path.
type TerminalOutput struct {
	Text string
	Path string
}

// Hit is a result that was restored.
type Hit struct {
	Code           int    // exit code
	OutputsPath    string // <cacheDirectory>/<hash>
	Size           int64  // bytes of the files in OutputsPath
	TerminalOutput TerminalOutput
}

// Retrieve restores the result of hash to <cacheDirectory>/<hash>, complete
// and verified or not at all.
//
// A terminal output that comes as a file is the caller's to remove. The error
// is [ErrNotFound] for a miss, wraps [ErrDamaged] for an entry that is not to
// be used, is a [*ConfigError] where the user must act, else one of the
// storage or the file system.
func (c *Cache) Retrieve(ctx context.Context, hash, cacheDirectory string) (*Hit, error) {
	if c.mode == NoCache {
		return nil, ErrNotFound
	}
	if err := CheckHash(hash); err != nil {
		return nil, err
	}
	turn, err := c.turns.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	// Also for a miss: what others have left is removed at the start of a run. An
	// error shows when something is to be restored.
	_, _ = c.scratch.open(cacheDirectory)

	hit, err := c.retrieve(ctx, turn, hash, cacheDirectory)
	c.counters.retrieved(err)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("retrieve %s: %w", hash, err)
	}
	return hit, err
}

func (c *Cache) retrieve(ctx context.Context, turn *turn, hash, cacheDirectory string) (*Hit, error) {
	blob, err := c.blobs.Get(ctx, c.namespace.name(hash))
	if err != nil {
		return nil, err
	}
	defer blob.Body.Close() // read to its end or given up: nothing is lost

	if err := turn.restore(ctx, blob.Size); err != nil {
		return nil, err
	}
	hit, err := c.restore(ctx, blob, hash, cacheDirectory)
	if errors.Is(err, ErrDamaged) && blob.ETag != "" {
		c.damage.Store(hash, blob.ETag)
	}
	return hit, err
}

// restore restores a result from the blob that should hold it.
func (c *Cache) restore(ctx context.Context, blob *Blob, hash, cacheDirectory string) (*Hit, error) {
	body, err := newVerifier(blob, &c.counters.moved)
	if err != nil {
		return nil, err
	}
	path, err := c.scratch.fresh(cacheDirectory)
	if err != nil {
		return nil, err
	}
	contents, err := c.codec.Extract(body, filepath.Dir(path), filepath.Base(path), archive.Limits{})
	switch {
	case errors.Is(err, archive.ErrRefused):
		err = damaged("%w", err)
	case err == nil && contents.Hash != hash:
		err = damaged("it holds the result of %s", contents.Hash)
	case err == nil:
		err = replace(ctx, path, filepath.Join(cacheDirectory, hash))
	}
	if err != nil {
		discard(ctx, path)
		discard(ctx, archive.TerminalOutputOf(path))
		return nil, err
	}
	c.counters.bytesRead.Add(blob.Size)
	return &Hit{
		Code:        contents.Code,
		OutputsPath: filepath.Join(cacheDirectory, hash),
		Size:        contents.Size,
		TerminalOutput: TerminalOutput{
			Text: string(contents.TerminalOutput),
			Path: contents.TerminalOutputFile,
		},
	}, nil
}
