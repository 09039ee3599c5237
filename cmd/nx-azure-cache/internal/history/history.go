// Package history reads the records of runs: the last one on this machine, and those in the
// storage. It knows where records are and which ones count. It must not know what is
// concluded from them.
package history

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

const (
	// MaxRecords is how many records of a scope are read at most.
	MaxRecords = 100_000
	// MaxBytes is how many bytes of records one walk reads at most. A large run takes
	// 200 KB.
	MaxBytes = 1 << 30
	// maxConcurrent is how many records are fetched at a time. Each takes up to
	// [runs.MaxBody] in memory until it is yielded.
	maxConcurrent = 8
	// maxSkew is how far in the future a record may have ended: clocks differ.
	maxSkew = 24 * time.Hour
)

// Container is where records are. Reading needs permission to list.
type Container interface {
	Folders(ctx context.Context, prefix string) iter.Seq2[string, error]
	List(ctx context.Context, prefix string) iter.Seq2[azure.Properties, error]
	Get(ctx context.Context, name string) (*cache.Blob, error)
}

// Run is a run that has written a record.
type Run struct {
	Name   string // of the blob
	Scope  trust.Scope
	Ended  time.Time
	Record *runs.Record
	// Signed reports whether an accepted key has signed the record. Otherwise, anyone who
	// may write the scope may have written it.
	Signed bool
}

// Reader reads the records of scopes.
type Reader struct {
	Prefix string // of the configuration
	// ContainerOf returns the container that has the records of a scope.
	ContainerOf func(trust.Scope) Container
	// Verifier, if set, decides which records of [trust.Trusted] count.
	Verifier *trust.Verifier

	skipped Skipped
}

// Skipped says which records a walk has left out.
type Skipped struct {
	Unreadable int // damaged, hostile, or of another version
	Unverified int // of the trusted scope, without a valid signature
	// TooMany are older records than those whose bytes are as many as one walk may read.
	TooMany int
	// IsLimited reports whether a scope may have older records than those of [Query.Limit].
	IsLimited bool
	// First is why the first one was left out. It names the record.
	First error
}

// Open returns a reader of the records of a workspace. It sends nothing.
func Open(settings config.Settings, scopes []trust.Scope) (*Reader, error) {
	containers, err := settings.OpenContainers(permissions.ReadRecords, scopes)
	if err != nil {
		return nil, err
	}
	return &Reader{
		Prefix:      settings.Prefix,
		ContainerOf: func(scope trust.Scope) Container { return containers[settings.ContainerOf(scope)] },
		Verifier:    settings.Trust.Verifier,
	}, nil
}

// Query selects records by their names, so that it costs no request for the others.
type Query struct {
	Since   time.Time // the earliest end of a run
	Until   time.Time // the latest end; zero means any
	Session string    // the only session; "" means all
	Except  string    // a session that does not count
	Limit   int       // of each scope, the newest; 0 means [MaxRecords]
}

func (q Query) matches(ended time.Time, session string) bool {
	return !ended.Before(q.Since.Truncate(time.Second)) && !ended.After(q.Until) &&
		(q.Session == "" || q.Session == session) && (q.Except == "" || q.Except != session)
}

// Skipped is what the last walk has left out.
func (r *Reader) Skipped() Skipped { return r.skipped }

// Runs yields the runs of scopes that a query selects, newest first. It leaves out records
// that cannot be used (see [Reader.Skipped]). If the storage fails, or does not permit
// listing, the error is the last item.
//
// Runs sends a request for each scope, one for each day and one for each record. It keeps
// only the names of the records in memory, and a few records.
func (r *Reader) Runs(ctx context.Context, scopes []trust.Scope, query Query) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		r.skipped = Skipped{}
		q := query
		if q.Limit <= 0 || q.Limit > MaxRecords {
			q.Limit = MaxRecords
		}
		if latest := time.Now().Add(maxSkew); q.Until.IsZero() || q.Until.After(latest) {
			q.Until = latest
		}
		found, err := r.find(ctx, scopes, q)
		if err != nil {
			yield(nil, err)
			return
		}
		r.fetch(ctx, found, yield)
	}
}

// located is a record that has not been read.
type located struct {
	container Container
	name      string
	scope     trust.Scope
	ended     time.Time
	size      int64
}

// find lists the newest records of scopes, newest first.
func (r *Reader) find(ctx context.Context, scopes []trust.Scope, query Query) ([]located, error) {
	var all []located
	seen := make(map[trust.Scope]bool)
	for _, scope := range scopes {
		if seen[scope] {
			continue
		}
		seen[scope] = true
		found, err := r.findIn(ctx, scope, query)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b located) int { return b.ended.Compare(a.ended) })
	bytes := int64(0)
	for i, record := range all {
		if bytes += record.size; bytes > MaxBytes {
			r.skipped.TooMany += len(all) - i
			return all[:i], nil
		}
	}
	return all, nil
}

func (r *Reader) findIn(ctx context.Context, scope trust.Scope, query Query) ([]located, error) {
	container := r.ContainerOf(scope)
	days, err := r.days(ctx, container, scope, query)
	if err != nil {
		return nil, err
	}
	var all []located
	for _, day := range slices.Backward(days) {
		newest := newest{most: query.Limit - len(all)}
		if newest.most == 0 {
			r.skipped.IsLimited = true
			break
		}
		for blob, err := range container.List(ctx, runs.DayPrefix(r.Prefix, scope, day)) {
			if err != nil {
				return nil, err
			}
			of, ended, session, ok := runs.ParseName(r.Prefix, blob.Name)
			switch {
			case !ok || of != scope || !query.matches(ended, session):
			case blob.Size > runs.MaxBody:
				r.skip(&r.skipped.Unreadable, blob.Name, errTooLarge)
			default:
				newest.add(located{container, blob.Name, scope, ended, blob.Size})
			}
		}
		all = append(all, newest.records()...)
		r.skipped.IsLimited = r.skipped.IsLimited || newest.seen > newest.most
	}
	return all, nil
}

// days returns the days on which runs of a scope wrote records, in ascending order.
func (r *Reader) days(ctx context.Context, container Container, scope trust.Scope, query Query) ([]time.Time, error) {
	var days []time.Time
	for folder, err := range container.Folders(ctx, runs.ScopePrefix(r.Prefix, scope)) {
		if err != nil {
			return nil, err
		}
		day, ok := runs.ParseDay(r.Prefix, scope, folder)
		if ok && day.Add(24*time.Hour).After(query.Since) && !day.After(query.Until) {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	return days, nil
}

// newest keeps the last records of a list that is sorted by time.
type newest struct {
	most int
	seen int
	kept []located
}

func (n *newest) add(record located) {
	n.seen++
	if len(n.kept) == 2*n.most {
		n.kept = append(n.kept[:0], n.kept[n.most:]...)
	}
	n.kept = append(n.kept, record)
}

func (n *newest) records() []located { return n.kept[max(0, len(n.kept)-n.most):] }
