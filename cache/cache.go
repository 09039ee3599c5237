package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Cache stores and retrieves the results of tasks. It is safe for concurrent
// use. [Cache.Close] ends its use.
type Cache struct {
	options  Options
	folders  *scratch.Folders
	codec    *archive.Codec
	turns    *turns
	uploads  *uploads
	found    sync.Map // entries that may be replaced ([replaceable]), by name
	counters counters
}

// Options say what a cache does, and where.
type Options struct {
	Mode   Mode
	Prefix string // see [ValidPrefix]
	// Reads are the places in which results are looked for. Of two results of a
	// hash the one of the earlier place counts.
	Reads  []Place
	Writes Place // not used unless Mode is [ReadWrite]

	// CacheFailures allows entries of tasks that have failed.
	CacheFailures bool

	// MaxSize is that of the largest archive that is stored or restored; 0 is any.
	MaxSize Size

	// Directories says in which cache directories there is a cache.
	Directories scratch.Rule

	// Verifier, when set, decides which entries of the scope [trust.Trusted] are
	// used.
	Verifier *trust.Verifier
	// Signer, when set, signs what is stored.
	Signer     *trust.Signer
	Provenance trust.Provenance // of what is stored; the time is added
}

func (o *Options) tooLarge(archive int64) bool {
	return o.MaxSize > 0 && archive > int64(o.MaxSize)
}

// Place is where the entries of a scope are.
type Place struct {
	Blobs Blobs
	Scope trust.Scope
}

// New returns an open cache.
func New(options Options) *Cache {
	return &Cache{
		options: options,
		folders: scratch.New(options.Directories),
		codec:   archive.NewCodec(),
		turns:   newTurns(len(options.Reads)),
		uploads: newUploads(),
	}
}

// Session is the name of this process's folder in each cache directory, see
// [scratch.FolderPath].
func (c *Cache) Session() string { return c.folders.Session }

// Folders are the folders in which this process works. No other user may enter them.
// [Cache.Close] closes them.
func (c *Cache) Folders() []*os.Root { return c.folders.Roots() }

// Close gives the entries that were accepted until ctx ends to be stored, gives
// up the others, and removes what this process has left beside the results. No
// other method may be called meanwhile or later.
func (c *Cache) Close(ctx context.Context) {
	c.folders.EndRun()
	if c.Drain(ctx) != nil {
		c.uploads.giveUp()
	}
	c.uploads.running.Wait()
	c.folders.Remove()
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
// is [ErrNotFound] for a miss, an [*UnreadableError] for one that people should know
// of, wraps [ErrDamaged] for an entry that is not to be used, is a [*ConfigError] where
// the user must act, is a [*fileerror.Error] for
// one of the file system, such as of a cache directory that is not safe, else one of the storage.
//
// The outputs are those that the task declares, for an Nx that refuses results with
// links that leave theirs ([archive.Outputs]): such a result is a miss.
func (c *Cache) Retrieve(ctx context.Context, hash, cacheDirectory string, outputs ...string) (*Hit, error) {
	if c.options.Mode == NoCache {
		return nil, ErrNotFound
	}
	if err := taskhash.Check(hash); err != nil {
		return nil, err
	}
	turn, err := c.turns.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.end()
	// Also for a miss: what others have left is removed at the start of a run.
	// Other errors show when something is to be restored.
	if _, err := c.folders.Open(cacheDirectory); fileerror.IsRefusal(err) {
		return nil, err
	}

	hit, err := c.retrieve(ctx, turn, hash, cacheDirectory, archive.NewOutputs(outputs))
	c.counters.retrieved(hash, err)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("retrieve %s: %w", hash, err)
	}
	return hit, err
}

// retrieve restores the result of the first place that has one to be used. The
// error is that of the first place that has a problem.
func (c *Cache) retrieve(ctx context.Context, turn *turn, hash, cacheDirectory string, outputs archive.Outputs) (*Hit, error) {
	answers := c.ask(ctx, hash)
	defer func() {
		for _, answer := range answers {
			answer.drop()
		}
	}()
	problem := ErrNotFound
	for i, answer := range answers {
		hit, err := c.use(ctx, turn, answer, hash, cacheDirectory, outputs)
		if err == nil {
			return hit, nil
		}
		if errors.Is(problem, ErrNotFound) {
			problem = err
		}
		if i < len(answers)-1 {
			if err := turn.restart(ctx); err != nil {
				return nil, err
			}
		}
	}
	return nil, problem
}

// use restores the result that a place has answered with.
func (c *Cache) use(ctx context.Context, turn *turn, answer *answer, hash, cacheDirectory string, outputs archive.Outputs) (*Hit, error) {
	blob, err := answer.take()
	if err != nil {
		return nil, err
	}
	defer blob.Body.Close() // read to its end or given up: nothing is lost

	if blob.Size < 0 { // something on the way has taken it away
		blob.Size = blob.Metadata.length()
	}
	if c.options.tooLarge(blob.Size) {
		return nil, ErrNotFound
	}
	if err := turn.restore(ctx, blob.Size); err != nil {
		return nil, err
	}
	entry := Entry{c.options.Prefix, answer.place.Scope, hash, blob.Size, blob.Metadata}
	hit, err := c.restore(ctx, entry, blob, cacheDirectory, outputs)
	switch {
	case errors.Is(err, ErrDamaged) && blob.doubt() != nil:
		return nil, blob.reject()
	case errors.Is(err, ErrDamaged):
		c.mayReplace(entry, replaceable{etag: blob.ETag})
	case errors.Is(err, errFailure), err == nil && hit.Code != 0:
		c.mayReplace(entry, replaceable{etag: blob.ETag, isFailure: true})
	}
	if errors.Is(err, errFailure) {
		return nil, ErrNotFound
	}
	return hit, err
}

// restore restores a result from the blob that should hold it.
func (c *Cache) restore(ctx context.Context, entry Entry, blob *Blob, cacheDirectory string, outputs archive.Outputs) (*Hit, error) {
	signed, err := c.verify(entry)
	if err != nil {
		return nil, err
	}
	body, err := newVerifier(blob, &c.counters.moved)
	if err != nil {
		return nil, err
	}
	at, err := c.folders.NewPath(cacheDirectory)
	if err != nil {
		return nil, err
	}
	limits := archive.LimitsOf(blob.Size)
	limits.Outputs = outputs
	contents, err := c.codec.ExtractTo(body, at.Handle, at.Name, limits)
	switch {
	case errors.Is(err, archive.ErrLinks):
		zerolog.Ctx(ctx).Debug().Str("hash", entry.Hash).Err(err).Msg("not restored")
		err = ErrNotFound
	case errors.Is(err, archive.ErrRefused):
		err = damaged("%w", err)
	case err == nil && contents.Hash != entry.Hash:
		err = damaged("it holds the result of %.80q", contents.Hash)
	case err == nil && signed != nil && contents.Code != signed.Code:
		err = damaged("its signature is about the exit code %d, it has %d", signed.Code, contents.Code)
	case err == nil && contents.Code != 0 && !c.options.CacheFailures:
		err = errFailure
	case err == nil:
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
	}
	if contents.TerminalOutputFile != "" {
		hit.TerminalOutput.Path = output.Full()
	}
	return hit, nil
}

// verify returns what is signed of an entry, or nil where it need not be.
func (c *Cache) verify(entry Entry) (*trust.Statement, error) {
	if c.options.Verifier == nil || entry.Scope != trust.Trusted {
		return nil, nil
	}
	signed, err := entry.Verify(c.options.Verifier)
	if err != nil {
		return nil, damaged("%w", err)
	}
	return &signed, nil
}
