// Package manifest compares the outputs in two archives: their names, kinds, contents, link
// targets and the owner's permissions of files. It ignores times, the order of entries, how
// they are compressed, what the task printed, and the modes that a reader does not restore
// as they were stored (those of directories, of the group and of others).
//
// It must not know where archives come from, nor what a difference means.
package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"io/fs"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// A manifest lists at most maxListed entries, whose names and link targets have at most
// maxNames bytes. Of more entries it keeps only a digest.
const (
	maxListed = 10_000
	maxNames  = 1 << 20
)

// Manifest describes the outputs in an archive.
type Manifest struct {
	digest  [sha256.Size]byte // of all entries
	entries []entry           // sorted by name; nil if there are too many
}

// entry is a file, a directory or a link below outputs/.
type entry struct {
	name   string
	kind   kind
	mode   fs.FileMode       // the owner's permissions of a file
	target string            // of a link
	sha256 [sha256.Size]byte // of the content
}

type kind byte

const (
	file      kind = 'f'
	directory kind = 'd'
	link      kind = 'l'
)

// Read reads an archive to its end, as [archive.Codec.Extract] does, and rejects the same
// ones.
func Read(codec *archive.Codec, r io.Reader, limits archive.Limits) (*Manifest, archive.Contents, error) {
	b := newBuilder()
	contents, err := codec.Visit(r, limits, b)
	if err != nil {
		return nil, archive.Contents{}, err
	}
	return b.manifest(), contents, nil
}

// Equal reports whether two archives have equal outputs.
func (m *Manifest) Equal(other *Manifest) bool { return m.digest == other.digest }

// Listed is how many entries the manifest lists.
func (m *Manifest) Listed() int { return len(m.entries) }

// WithoutList is the manifest, with only the digest.
func (m *Manifest) WithoutList() *Manifest { return &Manifest{digest: m.digest} }

// builder makes a manifest.
type builder struct {
	entries []entry
	names   int             // bytes of names and targets in entries
	isLong  bool            // entries is no longer filled
	sums    [][sumSize]byte // of all entries
	content hash.Hash
	buffer  []byte
}

func newBuilder() *builder {
	return &builder{entries: []entry{}, content: sha256.New(), buffer: make([]byte, 64<<10)}
}

// sumSize is the number of bytes of an entry's digest that are kept. An archive may have
// half a million entries.
const sumSize = 16

// File implements [archive.Visitor].
func (b *builder) File(name string, mode fs.FileMode, content io.Reader) error {
	e := entry{name: name, kind: file, mode: mode & 0o700}
	b.content.Reset()
	if _, err := io.CopyBuffer(b.content, content, b.buffer); err != nil {
		return err
	}
	b.content.Sum(e.sha256[:0])
	b.add(e)
	return nil
}

// Directory implements [archive.Visitor].
func (b *builder) Directory(name string) { b.add(entry{name: name, kind: directory}) }

// Link implements [archive.Visitor].
func (b *builder) Link(name, target string) { b.add(entry{name: name, kind: link, target: target}) }

func (b *builder) add(e entry) {
	b.sums = append(b.sums, e.sum())
	b.names += len(e.name) + len(e.target)
	if b.isLong = b.isLong || len(b.entries) == maxListed || b.names > maxNames; b.isLong {
		b.entries = nil
		return
	}
	b.entries = append(b.entries, e)
}

// sum is the digest of an entry. Lengths separate its fields.
func (e *entry) sum() (sum [sumSize]byte) {
	encoded := []byte{byte(e.kind)}
	for _, n := range []int{int(e.mode), len(e.name), len(e.target)} {
		encoded = binary.BigEndian.AppendUint64(encoded, uint64(n))
	}
	encoded = append(append(append(encoded, e.name...), e.target...), e.sha256[:]...)
	whole := sha256.Sum256(encoded)
	return [sumSize]byte(whole[:])
}

func (b *builder) manifest() *Manifest {
	slices.SortFunc(b.sums, func(x, y [sumSize]byte) int { return slices.Compare(x[:], y[:]) })
	all := sha256.New()
	for i := range b.sums {
		all.Write(b.sums[i][:]) // never fails
	}
	m := &Manifest{entries: b.entries}
	all.Sum(m.digest[:0])
	slices.SortFunc(m.entries, func(x, y entry) int { return cmp.Compare(x.name, y.name) })
	return m
}
