package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Outcome is what became of a result that was accepted.
type Outcome string

const (
	OutcomeStored  Outcome = "stored"
	OutcomeExists  Outcome = "exists"  // somebody stored it before
	OutcomeChanged Outcome = "changed" // it was changed meanwhile
	OutcomeEvicted Outcome = "evicted" // it was removed meanwhile, by Nx's limit of its cache
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
	// the result is the reason, is a [*fileerror.Error] where the file system is, or wraps
	// [ErrPanic]; else it is one of the storage.
	Err error
}

// Result is the result of a task, as Nx hands it over: its outputs are in
// <CacheDirectory>/<Hash>.
type Result struct {
	Hash           string
	CacheDirectory string
	Code           int // exit code
	// TerminalOutput that is a file must be in this process's folder
	// ([scratch.FolderPath]), and is this process's once the result is accepted.
	TerminalOutput TerminalOutput
	// Outputs are those that the task declares, as for [Cache.Retrieve].
	Outputs []string
	// Snapshot is of the folder at the moment in which Nx handed the result over.
	Snapshot snapshot.Snapshot
}

// acceptedResult is a result that waits for its upload.
type acceptedResult struct {
	archive.Task
	dir    string            // <cacheDirectory>/<hash>
	text   string            // of the terminal output, unless that waits at
	output *scratch.Path     // as a file
	seen   snapshot.Snapshot // when Nx handed it over
	asOf   time.Time         // of the file system's clock: what changes later does not count
	at     *scratch.Folder   // of this process

	cacheDirectory string
}

// ErrLeftOut is wrapped by the reasons for which a result is not stored that ask
// nothing of anyone.
var ErrLeftOut = errors.New("left out")

// Store accepts a result as it was when Nx handed it over, and returns; done is called
// once, on another goroutine, when it is stored or is not.
//
// A reason or an error says why a result is not accepted. The error wraps
// [ErrLeftOut] where that is as it should be: the task has failed, or another run of Nx
// is making the same result here.
func (c *Cache) Store(ctx context.Context, result Result, done func(Stored)) (reason string, err error) {
	if c.options.Mode != ReadWrite {
		return "the mode is " + string(c.options.Mode), nil
	}
	if err := taskhash.Check(result.Hash); err != nil {
		return "", err
	}
	if result.Code != 0 && !c.options.CacheFailures {
		return "", fmt.Errorf("%w: the exit code is %d", ErrLeftOut, result.Code)
	}
	u, ok := c.uploads.begin(ctx)
	if !ok {
		return fmt.Sprintf("cannot be stored: %d others are waiting for it", maxWaiting), nil
	}
	r := &acceptedResult{
		Task: archive.Task{Hash: result.Hash, Code: result.Code, Outputs: archive.NewOutputs(result.Outputs)},
		dir:  filepath.Join(result.CacheDirectory, result.Hash), seen: result.Snapshot, cacheDirectory: result.CacheDirectory,
	}
	reason, err = c.accept(r, result.TerminalOutput)
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
func (c *Cache) accept(r *acceptedResult, output TerminalOutput) (reason string, err error) {
	c.uploads.accepts <- struct{}{} // for milliseconds
	defer leave(c.uploads.accepts)
	at, err := c.folders.NewPath(r.cacheDirectory)
	if err == nil {
		reason, err = r.checkWhole(at.Folder)
	}
	if err == nil && reason == "" {
		err = fileError(r.cacheDirectory, r.settle(at, output))
	}
	switch {
	case reason != "" || errors.Is(err, ErrLeftOut):
		c.counters.skipped.Add(1)
	case err != nil:
		c.counters.failed.Add(1)
		if !fileerror.IsRefusal(err) { // which is not about this result
			err = fmt.Errorf("store %s: %w", r.Hash, err)
		}
	}
	return reason, err
}

// settle notes the time, and takes over a terminal output that is long.
func (r *acceptedResult) settle(at scratch.Path, output TerminalOutput) (err error) {
	clock, err := readClock(at.With(".now"))
	if err != nil {
		return err
	}
	r.asOf, r.at = clock.AsOf(r.seen), at.Folder
	waiting := at.With(".terminalOutput")
	switch {
	case output.Path != "":
		if err := waiting.TakeOver(output.Path); err != nil {
			return err
		}
		r.output = &waiting
	case len(output.Text) > inlineText:
		if err := waiting.Write(output.Text); err != nil {
			return err
		}
		r.output = &waiting
	default:
		r.text = output.Text
	}
	return nil
}

// readClock reads the clock of the file system that a path is on.
func readClock(at scratch.Path) (clock snapshot.Clock, err error) {
	f, err := at.Create()
	if err != nil {
		return clock, err
	}
	defer func() { err = errors.Join(err, f.Close(), at.Remove()) }()
	return snapshot.ReadClock(f)
}

// upload stores a result when it is its turn. A panic is that result's error:
// the others go on.
func (c *Cache) upload(u *upload, r *acceptedResult) (stored Stored) {
	defer func() {
		if r.output != nil {
			r.output.Discard(u.ctx)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			zerolog.Ctx(u.ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("upload panicked")
			stored = Stored{Hash: r.Hash, Outcome: OutcomeFailed, Err: fmt.Errorf("store %s %w: %v", r.Hash, ErrPanic, p)}
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
	case r.isEvicted(err):
		stored.Outcome, stored.Err = OutcomeEvicted, err
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
func (c *Cache) send(u *upload, r *acceptedResult) (int64, error) {
	spool := newSpool(func() (scratch.Path, error) { return c.folders.NewPath(r.cacheDirectory) })
	defer func() { _ = spool.close() }() // what matters of it has been sent by then

	if err := c.packInTurn(u, limitedWriter{spool, &c.options}, r); err != nil {
		return 0, fileError(r.cacheDirectory, err)
	}
	if err := r.seen.Check(r.dir); err != nil {
		return 0, fileError(r.cacheDirectory, err)
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
	body := &meter{ReadSeeker: spool.body(), length: spool.length, left: &u.left, moved: &c.counters.moved}
	u.left.Store(spool.length)
	return c.write(u, statement, body, metadata)
}

// packInTurn packs a result when it is its turn.
func (c *Cache) packInTurn(u *upload, w io.Writer, r *acceptedResult) error {
	if err := enter(u.ctx, c.uploads.packs); err != nil {
		return err
	}
	defer leave(c.uploads.packs) // also after a panic, which upload survives
	if err := r.seen.Check(r.dir); err != nil {
		return err
	}
	return c.pack(cancelWriter{u.ctx, w}, r)
}

// pack writes the archive of a result.
func (c *Cache) pack(w io.Writer, r *acceptedResult) error {
	if r.output == nil {
		return c.codec.Write(w, r.Task, strings.NewReader(r.text), int64(len(r.text)), r.dir, r.asOf)
	}
	f, err := r.output.Open()
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
