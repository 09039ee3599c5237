package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/limiter"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cache/verification"
)

// Outcome is the outcome of the upload of an accepted result.
type Outcome string

const (
	OutcomeStored  Outcome = "stored"
	OutcomeExists  Outcome = "exists"  // the entry existed already
	OutcomeChanged Outcome = "changed" // the outputs changed before they were packed
	OutcomeEvicted Outcome = "evicted" // Nx removed the outputs, to limit its local cache
	OutcomeRefused Outcome = "refused" // an archive cannot represent the outputs
	OutcomeDiffers Outcome = "differs" // from the entry, which existed already
	OutcomeFailed  Outcome = "failed"
)

// Stored reports what became of an accepted result.
type Stored struct {
	Hash    string
	Bytes   int64 // of the archive; 0 unless the outcome is OutcomeStored
	Outcome Outcome
	// Err says why the result was not stored. It is a [*ConfigError] if the user must
	// act, a [*fileerror.Error] if the file system failed, wraps
	// [archive.ErrNotStorable] or [archive.ErrChanged] if the result is the reason, wraps
	// [ErrPanic], or is a [*verification.Difference]. Any other error is one of the storage.
	Err error
}

// Result is the result of a task, as Nx hands it over: its outputs are in
// <CacheDirectory>/<Hash>.
type Result struct {
	Hash           string
	CacheDirectory string
	Code           int // exit code
	// Task names the task: project:target or project:target:configuration; "" if unknown.
	// The provenance of the entry has it.
	Task string
	// TerminalOutput, if it is a file, must be in this process's folder
	// ([scratch.FolderPath]). Once the result is accepted, the cache owns the file.
	TerminalOutput TerminalOutput
	// Outputs are the outputs that the task declares, as for [Cache.Retrieve].
	Outputs []string
	// Snapshot is the state of the folder when Nx handed the result over.
	Snapshot snapshot.Snapshot
	// Took is for how many milliseconds the task ran; nil if unknown.
	Took *int64
}

// acceptedResult is a result that waits for its upload.
type acceptedResult struct {
	archive.Task
	name           string // of the task, or ""
	took           *int64 // [Result.Took]
	dir            string // <cacheDirectory>/<hash>
	cacheDirectory string

	terminalOutput     string            // what the task printed, unless it is
	terminalOutputFile *scratch.Path     // in a file
	snapshot           snapshot.Snapshot // when Nx handed the result over
	asOf               time.Time         // of the file system's clock: later changes disqualify the result
	folder             *scratch.Folder   // of this process
}

// ErrSkipped is wrapped by reasons for not storing a result that require no action.
var ErrSkipped = errors.New("skipped")

