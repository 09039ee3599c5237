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

// newCanary returns the hash of the entries that are made. It has the characters
// of a hash, or it would be refused before the storage is asked. It is never that
// of a task: Nx's hashes are decimal digits, in older versions letters and digits,
// and have no hyphen; what a workspace makes with hashers of its own would have
// to guess 128 random bits.
func newCanary() string { return canaryPrefix + strings.ToLower(rand.Text()) }

const canaryPrefix = "canary-"

// canaryBody is no archive, and comes without the metadata of an entry: whoever
// reads it has a miss.
const canaryBody = "Made by nx-azure-cache doctor to see whether this can be written. It can be deleted."

// deleteLimit is how long the removal of a canary may take, which Ctrl-C does not
// end.
const deleteLimit = 30 * time.Second

// blobStore is what is tried: an [azure.Container].
type blobStore interface {
	cache.Blobs
	Delete(ctx context.Context, name, etag string) error
}

// verdict is what an attempt has shown.
type verdict int

const (
	untried verdict = iota
	granted
	refused
)

// attempt is what came of trying something.
type attempt struct {
	verdict verdict
	seen    string // for people
	lost    bool   // it may have been done: there was no answer that says otherwise
	err     error  // why nothing was shown
}

// classify reads the answer of the storage. Refusals that are not about rights, such
// as those of a key that has expired, show nothing.
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

// attempts are what was tried in one scope.
type attempts struct {
	create, overwrite, remove attempt
	left                      bool // the canary is there, or may be
}

// tryWrites tries to create, overwrite and delete the canary called name. It
// touches nothing else: what it overwrites it has made.
func tryWrites(ctx context.Context, blobs blobStore, name string) (a attempts) {
	a.create = tryCreate(ctx, blobs, name)
	switch a.create.verdict {
	case granted:
		a.overwrite = tryOverwrite(ctx, blobs, name)
	case refused:
		// There is nothing of our own to overwrite, nor need there be: Put Blob
		// creates for whoever has blobs/write or blobs/add/action (w or c of a SAS),
		// and overwrites for blobs/write (w) only. Who is refused the first has
		// neither.
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
		// Nobody else makes this name: the answer to a first try got lost.
		err = nil
	}
	return classify(err, "created")
}

func tryOverwrite(ctx context.Context, blobs blobStore, name string) attempt {
	const whatever = "*" // If-Match: what was made may be replaced, whatever it is by now
	err := blobs.Replace(ctx, name, whatever, canaryReader(), nil)
	if errors.Is(err, cache.ErrExists) { // it stays as it is
		return attempt{verdict: refused, seen: "refused: it may create but not overwrite"}
	}
	return classify(err, "overwritten")
}

// tryDelete removes the canary. Where there is none it shows the same: the storage
// looks at rights before it looks for the blob, and answers 404 to who may delete
// it, 403 to who may not.
func tryDelete(ctx context.Context, blobs blobStore, name string) attempt {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteLimit)
	defer cancel()
	err := blobs.Delete(ctx, name, "")
	if errors.Is(err, cache.ErrNotFound) {
		return attempt{verdict: granted, seen: "not refused: 404 for an entry that does not exist"}
	}
	return classify(err, "deleted")
}

// tryDeletes removes what has these names, and returns those of which it could not.
// Where one is not answered no more are tried: each would take its whole limit.
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

// tryRead asks for the canary before it is made.
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
