package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/limiter"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cache/verification"
)

// Cache stores and retrieves the results of tasks. It is safe for concurrent
// use. [Cache.Close] ends its use.
type Cache struct {
	options  Options
	folders  *scratch.Folders
	codec    *archive.Codec
	limiter  *limiter.Limiter
	uploads  *uploads
	found    sync.Map // by name, entries that may be replaced ([replaceable])
	counters counters
	checker  *verification.Checker // nil unless hits are sampled
}

// Options configure a cache.
type Options struct {
	Mode   Mode
	Prefix string // see [ValidPrefix]
	// Reads are the places that are searched for results. If several places have a
	// result, the earliest place wins.
	Reads  []Place
	Writes Place // used only if Mode is [ReadWrite]

	// CacheFailures allows entries of tasks that have failed.
	CacheFailures bool

	// MaxSize is the size of the largest archive that is stored or restored; 0 means
	// no limit.
	MaxSize Size

	// Directories decides which cache directories are used.
	Directories scratch.Rule

	// Verifier, if set, decides which entries of the scope [trust.Trusted] are
	// used.
	Verifier *trust.Verifier
	// Signer, if set, signs every entry that is stored.
	Signer     *trust.Signer
	Provenance trust.Provenance // of every entry that is stored; Store adds task and time

	// Verify is the share of hits, from 0 to 1, that a run treats as misses, see
	// [ErrSampled]. Only runs that store in the scope [trust.Trusted] do so.
	Verify float64
}

func (o *Options) tooLarge(archive int64) bool {
	return o.MaxSize > 0 && archive > int64(o.MaxSize)
}

// Place is a scope in a container.
type Place struct {
	Blobs Blobs
	Scope trust.Scope
}

// New returns an open cache.
func New(options Options) *Cache {
	c := &Cache{
		options: options,
		folders: scratch.New(options.Directories),
		codec:   archive.NewCodec(),
		limiter: limiter.New(len(options.Reads)),
		uploads: newUploads(),
	}
	if options.Verifies() {
		c.checker = verification.New(options.Verify, options.Provenance, c.Session(), time.Now())
	}
	return c
}

// Session is the name of this process's folder in each cache directory, see
// [scratch.FolderPath].
func (c *Cache) Session() string { return c.folders.Session }

// Folders are the folders in which this process works. Other users have no access to
// them. [Cache.Close] closes them.
func (c *Cache) Folders() []*os.Root { return c.folders.Roots() }

// EndRun tells other processes that this run has ended. Close does so, too.
func (c *Cache) EndRun() { c.folders.EndRun() }

// Close waits until the accepted results are stored or ctx ends, stops the remaining
// uploads, and removes the folders of this process. No other method may be called
// meanwhile or later.
func (c *Cache) Close(ctx context.Context) {
	c.EndRun()
	if c.Drain(ctx) != nil {
		c.uploads.stop()
	}
	c.uploads.running.Wait()
	c.folders.Remove()
}

// TerminalOutput is what a task printed: Text, or the file Path if Text would be longer
// than [archive.InlineTerminalOutput].
type TerminalOutput struct {
	Text string
	Path string
}

// Hit is a restored result.
type Hit struct {
	Code           int    // exit code
	OutputsPath    string // <cacheDirectory>/<hash>
	Size           int64  // bytes of the files in OutputsPath
	TerminalOutput TerminalOutput
	Scope          trust.Scope // that has the entry
	Bytes          int64       // of its archive
	Took           *int64      // for how many milliseconds the task ran, by [Entry.Took]
}

// Retrieve restores the result of hash to <cacheDirectory>/<hash>, complete
// and verified or not at all. The caller removes the file of a terminal output.
//
// The error is one of these:
//
//   - [ErrNotFound]: a miss;
//   - an [*UnreadableError]: a miss that the user should hear of;
//   - an error that wraps [ErrDamaged]: the entry must not be used;
//   - a [*ConfigError]: the user must act;
//   - a [*fileerror.Error]: the file system failed, or the cache directory is not safe;
//   - any other: the storage failed.
//
// outputs are those that the task declares. The caller passes them if its Nx rejects
// results with links that leave their output ([archive.Outputs]): such a result is a
// miss.
func (c *Cache) Retrieve(ctx context.Context, hash, cacheDirectory string, outputs ...string) (*Hit, error) {
	if c.options.Mode == NoCache {
		return nil, ErrNotFound
	}
	if err := taskhash.Check(hash); err != nil {
		return nil, err
	}
	lease, err := c.limiter.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	// Also for a miss: the first call removes what dead processes have left. Other
	// errors show when a result is restored.
	if _, err := c.folders.Open(cacheDirectory); fileerror.IsRefusal(err) {
		return nil, err
	}

	hit, err := c.retrieve(ctx, lease, hash, cacheDirectory, archive.NewOutputs(outputs))
	c.counters.retrieved(hash, hit, err)
	if errors.Is(err, ErrDamaged) {
		err = &entryError{hash, err} // other errors are not about this entry
	}
	return hit, err
}

