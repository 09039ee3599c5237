package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// How many results are worked on at once. Nx 24 asks for a whole batch in one
// tick (302 projects: 302 retrieves); each one in work costs a connection, a
// decompressor's window and open files.
const (
	maxRetrieves = 16
	maxStores    = 4
)

// Cache stores and retrieves the results of tasks. It is safe for concurrent
// use.
type Cache struct {
	blobs     Blobs
	mode      Mode
	namespace Namespace
	retrieves chan struct{}
	stores    chan struct{}
	counters  counters
}

// New returns a cache in a namespace of blobs that does what mode allows.
func New(blobs Blobs, mode Mode, namespace Namespace) *Cache {
	return &Cache{
		blobs:     blobs,
		mode:      mode,
		namespace: namespace,
		retrieves: make(chan struct{}, maxRetrieves),
		stores:    make(chan struct{}, maxStores),
	}
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
	if err := enter(ctx, c.retrieves); err != nil {
		return nil, err
	}
	defer leave(c.retrieves)

	hit, err := c.retrieve(ctx, hash, cacheDirectory)
	c.counters.retrieved(err)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("retrieve %s: %w", hash, err)
	}
	return hit, err
}

func (c *Cache) retrieve(ctx context.Context, hash, cacheDirectory string) (*Hit, error) {
	blob, err := c.blobs.Get(ctx, c.namespace.name(hash))
	if err != nil {
		return nil, err
	}
	defer blob.Body.Close() // read to its end or given up: nothing is lost

	body, err := newVerifier(blob)
	if err != nil {
		return nil, err
	}
	aside, err := newAside(cacheDirectory)
	if err != nil {
		return nil, err
	}
	defer discard(ctx, aside)

	contents, err := archive.Extract(body, aside, archive.Limits{})
	if errors.Is(err, archive.ErrRefused) {
		return nil, damaged("%w", err)
	}
	if err != nil {
		return nil, err
	}
	if contents.Hash != hash {
		return nil, damaged("it holds the result of %s", contents.Hash)
	}
	c.counters.bytesRead.Add(blob.Size)
	return c.settle(contents, cacheDirectory, hash, aside)
}

// settle moves what was restored in aside to where it belongs.
func (c *Cache) settle(contents archive.Contents, cacheDirectory, hash, aside string) (*Hit, error) {
	hit := &Hit{
		Code:           contents.Code,
		OutputsPath:    filepath.Join(cacheDirectory, hash),
		Size:           contents.Size,
		TerminalOutput: TerminalOutput{Text: string(contents.TerminalOutput)},
	}
	if err := replace(archive.OutputsPath(aside), hit.OutputsPath, aside); err != nil {
		return nil, err
	}
	if contents.TerminalOutputFile != "" {
		// Beside the aside folder, which is about to be removed.
		hit.TerminalOutput.Path = aside + "." + filepath.Base(contents.TerminalOutputFile)
		if err := os.Rename(contents.TerminalOutputFile, hit.TerminalOutput.Path); err != nil {
			return nil, err
		}
	}
	return hit, nil
}

// Outcome is what became of a result that was to be stored.
type Outcome string

const (
	Stored  Outcome = "stored"
	Exists  Outcome = "exists"  // somebody stored it before
	Skipped Outcome = "skipped" // see the reason
)

// Store stores the result of hash, which Nx has written to
// <cacheDirectory>/<hash>. With the outcome Skipped it says why.
//
// The error is a [*ConfigError] where the user must act, else one of the
// storage or the file system.
func (c *Cache) Store(ctx context.Context, hash, cacheDirectory string, code int, output TerminalOutput) (Outcome, string, error) {
	if c.mode != ReadWrite {
		return Skipped, "the mode is " + string(c.mode), nil
	}
	if err := CheckHash(hash); err != nil {
		return "", "", err
	}
	if err := enter(ctx, c.stores); err != nil {
		return "", "", err
	}
	defer leave(c.stores)

	err := c.store(ctx, archive.Task{Hash: hash, Code: code}, cacheDirectory, output)
	c.counters.wrote(err)
	switch {
	case err == nil:
		return Stored, "", nil
	case errors.Is(err, ErrExists):
		return Exists, "", nil
	case errors.Is(err, archive.ErrNotStorable):
		return Skipped, err.Error(), nil
	default:
		return "", "", fmt.Errorf("store %s: %w", hash, err)
	}
}

func (c *Cache) store(ctx context.Context, task archive.Task, cacheDirectory string, output TerminalOutput) error {
	aside, err := newAside(cacheDirectory)
	if err != nil {
		return err
	}
	defer discard(ctx, aside)

	spool := newSpool(aside)
	defer func() { _ = spool.close() }() // what matters of it has been sent by then

	if err := pack(cancelWriter{ctx, spool}, task, output, filepath.Join(cacheDirectory, task.Hash)); err != nil {
		return err
	}
	err = c.blobs.Put(ctx, c.namespace.name(task.Hash), spool.body(), Metadata{
		metaFormat: strconv.Itoa(archive.Format),
		metaLength: strconv.FormatInt(spool.length, 10),
		metaSHA256: spool.sha256(),
	})
	if err == nil {
		c.counters.bytesWritten.Add(spool.length)
	}
	return err
}

// pack writes the archive of a task whose outputs are in dir.
func pack(w io.Writer, task archive.Task, output TerminalOutput, dir string) error {
	if output.Path == "" {
		return archive.Write(w, task, strings.NewReader(output.Text), int64(len(output.Text)), dir)
	}
	f, err := os.Open(output.Path)
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading: nothing is lost
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return archive.Write(w, task, f, info.Size(), dir)
}

// cancelWriter is a writer that fails once ctx has ended. It lives as long as
// one call.
type cancelWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c cancelWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

func enter(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func leave(slots chan struct{}) { <-slots }
