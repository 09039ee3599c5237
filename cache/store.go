package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Outcome is what became of a result that was accepted.
type Outcome string

const (
	OutcomeStored  Outcome = "stored"
	OutcomeExists  Outcome = "exists"  // somebody stored it before
	OutcomeChanged Outcome = "changed" // or was removed meanwhile
	OutcomeRefused Outcome = "refused" // it holds what cannot be stored
	OutcomeFailed  Outcome = "failed"
)

// Stored tells what became of a result that was accepted.
type Stored struct {
	Hash    string
	Bytes   int64 // of the archive; 0 unless it was stored
	Outcome Outcome
	// Err says why the result was not stored. It is a [*ConfigError] where the
	// user must act, wraps [archive.ErrNotStorable] or [archive.ErrChanged] where
	// the result is the reason, else it is one of the storage or the file system.
	Err error
}

// result is the result of a task that was accepted.
type result struct {
	archive.Task
	dir    string // <cacheDirectory>/<hash>
	output TerminalOutput
	asOf   time.Time // of the file system's clock: what changes later does not count
	path   string    // fresh, for what waits with it
}

// Store accepts the result of hash, which Nx has written to
// <cacheDirectory>/<hash>, and returns; done is called once, on another
// goroutine, when it is stored or is not. A terminal output that is a file is
// this process's from then on.
//
// A reason or an error says why a result is not accepted.
func (c *Cache) Store(ctx context.Context, hash, cacheDirectory string, code int, output TerminalOutput, done func(Stored)) (reason string, err error) {
	if c.options.Mode != ReadWrite {
		return "the mode is " + string(c.options.Mode), nil
	}
	if err := CheckHash(hash); err != nil {
		return "", err
	}
	u, ok := c.uploads.begin(ctx)
	if !ok {
		return fmt.Sprintf("cannot be stored: %d others are waiting for it", maxWaiting), nil
	}
	r := &result{Task: archive.Task{Hash: hash, Code: code}, dir: filepath.Join(cacheDirectory, hash), output: output}
	reason, err = c.accept(r, cacheDirectory)
	if reason != "" || err != nil {
		u.end(func() {})
		return reason, err
	}
	go func() {
		stored := c.upload(u, r)
		c.counters.wrote(stored)
		u.end(func() { done(stored) })
	}()
	return "", nil
}

// inlineText is the length of the longest terminal output that waits for its
// upload in memory, in bytes.
const inlineText = 4 << 10

// accept prepares a result to wait for its upload.
func (c *Cache) accept(r *result, cacheDirectory string) (reason string, err error) {
	if _, err := os.Lstat(r.dir); errors.Is(err, fs.ErrNotExist) {
		c.counters.skipped.Add(1)
		return "cannot be stored: there is no " + r.dir, nil
	}
	if r.path, err = c.scratch.fresh(cacheDirectory); err == nil {
		err = r.settle()
	}
	if err != nil {
		c.counters.failed.Add(1)
		return "", fmt.Errorf("store %s: %w", r.Hash, err)
	}
	return "", nil
}

// settle notes the time, and takes over a terminal output that is long.
func (r *result) settle() (err error) {
	if r.asOf, err = now(r.path + ".now"); err != nil {
		return err
	}
	waiting := r.path + ".terminalOutput"
	switch {
	case r.output.Path != "":
		// A folder would be moved, too, and removed with all that is in it.
		if info, err := os.Lstat(r.output.Path); err != nil {
			return err
		} else if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file", r.output.Path)
		}
		if err := os.Rename(r.output.Path, waiting); err != nil {
			return err
		}
		r.output = TerminalOutput{Path: waiting}
	case len(r.output.Text) > inlineText:
		if err := os.WriteFile(waiting, []byte(r.output.Text), 0o600); err != nil {
			return errors.Join(err, os.Remove(waiting))
		}
		r.output = TerminalOutput{Path: waiting}
	}
	return nil
}

// maxTick is the longest tick of a file system's clock that is waited for: that
// of Windows.
const maxTick = 20 * time.Millisecond

// now returns the time of the clock of a file system, and waits until a change in
// it is stamped later. What Nx has written before has no later stamp than that;
// what anybody changes from now on does. It makes and removes a file at a path.
//
// Linux before 6.13 stamps with a clock that ticks every 1 to 10 ms. Since then
// nothing is waited for: after a stamp was looked at, the next one is finer, and
// those that follow, of whatever file, are not before it
// (docs.kernel.org/filesystems/multigrain-ts.html).
func now(path string) (asOf time.Time, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	info, err := f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	asOf = info.ModTime()
	for end := time.Now().Add(maxTick); time.Now().Before(end); time.Sleep(maxTick / 40) {
		if _, err := f.Write([]byte{'\n'}); err != nil {
			return time.Time{}, err
		}
		info, err := f.Stat()
		if err != nil || info.ModTime().After(asOf) {
			return asOf, err
		}
	}
	return asOf, nil
}

