package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/explain"
)

// newCanary returns the hash of the entries that doctor makes. It has only characters of a
// hash; otherwise it would be rejected before any request. It is never the hash of a task:
// Nx's hashes are decimal digits, in older versions letters and digits, without a hyphen.
// A custom hasher would have to guess 128 random bits.
func newCanary() string { return canaryPrefix + strings.ToLower(rand.Text()) }

const canaryPrefix = "canary-"

// canaryBody is not an archive and has no metadata of an entry, so a run that reads it has
// a miss.
const canaryBody = "Made by nx-azure-cache doctor to see whether this can be written. It can be deleted."

// deleteLimit is how long removing a canary may take. Ctrl-C does not interrupt it.
const deleteLimit = 30 * time.Second

// blobStore is what attempts need of an [azure.Container].
type blobStore interface {
	cache.Blobs
	Delete(ctx context.Context, name, etag string) error
}

// verdict is what an attempt showed.
type verdict int

const (
	untried verdict = iota
	granted
	refused
)

// attempt is the result of trying an operation.
type attempt struct {
	verdict verdict
	seen    string // for people to read
	lost    bool   // it may have been done: no response says otherwise
	err     error  // why the verdict is unknown
}

// classify reads the response of the storage. Refusals for reasons other than permissions,
// such as an expired key, show nothing.
func classify(err error, done string) attempt {
	if err == nil {
		return attempt{verdict: granted, seen: done}
	}
	if denied, ok := errors.AsType[*explain.NotPermittedError](err); ok {
		return attempt{verdict: refused, seen: "refused: " + denied.Status}
	}
	_, answered := errors.AsType[*cache.ConfigError](err)
	return attempt{seen: err.Error(), lost: !answered, err: err}
}

// attempts are the results in one scope.
type attempts struct {
	create, overwrite, remove attempt
	left                      bool // the canary exists, or may exist
}

// tryWrites tries to create, overwrite and delete the canary called name. It touches
// nothing else, and overwrites only what it made.
func tryWrites(ctx context.Context, blobs blobStore, name string) (a attempts) {
	a.create = tryCreate(ctx, blobs, name)
	switch a.create.verdict {
	case granted:
		a.overwrite = tryOverwrite(ctx, blobs, name)
	case refused:
		// There is no entry of ours to overwrite, and no need to try: Put Blob creates with
		// blobs/write or blobs/add/action (w or c of a SAS), and overwrites only with
		// blobs/write (w). An identity that may not create has neither.
		a.overwrite = attempt{verdict: refused, seen: "refused, as creating is: anyone who may overwrite may also create"}
	default:
		a.overwrite = attempt{seen: "not tried: it is unknown whether it could be created"}
	}
	a.remove = tryDelete(ctx, blobs, name)
	a.left = (a.create.verdict == granted || a.create.lost) && a.remove.verdict != granted
	return a
}

func tryCreate(ctx context.Context, blobs blobStore, name string) attempt {
	err := blobs.Put(ctx, name, canaryReader(), nil)
	if errors.Is(err, cache.ErrExists) {
		// No one else uses this name, so the response to a first try was lost.
		err = nil
	}
	return classify(err, "created")
}

func tryOverwrite(ctx context.Context, blobs blobStore, name string) attempt {
	const anyVersion = "*" // If-Match: replace the canary, whatever its ETag is
	err := blobs.Replace(ctx, name, anyVersion, canaryReader(), nil)
	if errors.Is(err, cache.ErrExists) { // it was not overwritten
		return attempt{verdict: refused, seen: "refused: it may create but not overwrite"}
	}
	return classify(err, "overwritten")
}

// tryDelete removes the canary. It shows the same if there is none: the storage checks
// permissions before it looks for the blob. It returns 404 to those who may delete it, and
// 403 to others.
func tryDelete(ctx context.Context, blobs blobStore, name string) attempt {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteLimit)
	defer cancel()
	err := blobs.Delete(ctx, name, "")
	if errors.Is(err, cache.ErrNotFound) {
		return attempt{verdict: granted, seen: "not refused: 404 for an entry that does not exist"}
	}
	return classify(err, "deleted")
}

// tryDeletes removes the blobs with these names and returns the names that it could not
// remove. After the first request without a response it tries no more: each would take its
// whole limit.
func tryDeletes(ctx context.Context, blobs blobStore, names []string) (left []string) {
	for i, name := range names {
		switch tryDelete(ctx, blobs, name).verdict {
		case granted:
		case untried:
			return append(left, names[i:]...)
		default:
			left = append(left, name)
		}
	}
	return left
}

// tryRead requests the canary before it is made.
func tryRead(ctx context.Context, blobs blobStore, name string) attempt {
	blob, err := blobs.Get(ctx, name)
	if err == nil {
		err = blob.Body.Close()
	}
	if errors.Is(err, cache.ErrNotFound) {
		err = nil
	}
	return classify(err, "may be read")
}

func canaryReader() io.ReadSeeker { return strings.NewReader(canaryBody) }
