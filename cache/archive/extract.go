package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/tree"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
)

// Contents is what an archive holds besides the files.
type Contents struct {
	Task
	Size int64 // bytes of all regular files below outputs/

	// TerminalOutput is what the task printed, unless it is longer than
	// [InlineTerminalOutput]; then it is nil and TerminalOutputFile is the
	// path of a file beside the outputs.
	TerminalOutput     []byte
	TerminalOutputFile string
}

// Extract unpacks the archive r to dir/name, and reads r to its end. The directory dir must
// not contain any name that begins with name.
//
// An error that wraps [ErrRefused] means that the archive must not be used, one that wraps
// [diskspace.ErrTooLittle] that the file system has too little space. Other errors come
// from reading r or from the file system. After an error, dir may contain an incomplete
// tree, which is writable: the caller removes name and [TerminalOutputOf] it.
func (c *Codec) Extract(r io.Reader, dir, name string, limits Limits) (Contents, error) {
	open, err := os.Open(dir)
	if err != nil {
		return Contents{}, err
	}
	defer open.Close() // a handle of a directory: nothing is lost
	return c.ExtractTo(r, open, name, limits)
}

// ExtractTo is [Codec.Extract] to an open directory, whatever happens at its path
// meanwhile.
func (c *Codec) ExtractTo(r io.Reader, dir *os.File, name string, limits Limits) (Contents, error) {
	out, err := tree.New(dir, c.writers)
	if err != nil {
		return Contents{}, err
	}
	defer out.Close()

	u := newUnpacker(c, out, limits)
	u.dir, u.name = dir.Name(), name
	err = out.Finish(u.read(r))
	if err == nil {
		// Links come after the last byte of r, because r may detect only there that its
		// content is wrong.
		err = u.finish()
	}
	if _, ok := errors.AsType[*tree.TimeError](err); ok {
		err = refusedAs(diagnostic.EntryDamaged, "%w", err)
	}
	if diskspace.IsFull(err) {
		err = fmt.Errorf("%w: %w", diskspace.ErrTooLittle, err)
	}
	if err != nil {
		return Contents{}, err
	}
	return u.contents, nil
}

// TerminalOutputOf is the path to which [Codec.Extract] writes a long terminal output,
// given the path of the outputs.
func TerminalOutputOf(outputs string) string { return outputs + "." + terminalName }

// target is what an archive is unpacked to: a [tree.Tree], or a [Visitor].
type target interface {
	Create(name string, r io.Reader, size int64, attributes tree.Attributes) error
	Mkdir(name string) error
	Link(name, target string, modTime time.Time) error
	SetTime(name string, modTime time.Time) error
}

type unpacker struct {
	codec    *Codec
	dir      string
	name     string // of the directory that the archive calls outputs
	tree     target
	left     budget
	contents Contents

	seed     maphash.Seed
	seen     map[uint64]byte // digest of a name → tar type
	deferred []deferred      // links and directories, in the order of the archive
}

// deferred is an entry that is finished at the end. Links are created last, so that no
// write meets a link. Directory times are set last, because creating an entry in a
// directory changes its time.
type deferred struct {
	name    string
	target  string // of a link, else ""
	modTime time.Time
}

func newUnpacker(c *Codec, to target, limits Limits) *unpacker {
	if limits.Entries == 0 && limits.Bytes == 0 {
		limits.Entries, limits.Bytes = DefaultLimits.Entries, DefaultLimits.Bytes
	}
	return &unpacker{
		codec: c, tree: to, left: newBudget(limits),
		seed: maphash.MakeSeed(), seen: make(map[uint64]byte),
	}
}

