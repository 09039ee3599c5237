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
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
)

// Contents is what [Codec.Extract] found besides the files.
type Contents struct {
	Task
	Size int64 // bytes of all regular files below outputs/

	// TerminalOutput is what the task printed, unless it is longer than
	// [InlineTerminalOutput]; then it is nil and TerminalOutputFile is the
	// path of a file beside the outputs.
	TerminalOutput     []byte
	TerminalOutputFile string
}

// Extract unpacks the archive r to dir/name, in the directory dir, in which there
// is no name yet nor anything that begins with it, and reads r to its end.
//
// An error that wraps [ErrRefused] says that the archive is not to be used;
// one that wraps [diskspace.ErrTooLittle] that there is no room for it; others come from
// reading r or from the file system. After an error dir holds
// parts, all of them writable: the caller removes name and [TerminalOutputOf] it.
func (c *Codec) Extract(r io.Reader, dir, name string, limits Limits) (Contents, error) {
	open, err := os.Open(dir)
	if err != nil {
		return Contents{}, err
	}
	defer open.Close() // a handle of a directory: nothing is lost
	return c.ExtractTo(r, open, name, limits)
}

// ExtractTo is [Codec.Extract] to a directory that is open: it does not matter
// what is at its path meanwhile.
func (c *Codec) ExtractTo(r io.Reader, dir *os.File, name string, limits Limits) (Contents, error) {
	if limits.Entries == 0 && limits.Bytes == 0 {
		limits.Entries, limits.Bytes = DefaultLimits.Entries, DefaultLimits.Bytes
	}
	out, err := tree.New(dir, c.writers)
	if err != nil {
		return Contents{}, err
	}
	defer out.Close()

	u := &unpacker{
		codec: c, dir: dir.Name(), name: name, tree: out, left: newBudget(limits),
		seed: maphash.MakeSeed(), seen: make(map[uint64]byte),
	}
	err = out.Finish(u.read(r))
	if err == nil {
		// Links come after the last byte of r was read: r may find only there that it
		// was not what it should be.
		err = u.finish()
	}
	if _, ok := errors.AsType[*tree.TimeError](err); ok {
		err = refused("%w", err)
	}
	if diskspace.IsFull(err) {
		err = fmt.Errorf("%w: %w", diskspace.ErrTooLittle, err)
	}
	if err != nil {
		return Contents{}, err
	}
	return u.contents, nil
}

// TerminalOutputOf is where [Codec.Extract] leaves a long terminal output, for the
// path that the outputs are at.
func TerminalOutputOf(outputs string) string { return outputs + "." + terminalName }

type unpacker struct {
	codec    *Codec
	dir      string
	name     string // of what the archive calls outputs
	tree     *tree.Tree
	left     budget
	contents Contents

	seed maphash.Seed
	seen map[uint64]byte // digest of a name → tar type
	late []late          // links and directories, in the order of the archive
}

// late is what is done at the end: no write may meet a link, and a directory's time
// would be changed by creating what is in it.
type late struct {
	name    string
	target  string // of a link, else ""
	modTime time.Time
}

func (u *unpacker) read(r io.Reader) error {
	source := &source{r: r}
	plain := u.codec.frames.NewReader(source)
	err := u.entries(&tarReader{r: plain})
	if err == nil {
		// Its end is that of source, too.
		var n int64
		if n, err = io.CopyN(io.Discard, plain, 1); n > 0 {
			err = refused("data after the end of the tar")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	plain.Close()
	if err != nil {
		return source.blame(err)
	}
	return nil
}

// source remembers the error of the reader under the decompressor, so that a
// broken connection is not mistaken for a broken archive.
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

// blame returns the error of the underlying reader if there is one, else err
// as the archive's own doing unless the file system is at fault.
func (s *source) blame(err error) error {
	if s.err != nil {
		return s.err
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok || errors.Is(err, ErrRefused) || errors.Is(err, diskspace.ErrTooLittle) || errors.Is(err, ErrLinks) {
		return err
	}
	if _, ok := errors.AsType[*os.LinkError](err); ok {
		return err
	}
	return refused("%v", err)
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

// expect reads the header of the next entry, which must be a file called name, and
// returns its size.
func expect(tr *tarReader, name string) (size int64, err error) {
	header, err := tr.next()
	if errors.Is(err, io.EOF) {
		return 0, refused("it ends before %s", name)
	}
	if err != nil {
		return 0, err
	}
	if header.name != name || header.kind != typeFile {
		return 0, refused("found %q where %s must be", header.name, name)
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
		return refused("its format is %d, this version reads %d", m.Format, Format)
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

// take takes the bytes of a file from what is left of the limits.
func (u *unpacker) take(size int64) error {
	if problem := u.left.content(size); problem != "" {
		return refused("%s", problem)
	}
	return nil
}

func (u *unpacker) entry(h *header, content io.Reader) error {
	name, err := u.place(h)
	if err != nil {
		return err
	}
	switch h.kind {
	case typeFolder:
		u.late = append(u.late, late{name: name, modTime: h.modTime})
		return u.tree.Mkdir(u.at(name))
	case typeFile:
		if err := u.take(h.size); err != nil {
			return err
		}
		u.contents.Size += h.size
		return u.tree.Create(u.at(name), content, h.size, tree.Attributes{Mode: h.mode, ModTime: h.modTime})
	default:
		target := strings.ReplaceAll(h.target, `\`, "/")
		below := strings.TrimPrefix(name, outputsName+"/")
		if problem := checkLink(below, target); problem != "" {
			return refused("link %q -> %q %s", name, target, problem)
		}
		if problem := u.left.limits.Outputs.checkLink(below, target); problem != "" {
			return fmt.Errorf("%w: %q -> %q %s", ErrLinks, below, target, problem)
		}
		u.late = append(u.late, late{name: name, target: target, modTime: h.modTime})
		return nil
	}
}

// place returns the cleaned name of an entry and notes it, or says why there
// can be no such entry.
func (u *unpacker) place(h *header) (string, error) {
	if problem := u.left.entry(len(h.name) + len(h.target)); problem != "" {
		return "", refused("%s", problem)
	}
	name := strings.ReplaceAll(h.name, `\`, "/")
	if h.kind == typeFolder {
		name = strings.TrimSuffix(name, "/")
	}
	if fs.ValidPath(name) && !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", refused("this platform cannot hold the name %q", h.name)
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
		return "", refused("the directory of %q did not come before it", name)
	}
	u.seen[digest] = h.kind
	return name, nil
}

// isDirectory reports whether a directory called name has come.
func (u *unpacker) isDirectory(name string) bool {
	return u.seen[maphash.String(u.seed, name)] == typeFolder
}

// finish makes the links and gives directories their times, the innermost first.
func (u *unpacker) finish() error {
	for _, l := range u.late {
		if l.target == "" {
			continue
		}
		if err := u.tree.Link(u.at(l.name), l.target, l.modTime); err != nil {
			return err
		}
	}
	for _, l := range slices.Backward(u.late) {
		if l.target != "" || l.name == outputsName {
			continue
		}
		if err := u.tree.SetTime(u.at(l.name), l.modTime); err != nil {
			return err
		}
	}
	return nil
}

// at is where an entry is to be.
func (u *unpacker) at(name string) string { return u.name + strings.TrimPrefix(name, outputsName) }