// retrieve restores the result of the first place that has a usable one. The
// error is that of the first place that has a problem.
func (c *Cache) retrieve(ctx context.Context, lease *limiter.Lease, hash, cacheDirectory string, outputs archive.Outputs) (*Hit, error) {
	if !c.checker.Begin(hash) {
		return nil, ErrSampled
	}
	defer c.checker.End(hash)
	lookups := c.lookUp(ctx, hash)
	defer func() {
		for _, lookup := range lookups {
			lookup.abandon()
		}
	}()
	problem := ErrNotFound
	for i, lookup := range lookups {
		hit, err := c.use(ctx, lease, lookup, hash, cacheDirectory, outputs)
		if err == nil || errors.Is(err, ErrSampled) {
			return hit, err
		}
		if errors.Is(problem, ErrNotFound) {
			problem = err
		}
		if i < len(lookups)-1 {
			if err := lease.Next(ctx); err != nil {
				return nil, err
			}
		}
	}
	return nil, problem
}

// use restores the result that a lookup has found.
func (c *Cache) use(ctx context.Context, lease *limiter.Lease, lookup *lookup, hash, cacheDirectory string, outputs archive.Outputs) (*Hit, error) {
	blob, err := lookup.wait()
	if err != nil {
		return nil, err
	}
	defer blob.Body.Close() // read to its end or not needed: nothing is lost

	if blob.Size < 0 { // a proxy has removed Content-Length
		blob.Size = blob.Metadata.length()
	}
	if c.options.tooLarge(blob.Size) {
		return nil, ErrNotFound
	}
	if err := lease.Restore(ctx, blob.Size); err != nil {
		return nil, err
	}
	entry := Entry{c.options.Prefix, lookup.place.Scope, hash, blob.Size, blob.Metadata}
	hit, err := c.restore(ctx, entry, blob, cacheDirectory, outputs)
	switch {
	case errors.Is(err, ErrDamaged) && blob.doubt() != nil:
		return nil, blob.reject()
	case errors.Is(err, ErrDamaged):
		c.rememberReplaceable(entry, replaceable{etag: blob.ETag})
	case errors.Is(err, errFailure), err == nil && hit.Code != 0:
		c.rememberReplaceable(entry, replaceable{etag: blob.ETag, isFailure: true})
	}
	if errors.Is(err, errFailure) {
		return nil, ErrNotFound
	}
	return hit, err
}

// restore restores a result from its blob.
func (c *Cache) restore(ctx context.Context, entry Entry, blob *Blob, cacheDirectory string, outputs archive.Outputs) (*Hit, error) {
	signed, err := c.verify(entry)
	if err != nil {
		return nil, err
	}
	body, err := newVerifiedBody(blob, &c.counters.moved)
	if err != nil {
		return nil, err
	}
	limits := archive.LimitsOf(blob.Size)
	limits.Outputs = outputs
	if c.checker.IsSampled(entry.Hash) {
		return nil, c.sample(ctx, entry, signed, body, limits)
	}
	at, err := c.folders.NewPath(cacheDirectory)
	if err != nil {
		return nil, err
	}
	contents, err := c.codec.ExtractTo(body, at.Handle, at.Name, limits)
	if err = c.accepts(ctx, entry, signed, contents, err); err == nil {
		err = at.MoveToResult(ctx, entry.Hash)
	}
	output := scratch.Path{Folder: at.Folder, Name: archive.TerminalOutputOf(at.Name)}
	if err != nil {
		at.Discard(ctx)
		output.Discard(ctx)
		return nil, fileError(cacheDirectory, err)
	}
	c.counters.bytesRead.Add(blob.Size)
	hit := &Hit{
		Code:           contents.Code,
		OutputsPath:    filepath.Join(cacheDirectory, entry.Hash),
		Size:           contents.Size,
		TerminalOutput: TerminalOutput{Text: string(contents.TerminalOutput)},
		Scope:          entry.Scope, Bytes: blob.Size, Took: entry.Took(),
	}
	if contents.TerminalOutputFile != "" {
		hit.TerminalOutput.Path = output.Full()
	}
	return hit, nil
}

// accepts returns why a result that was read must not be used, or nil. err is the error of
// reading it.
func (c *Cache) accepts(ctx context.Context, entry Entry, signed *trust.Statement, contents archive.Contents, err error) error {
	switch {
	case errors.Is(err, archive.ErrLinks):
		zerolog.Ctx(ctx).Debug().Str("hash", entry.Hash).Err(err).Msg("not restored")
		err = ErrNotFound
	case errors.Is(err, archive.ErrRefused):
		err = damaged("%w", err)
	case err == nil && contents.Hash != entry.Hash:
		err = damagedAs(diagnostic.EntryNotSigned, "it holds the result of %.80q", contents.Hash)
	case err == nil && signed != nil && contents.Code != signed.Code:
		err = damagedAs(diagnostic.EntryNotSigned, "it was signed with the exit code %d, but has %d", signed.Code, contents.Code)
	case err == nil && contents.Code != 0 && !c.options.CacheFailures:
		err = errFailure
	}
	return err
}

// verify returns the signed statement of an entry, or nil if it needs no signature.
func (c *Cache) verify(entry Entry) (*trust.Statement, error) {
	if c.options.Verifier == nil || entry.Scope != trust.Trusted {
		return nil, nil
	}
	signed, err := entry.Verify(c.options.Verifier)
	if err != nil {
		return nil, damagedAs(diagnostic.EntryNotSigned, "%w", err)
	}
	return &signed, nil
}