// Store accepts a result for upload, as it was when Nx handed it over, and returns. It
// calls done once, on another goroutine, with the outcome.
//
// If Store does not accept the result, a reason or an error says why. The error wraps
// [ErrSkipped] if no one needs to act: the task has failed, or another run of Nx is
// making the same result in the same cache directory.
func (c *Cache) Store(ctx context.Context, result Result, done func(Stored)) (reason string, err error) {
	if c.options.Mode != ReadWrite {
		return "the mode is " + string(c.options.Mode), nil
	}
	if err := taskhash.Check(result.Hash); err != nil {
		return "", err
	}
	if result.Code != 0 && !c.options.CacheFailures {
		return "", fmt.Errorf("%w: the exit code is %d", ErrSkipped, result.Code)
	}
	u, ok := c.uploads.add(ctx)
	if !ok {
		return fmt.Sprintf("cannot be stored: %d other results are waiting to be stored", maxWaiting), nil
	}
	r := &acceptedResult{
		Task: archive.Task{Hash: result.Hash, Code: result.Code, Outputs: archive.NewOutputs(result.Outputs)},
		name: result.Task, took: result.Took,
		dir: filepath.Join(result.CacheDirectory, result.Hash), snapshot: result.Snapshot, cacheDirectory: result.CacheDirectory,
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

// maxInMemory is the length of the longest terminal output that is kept in memory until
// its upload, in bytes.
const maxInMemory = 4 << 10

// accept prepares a result for its upload.
func (c *Cache) accept(r *acceptedResult, output TerminalOutput) (reason string, err error) {
	c.uploads.accepts <- struct{}{} // waits for milliseconds
	defer limiter.Release(c.uploads.accepts)
	path, err := c.folders.NewPath(r.cacheDirectory)
	if err == nil {
		reason, err = r.checkComplete(path.Folder)
	}
	if err == nil && reason == "" {
		err = fileError(r.cacheDirectory, r.prepare(path, output))
	}
	switch {
	case reason != "" || errors.Is(err, ErrSkipped):
		c.counters.skipped.Add(1)
	case err != nil:
		c.counters.failed.Add(1)
	}
	return reason, err
}

// prepare records the time, and puts a long terminal output into a file.
func (r *acceptedResult) prepare(path scratch.Path, output TerminalOutput) (err error) {
	clock, err := readClock(path.With(".now"))
	if err != nil {
		return err
	}
	r.asOf, r.folder = clock.AsOf(r.snapshot), path.Folder
	file := path.With(".terminalOutput")
	switch {
	case output.Path != "":
		if err := file.TakeOver(output.Path); err != nil {
			return err
		}
		r.terminalOutputFile = &file
	case len(output.Text) > maxInMemory:
		if err := file.Write(output.Text); err != nil {
			return err
		}
		r.terminalOutputFile = &file
	default:
		r.terminalOutput = output.Text
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

// upload stores a result once it may. A panic becomes the error of this result, and does
// not affect others.
func (c *Cache) upload(u *upload, r *acceptedResult) (stored Stored) {
	defer func() {
		if r.terminalOutputFile != nil {
			r.terminalOutputFile.Discard(u.ctx)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			zerolog.Ctx(u.ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("upload panicked")
			stored = Stored{Hash: r.Hash, Outcome: OutcomeFailed, Err: fmt.Errorf("store %s %w: %v", r.Hash, ErrPanic, p)}
		}
	}()
	stored.Hash = r.Hash
	err := c.uploads.acquire(u.ctx)
	if err == nil {
		defer c.uploads.release()
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
	case verification.IsDifference(err):
		stored.Outcome, stored.Err = OutcomeDiffers, err
	default:
		stored.Outcome, stored.Err = OutcomeFailed, err
	}
	return stored
}

// send packs and sends a result, and returns the number of bytes sent.
func (c *Cache) send(u *upload, r *acceptedResult) (int64, error) {
	spool := newSpool(func() (scratch.Path, error) { return c.folders.NewPath(r.cacheDirectory) })
	defer func() { _ = spool.close() }() // its content has been sent by then

	if err := c.packOne(u, limitedWriter{spool, &c.options}, r); err != nil {
		return 0, fileError(r.cacheDirectory, err)
	}
	if err := r.snapshot.Check(r.dir); err != nil {
		return 0, fileError(r.cacheDirectory, err)
	}
	if err := c.compare(u.ctx, r, spool); err != nil {
		return 0, err
	}
	if err := c.put(u, r, spool); err != nil {
		return 0, err
	}
	return spool.length, nil
}

func (c *Cache) put(u *upload, r *acceptedResult, spool *spool) error {
	place := c.options.Writes
	statement := trust.Statement{
		Hash: r.Hash, Scope: place.Scope, Prefix: c.options.Prefix,
		SHA256: spool.sha256(), Length: spool.length,
		Code: r.Code, Format: archive.Format,
		Provenance: c.options.Provenance.WithTask(r.name, time.Now()),
	}
	metadata, err := describe(statement, c.options.Signer)
	if err != nil {
		return err
	}
	if r.took != nil && *r.took <= maxTook {
		metadata[metaTook] = strconv.FormatInt(*r.took, 10)
	}
	body := &meter{ReadSeeker: spool.body(), length: spool.length, left: &u.left, moved: &c.counters.moved}
	u.left.Store(spool.length)
	return c.putOrReplace(u, statement, body, metadata)
}

// packOne packs a result once it may.
func (c *Cache) packOne(u *upload, w io.Writer, r *acceptedResult) error {
	if err := limiter.Acquire(u.ctx, c.uploads.packs); err != nil {
		return err
	}
	defer limiter.Release(c.uploads.packs) // also after a panic, which upload recovers from
	if err := r.snapshot.Check(r.dir); err != nil {
		return err
	}
	return c.pack(cancelWriter{u.ctx, w}, r)
}

// pack writes the archive of a result.
func (c *Cache) pack(w io.Writer, r *acceptedResult) error {
	if r.terminalOutputFile == nil {
		return c.codec.Write(w, r.Task, strings.NewReader(r.terminalOutput), int64(len(r.terminalOutput)), r.dir, r.asOf)
	}
	f, err := r.terminalOutputFile.Open()
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

// limitedWriter is a spool that fails once the archive is larger than the limit.
type limitedWriter struct {
	*spool
	options *Options
}

func (l limitedWriter) Write(p []byte) (int, error) {
	if l.options.tooLarge(l.length + int64(len(p))) {
		return 0, diagnostic.With(diagnostic.ResultTooLarge, fmt.Errorf("%w: its archive is larger than %v, the limit azure.maxArtifactSize", archive.ErrNotStorable, l.options.MaxSize))
	}
	return l.spool.Write(p)
}

// cancelWriter is a writer that fails once ctx has ended. It lives for one call.
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
