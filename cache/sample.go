package cache

import (
	"context"
	"fmt"
	"io"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/manifest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/limiter"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cache/verification"
)

// ErrSampled is the error of a hit that is treated as a miss. It wraps [ErrNotFound]. When
// the run stores the result that it has made instead, that one is compared with the entry
// ([OutcomeDiffers]), which stays as it is.
var ErrSampled = fmt.Errorf("treated as a miss, to verify it (%w)", ErrNotFound)

// Verifies reports whether the run may treat hits as misses. Other scopes than [trust.Trusted]
// have only entries of runs that are not trusted, too.
func (o *Options) Verifies() bool {
	return o.Verify > 0 && o.Mode == ReadWrite && o.Writes.Scope == trust.Trusted
}

// sample reads and checks an entry as restore does, but keeps only what it holds. The error
// is [ErrSampled], or that of restore.
func (c *Cache) sample(ctx context.Context, entry Entry, signed *trust.Statement, body io.Reader, limits archive.Limits) error {
	held, contents, err := manifest.Read(c.codec, body, limits)
	if err := c.accepts(ctx, entry, signed, contents, err); err != nil {
		return err
	}
	if contents.Code != 0 {
		return errFailure // a success replaces it anyway
	}
	claim, _, _ := entry.Claim() // without one, the line says that the run is unknown
	c.checker.Keep(entry.Hash, verification.Stored{Manifest: held, Provenance: claim.Provenance})
	c.counters.bytesRead.Add(entry.Size)
	return ErrSampled
}

// compare compares a packed result with its entry if a hit was sampled. The error is
// [ErrExists] if they are equal, and a [*verification.Difference] if not. In neither case
// is there anything to send.
func (c *Cache) compare(ctx context.Context, r *acceptedResult, packed *spool) error {
	stored := c.checker.Take(r.Hash)
	if stored == nil {
		return nil
	}
	// One at a time, and not while a result is packed, because both need memory.
	if err := limiter.Acquire(ctx, c.uploads.packs); err != nil {
		return err
	}
	defer limiter.Release(c.uploads.packs)
	body := packed.body()
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	made, _, err := manifest.Read(c.codec, body, archive.LimitsOf(packed.length))
	if err != nil {
		return err
	}
	if d := c.checker.Compare(stored, verification.Made{Hash: r.Hash, Task: r.name, Code: r.Code, Manifest: made}); d != nil {
		return d
	}
	return ErrExists
}

// Failed compares a task that failed, and whose result no one stores, with its entry if a hit
// was sampled. It returns nil otherwise, and the second time.
func (c *Cache) Failed(hash, task string) *verification.Difference {
	return c.checker.Failed(hash, task)
}
