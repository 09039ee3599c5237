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
	length := blob.Metadata.length()
	if length < 0 || length != blob.Size {
		return nil, damaged("it has %d bytes, its metadata says %.80q", blob.Size, blob.Metadata[metaLength])
	}
	want := blob.Metadata[metaSHA256]
	if len(want) != hex.EncodedLen(sha256.Size) {
		return nil, damaged("its metadata has no SHA-256")
	}
	return &verifier{body: blob.Body, left: length, digest: sha256.New(), want: want, moved: moved}, nil
}

// length is the length of the body, or -1.
func (m Metadata) length() int64 {
	length, err := strconv.ParseInt(m[metaLength], 10, 64)
	if err != nil || length < 0 {
		return -1
	}
	return length
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

// rejecter is a body that wants to hear that it is not what was asked for.
type rejecter interface{ reject(error) }

// reject returns why a blob is not used that may be damaged or not. It counts as a failure
// of the storage: what changes one response may change all of them. What is wrong with
// the content says nothing about the entry, so it is left out.
func (b *Blob) reject() error {
	err := fmt.Errorf("%w; as it came it is not what was stored, and the stored entry stays as it is: let the proxy pass on the responses of the storage unchanged, or add its host to NO_PROXY", b.doubt())
	if body, ok := b.Body.(rejecter); ok {
		body.reject(err)
	}
	return err
}
