package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// ErrDamaged is wrapped by the errors of [Cache.Retrieve] that say that the
// stored entry itself is not to be used: truncated, altered, hostile, or made
// by another version, or not signed as it must be.
var ErrDamaged = errors.New("the stored entry cannot be used")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}

// bodyError is an error of the body of a blob: of the storage, or of what it sent.
// What else goes wrong while a result is restored is an error of files.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

// verifier passes on a body of known length and digest. Where the body ends it
// returns [io.EOF] only if both are right, else an error that wraps [ErrDamaged].
type verifier struct {
	body   io.Reader
	left   int64
	digest hash.Hash
	want   string
	moved  *atomic.Int64 // counts bytes
}

// newVerifier checks what can be known before the body is read.
func newVerifier(blob *Blob, moved *atomic.Int64) (*verifier, error) {
	if format := blob.Metadata[metaFormat]; format != strconv.Itoa(archive.Format) {
		return nil, damaged("its metadata has the format %.80q, this version reads %d", format, archive.Format)
	}
	length, err := strconv.ParseInt(blob.Metadata[metaLength], 10, 64)
	if err != nil || length != blob.Size {
		return nil, damaged("it has %d bytes, its metadata says %.80q", blob.Size, blob.Metadata[metaLength])
	}
	want := blob.Metadata[metaSHA256]
	if len(want) != hex.EncodedLen(sha256.Size) {
		return nil, damaged("its metadata has no SHA-256")
	}
	return &verifier{body: blob.Body, left: length, digest: sha256.New(), want: want, moved: moved}, nil
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.body.Read(p)
	v.left -= int64(n)
	v.moved.Add(int64(n))
	v.digest.Write(p[:n]) // never fails
	if err != nil && err != io.EOF {
		return n, &bodyError{err}
	}
	if err == nil {
		return n, nil
	}
	if v.left != 0 {
		return n, damaged("%d bytes are missing at its end", v.left)
	}
	if got := hex.EncodeToString(v.digest.Sum(nil)); got != v.want {
		return n, damaged("its SHA-256 is %s, its metadata says %q", got, v.want)
	}
	return n, io.EOF
}