func (u *unpacker) read(r io.Reader) error {
	source := &source{r: r}
	plain := u.codec.frames.NewReader(source)
	err := u.entries(&tarReader{r: plain})
	if err == nil {
		// The end of plain is also the end of source.
		var n int64
		if n, err = io.CopyN(io.Discard, plain, 1); n > 0 {
			err = refusedAs(diagnostic.EntryDamaged, "data after the end of the tar")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	plain.Close()
	if err != nil {
		return source.classify(err)
	}
	return nil
}

// source records the error of the reader below the decompressor, so that a broken
// connection does not count as a broken archive.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// classify returns the error of the underlying reader if it has one. Otherwise it returns
// err, as a rejection of the archive unless it comes from the file system.
func (s *source) classify(err error) error {
	if s.err != nil {
		return s.err
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok || errors.Is(err, ErrRefused) || errors.Is(err, diskspace.ErrTooLittle) || errors.Is(err, ErrLinks) {
		return err
	}
	if _, ok := errors.AsType[*os.LinkError](err); ok {
		return err
	}
	return refusedAs(diagnostic.EntryDamaged, "%v", err)
}

func (u *unpacker) entries(tr *tarReader) error {
	if err := u.metadata(tr); err != nil {
		return err
	}
	if err := u.terminal(tr); err != nil {
		return err
	}
	for {
		header, err := tr.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := u.entry(&header, tr); err != nil {
			return err
		}
	}
	if !u.isDirectory(outputsName) {
		return refused("it has no %s/", outputsName)
	}
	return nil
}

// expect reads the header of the next entry, which must be a file called name, and returns
// its size.
func expect(tr *tarReader, name string) (size int64, err error) {
	header, err := tr.next()
	if errors.Is(err, io.EOF) {
		return 0, refusedAs(diagnostic.EntryDamaged, "it ends before %s", name)
	}
	if err != nil {
		return 0, err
	}
	if header.name != name || header.kind != typeFile {
		return 0, refused("found %q instead of %s", header.name, name)
	}
	return header.size, nil
}

func (u *unpacker) metadata(tr *tarReader) error {
	size, err := expect(tr, metadataName)
	if err != nil {
		return err
	}
	if size > maxMetadata {
		return refused("%s has %d bytes, at most %d are allowed", metadataName, size, maxMetadata)
	}
	content, err := io.ReadAll(tr)
	if err != nil {
		return err
	}
	var m metadata
	if err := json.Unmarshal(content, &m); err != nil {
		return refused("%s: %v", metadataName, err)
	}
	if m.Format != Format {
		return refusedAs(diagnostic.EntryOfOtherVersion, "its format is %d, this version reads %d", m.Format, Format)
	}
	u.contents.Task = m.Task
	return nil
}

func (u *unpacker) terminal(tr *tarReader) error {
	size, err := expect(tr, terminalName)
	if err != nil {
		return err
	}
	if err := u.take(size); err != nil {
		return err
	}
	if size > InlineTerminalOutput {
		u.contents.TerminalOutputFile = TerminalOutputOf(filepath.Join(u.dir, u.name))
		return u.tree.Create(TerminalOutputOf(u.name), tr, size, tree.Attributes{Mode: 0o600, ModTime: time.Now()})
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(tr)
	u.contents.TerminalOutput = b.Bytes()
	return err
}

// take subtracts the bytes of a file from the remaining limits.
func (u *unpacker) take(size int64) error {
	if problem := u.left.content(size); problem != "" {
		return refused("%s", problem)
	}
	return nil
}

func (u *unpacker) entry(h *header, content io.Reader) error {
	name, err := u.addName(h)
	if err != nil {
		return err
	}
	switch h.kind {
	case typeFolder:
		u.deferred = append(u.deferred, deferred{name: name, modTime: h.modTime})
		return u.tree.Mkdir(u.pathOf(name))
	case typeFile:
		if err := u.take(h.size); err != nil {
			return err
		}
		u.contents.Size += h.size
		return u.tree.Create(u.pathOf(name), content, h.size, tree.Attributes{Mode: h.mode, ModTime: h.modTime})
	default:
		target := strings.ReplaceAll(h.target, `\`, "/")
		below := strings.TrimPrefix(name, outputsName+"/")
		if problem := checkLink(below, target); problem != "" {
			return refused("link %q -> %q %s", name, target, problem)
		}
		if problem := u.left.limits.Outputs.checkLink(below, target); problem != "" {
			return fmt.Errorf("%w: %q -> %q %s", ErrLinks, below, target, problem)
		}
		u.deferred = append(u.deferred, deferred{name: name, target: target, modTime: h.modTime})
		return nil
	}
}

// addName checks, records and returns the cleaned name of an entry.
func (u *unpacker) addName(h *header) (string, error) {
	if problem := u.left.entry(len(h.name) + len(h.target)); problem != "" {
		return "", refused("%s", problem)
	}
	name := strings.ReplaceAll(h.name, `\`, "/")
	if h.kind == typeFolder {
		name = strings.TrimSuffix(name, "/")
	}
	if fs.ValidPath(name) && !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", refusedAs(diagnostic.NameNotSupported, "this platform cannot hold the name %q", h.name)
	}
	if !fs.ValidPath(name) {
		return "", refused("%q is not a name inside the outputs", h.name)
	}
	if name != outputsName && !strings.HasPrefix(name, outputsName+"/") {
		return "", refused("%q is not below %s/", h.name, outputsName)
	}
	digest := maphash.String(u.seed, name)
	if _, ok := u.seen[digest]; ok {
		return "", refused("%q comes twice", name)
	}
	if name == outputsName {
		if h.kind != typeFolder {
			return "", refused("%s is not a directory", outputsName)
		}
	} else if !u.isDirectory(path.Dir(name)) {
		return "", refused("the directory of %q does not come before it", name)
	}
	u.seen[digest] = h.kind
	return name, nil
}

// isDirectory reports whether a directory called name was read.
func (u *unpacker) isDirectory(name string) bool {
	return u.seen[maphash.String(u.seed, name)] == typeFolder
}

// finish creates the links and sets the times of directories, innermost first.
func (u *unpacker) finish() error {
	for _, l := range u.deferred {
		if l.target == "" {
			continue
		}
		if err := u.tree.Link(u.pathOf(l.name), l.target, l.modTime); err != nil {
			return err
		}
	}
	for _, l := range slices.Backward(u.deferred) {
		if l.target != "" || l.name == outputsName {
			continue
		}
		if err := u.tree.SetTime(u.pathOf(l.name), l.modTime); err != nil {
			return err
		}
	}
	return nil
}

// pathOf is the path of an entry below the directory.
func (u *unpacker) pathOf(name string) string { return u.name + strings.TrimPrefix(name, outputsName) }