// upload stores a result when it is its turn. A panic is that result's error:
// the others go on.
func (c *Cache) upload(u *upload, r *result) (stored Stored) {
	defer func() {
		if r.output.Path != "" {
			discard(u.ctx, r.output.Path)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			zerolog.Ctx(u.ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("upload panicked")
			stored = Stored{Hash: r.Hash, Outcome: OutcomeFailed, Err: fmt.Errorf("store %s panicked: %v", r.Hash, p)}
		}
	}()
	stored.Hash = r.Hash
	err := c.uploads.enter(u.ctx)
	if err == nil {
		defer c.uploads.leave()
		stored.Bytes, err = c.send(u, r)
	}
	switch {
	case err == nil:
		stored.Outcome = OutcomeStored
	case errors.Is(err, ErrExists):
		stored.Outcome = OutcomeExists
	case errors.Is(err, archive.ErrChanged):
		stored.Outcome, stored.Err = OutcomeChanged, err
	case errors.Is(err, archive.ErrNotStorable):
		stored.Outcome, stored.Err = OutcomeRefused, err
	default:
		stored.Outcome, stored.Err = OutcomeFailed, fmt.Errorf("store %s: %w", r.Hash, err)
	}
	return stored
}

// send packs a result and sends it, and returns the number of bytes sent.
func (c *Cache) send(u *upload, r *result) (int64, error) {
	spool := newSpool(r.path + ".spool")
	defer func() { _ = spool.close() }() // what matters of it has been sent by then

	if err := c.packInTurn(u, limitedWriter{spool, &c.options}, r); err != nil {
		return 0, err
	}
	if err := c.put(u, r.Task, spool); err != nil {
		return 0, err
	}
	return spool.length, nil
}

func (c *Cache) put(u *upload, task archive.Task, spool *spool) error {
	place := c.options.Writes
	statement := trust.Statement{
		Hash: task.Hash, Scope: place.Scope, Prefix: c.options.Prefix,
		SHA256: spool.sha256(), Length: spool.length,
		Code: task.Code, Format: archive.Format,
		Provenance: c.options.Provenance,
	}
	statement.Provenance.Time = time.Now().UTC().Truncate(time.Second)
	metadata, err := describe(statement, c.options.Signer)
	if err != nil {
		return err
	}
	name := Name(c.options.Prefix, place.Scope, task.Hash)
	body := &meter{ReadSeeker: spool.body(), length: spool.length, left: &u.left, moved: &c.counters.moved}
	u.left.Store(spool.length)
	// What this process has found damaged it replaces, if it may.
	if etag, ok := c.damage.LoadAndDelete(name); ok {
		return place.Blobs.Replace(u.ctx, name, etag.(string), body, metadata)
	}
	return place.Blobs.Put(u.ctx, name, body, metadata)
}

// packInTurn packs a result when it is its turn.
func (c *Cache) packInTurn(u *upload, w io.Writer, r *result) error {
	if err := enter(u.ctx, c.uploads.packs); err != nil {
		return err
	}
	defer leave(c.uploads.packs) // also after a panic, which upload survives
	return c.pack(cancelWriter{u.ctx, w}, r)
}

// pack writes the archive of a result.
func (c *Cache) pack(w io.Writer, r *result) error {
	if r.output.Path == "" {
		return c.codec.Write(w, r.Task, strings.NewReader(r.output.Text), int64(len(r.output.Text)), r.dir, r.asOf)
	}
	f, err := os.Open(r.output.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", archive.ErrChanged, err)
	}
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading: nothing is lost
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return c.codec.Write(w, r.Task, f, info.Size(), r.dir, r.asOf)
}

// limitedWriter is a spool that takes no more than is to be stored: the rest would
// cost time and disk for nothing.
type limitedWriter struct {
	*spool
	options *Options
}

func (l limitedWriter) Write(p []byte) (int, error) {
	if l.options.tooLarge(l.length + int64(len(p))) {
		return 0, fmt.Errorf("%w: as an archive it is larger than %v, azure.maxArtifactSize", archive.ErrNotStorable, l.options.MaxSize)
	}
	return l.spool.Write(p)
}

// cancelWriter is a writer that fails once ctx has ended. It lives as long as
// one call.
type cancelWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c cancelWriter) Write(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.w.Write(p)
}
