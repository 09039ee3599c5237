package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// ErrDamaged is wrapped by the errors of [Cache.Retrieve] that reject the stored entry
// itself: it is truncated, altered or hostile, was made by another version, or lacks a
// valid signature.
var ErrDamaged = errors.New("the stored entry cannot be used")

func damaged(format string, args ...any) error {
	return damagedAs(diagnostic.EntryDamaged, format, args...)
}

func damagedAs(code diagnostic.Code, format string, args ...any) error {
	return diagnostic.With(code, fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...))
}

// entryError says which entry is damaged.
type entryError struct {
	hash string
	err  error // wraps [ErrDamaged]
}

func (e *entryError) Error() string {
	why := strings.TrimPrefix(e.err.Error(), ErrDamaged.Error()+": ")
	return fmt.Sprintf("the stored entry %s cannot be used: %s", e.hash, why)
}

func (e *entryError) Unwrap() error { return e.err }

// bodyError is an error from reading the body of a blob. All other errors while a result
// is restored come from the file system.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

// verifiedBody is a body of known length and digest. At its end it returns [io.EOF] if
// both are right, otherwise an error that wraps [ErrDamaged].
type verifiedBody struct {
	body   io.Reader
	left   int64
	digest hash.Hash
	want   string
	moved  *atomic.Int64 // counts bytes
}

// newVerifiedBody checks the metadata, before the body is read.
func newVerifiedBody(blob *Blob, moved *atomic.Int64) (*verifiedBody, error) {
	if format := blob.Metadata[metaFormat]; format != strconv.Itoa(archive.Format) {
		return nil, damagedAs(diagnostic.EntryOfOtherVersion, "its metadata has the format %.80q, this version reads %d", format, archive.Format)
	}
	length := blob.Metadata.length()
	if length < 0 || length != blob.Size {
		return nil, damaged("it has %d bytes, its metadata says %.80q", blob.Size, blob.Metadata[metaLength])
	}
	want := blob.Metadata[metaSHA256]
	if len(want) != hex.EncodedLen(sha256.Size) {
		return nil, damaged("its metadata has no SHA-256")
	}
	return &verifiedBody{body: blob.Body, left: length, digest: sha256.New(), want: want, moved: moved}, nil
}

// length is the length of the body, or -1.
func (m Metadata) length() int64 {
	length, err := strconv.ParseInt(m[metaLength], 10, 64)
	if err != nil || length < 0 {
		return -1
	}
	return length
}

func (v *verifiedBody) Read(p []byte) (int, error) {
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

// rejecter is a body whose reader can report that its content is wrong.
type rejecter interface{ reject(error) }

// reject returns the error for a blob that something between here and the storage may
// have changed. It counts as a failure of the storage, because a proxy that changes one
// response may change all of them. The error says nothing about the content, which may
// not be that of the stored entry.
func (b *Blob) reject() error {
	err := fmt.Errorf("%w; the entry that arrived is not the one that was stored, which stays as it is: configure the proxy to pass on the storage's responses unchanged, or add the storage host to NO_PROXY", b.doubt())
	if body, ok := b.Body.(rejecter); ok {
		body.reject(err)
	}
	return err
}
