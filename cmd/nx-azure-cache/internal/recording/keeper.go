// Package recording keeps the record of a run (package runs): it adds where the run comes
// from, writes the record to the cache directory, and stores it in the scope of the run. It
// must not know the protocol, nor how a record is made.
package recording

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/gitfiles"
)

const (
	// gitTimeout is how long git may take to name the commit.
	gitTimeout = 2 * time.Second
	// putTimeout is how long storing the record may take. The end of a job waits for it, and
	// no build needs it.
	putTimeout = 5 * time.Second
)

// Keeper keeps the record of a run.
type Keeper struct {
	// Blobs is the storage of the scope that the run writes; nil: the record is not stored.
	Blobs      cache.Blobs
	Prefix     string
	Scope      trust.Scope
	Signer     *trust.Signer    // nil: the record is not signed
	Provenance trust.Provenance // of the run
	Workspace  string           // path
	// IsAwaited is set if the client waits for the record. Its wait since the end of the run
	// is a part of what it waited for.
	IsAwaited bool
	// Summarize, if set, is called with what others may read of the record, once it is kept
	// and before the client stops waiting. The error is a line for people.
	Summarize func(ctx context.Context, record *runs.Record) error
}

// IsStored reports whether Keep stores records.
func (k *Keeper) IsStored() bool { return k.Blobs != nil }

// Keep completes a record and keeps it: in the cache directory, where the last record stays,
// and in the storage. Each step is tried, even if an earlier one fails. The error is one line
// for people.
func (k *Keeper) Keep(ctx context.Context, folder *scratch.Folder, record *runs.Record) error {
	record.Scope, record.Tool = k.Scope, k.Provenance.Tool
	record.Source = k.source(ctx)
	if k.IsAwaited && ctx.Err() == nil { // no one waits after a signal
		record.Totals.Waited += max(0, time.Since(record.Ended).Milliseconds())
	}
	local := publish(folder, record) // first, because it takes no time
	shared := record.Shared()
	err := cmp.Or(k.store(ctx, shared), local)
	if err != nil {
		err = fmt.Errorf("the record of this run is not stored: %w", err)
	}
	if k.Summarize != nil {
		err = errors.Join(err, k.Summarize(ctx, shared))
	}
	return err
}

// publish keeps the record on this machine, which knows the private tasks anyway.
func publish(folder *scratch.Folder, record *runs.Record) error {
	body, err := runs.Encode(record)
	if err == nil {
		err = folder.Publish(runs.LocalName, body)
	}
	if err != nil {
		err = fmt.Errorf("it cannot be written to the cache directory: %w", err)
	}
	return err
}

// store stores the record with one request, within putTimeout. A record that is there
// already has been stored by an attempt whose response was lost.
func (k *Keeper) store(ctx context.Context, record *runs.Record) error {
	if !k.IsStored() {
		return nil
	}
	body, err := runs.Encode(record)
	if err != nil {
		return err
	}
	name := runs.Name(k.Prefix, k.Scope, record.Ended, record.Session)
	metadata, err := runs.Metadata(name, body, k.Signer)
	if err != nil {
		return err
	}
	run := ctx
	ctx, cancel := context.WithTimeout(run, putTimeout)
	defer cancel()
	err = k.Blobs.Put(ctx, name, bytes.NewReader(body), metadata)
	switch {
	case errors.Is(err, cache.ErrExists):
		return nil
	case errors.Is(err, context.DeadlineExceeded) && run.Err() != nil:
		return errors.New("the time limit azure.timeouts.drain has passed; raise it in nx.json to wait longer")
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return fmt.Errorf("the storage took longer than %v; if that happens again, run npx nx-azure-cache doctor", putTimeout)
	}
	return err
}

// source says where the run comes from. The CI's variables say it; on other machines, git
// names the commit.
func (k *Keeper) source(ctx context.Context) runs.Source {
	source := runs.Source{Repository: k.Provenance.Repository, Ref: k.Provenance.Ref, Commit: k.Provenance.Commit, Run: k.Provenance.Run}
	if source.Commit == "" && k.Scope == trust.Local {
		ctx, cancel := context.WithTimeout(ctx, gitTimeout)
		defer cancel()
		source.Commit = gitfiles.Head(ctx, k.Workspace)
	}
	return source
}
