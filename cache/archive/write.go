package archive

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/frames"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Write writes the archive of a task to w: its exit code, its terminal output (size bytes
// of terminal) and the tree below dir as it was at the time asOf, on the clock of dir's
// file system. If asOf is zero, Write packs the tree as it is.
//
// An error that wraps [ErrNotStorable] means that an archive cannot represent the tree, one
// that wraps [ErrChanged] that the tree has changed since asOf or while Write was reading
// it. Other errors come from reading or writing. After an error, w does not contain an
// archive.
func (c *Codec) Write(w io.Writer, task Task, terminal io.Reader, size int64, dir string, asOf time.Time) error {
	out := c.frames.NewWriter(w)
	p := &packer{out: out, dir: dir, asOf: asOf, left: newBudget(c.limits), outputs: task.Outputs}
	err := p.pack(task, terminal, size)
	if closed := out.Close(err != nil); err == nil { // otherwise it is at most the same error
		err = closed
	}
	if err != nil {
		return err
	}
	return checkExpansion(c.limits.of(out.Written()), out.Written(), p.left.used())
}

// checkExpansion returns an error for a result that readers would reject as a bomb.
func checkExpansion(limits Limits, packed, plain int64) error {
	if plain > limits.Bytes {
		return notStorableAs(diagnostic.ResultTooLarge, "its %s shrink to %s, which readers reject as a bomb; exclude the task with azure.exclude in nx.json", printable.Size(plain), printable.Size(packed))
	}
	return nil
}

type packer struct {
	out         *frames.Writer
	dir         string
	asOf        time.Time
	directories []string // packed so far
	left        budget   // of the readers' limits
	outputs     Outputs
}

func (p *packer) pack(task Task, terminal io.Reader, size int64) error {
	head, err := json.Marshal(metadata{Format: Format, Task: task})
	if err != nil {
		return err
	}
	if len(head) > maxMetadata {
		return notStorable("its %s has %d bytes, at most %d are allowed", metadataName, len(head), maxMetadata)
	}
	if err := p.plain(metadataName, strings.NewReader(string(head)), int64(len(head))); err != nil {
		return err
	}
	if err := p.plain(terminalName, terminal, size); err != nil {
		return err
	}
	if err := filepath.WalkDir(p.dir, p.visit); err != nil {
		return vanished(err)
	}
	if err := p.checkDirectories(); err != nil {
		return vanished(err)
	}
	return tar.NewWriter(p.out).Close()
}

// entry writes the header of an entry below outputs/.
func (p *packer) entry(header *tar.Header) error {
	if problem := p.left.entry(len(header.Name) + len(header.Linkname)); problem != "" {
		return notStorableAs(diagnostic.ResultTooLarge, "%s", problem)
	}
	return p.header(header)
}

// header writes the header of an entry. The content goes directly to p.out, because a
// tar.Writer would copy it.
func (p *packer) header(header *tar.Header) error {
	if problem := p.left.content(header.Size); problem != "" {
		return notStorableAs(diagnostic.ResultTooLarge, "%s", problem)
	}
	// More bytes than the other records of an extended header need.
	const others = 256
	if n := len(header.Name) + len(header.Linkname) + others; n > maxExtended {
		return notStorable("%.80s… and its target have %d bytes, at most %d are allowed", header.Name, n, maxExtended)
	}
	err := tar.NewWriter(p.out).WriteHeader(header)
	// For example a NUL, or a value that PAX cannot represent.
	if errors.Is(err, tar.ErrHeader) {
		return notStorable("%s: %v", header.Name, err)
	}
	return err
}

// content writes the content of an entry, of size bytes.
func (p *packer) content(r io.Reader, size int64) error {
	const block = 512
	if err := p.out.CopyFrom(r, size); err != nil {
		return err
	}
	_, err := p.out.Write(make([]byte, (block-size%block)%block))
	return err
}

// checkDirectories detects entries that were added, removed or renamed since asOf. Such a
// change shows only in the change time of the directory.
func (p *packer) checkDirectories() error {
	for _, path := range p.directories {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if p.isNewer(info) {
			return changed(path)
		}
	}
	return nil
}

// isNewer reports whether an entry was changed after asOf.
func (p *packer) isNewer(info fs.FileInfo) bool {
	return !p.asOf.IsZero() && ChangeTime(info).After(p.asOf)
}

// plain adds one of the two entries that come before the outputs.
func (p *packer) plain(name string, r io.Reader, size int64) error {
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size,
		Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatPAX,
	}
	if err := p.header(header); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := p.content(r, size); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (p *packer) visit(path string, _ fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	// Not entry.Info(): on Windows, a directory's data about its files can be stale, and
	// under Wine they have another identity than the file itself.
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		p.directories = append(p.directories, path)
	}
	if path == p.dir {
		if !info.IsDir() {
			return notStorable("%s is not a directory", path)
		}
		return p.entry(&tar.Header{
			Typeflag: tar.TypeDir, Name: outputsName + "/",
			Mode: 0o755, ModTime: time.Unix(0, 0), Format: tar.FormatPAX,
		})
	}
	rel, err := filepath.Rel(p.dir, path)
	if err != nil {
		return err
	}
	return p.add(filepath.ToSlash(rel), path, info)
}

// add writes the entry called name, from path.
func (p *packer) add(name, path string, info fs.FileInfo) error {
	if strings.Contains(name, `\`) {
		return notStorable(`the name of %s contains "\", which separates folders on other platforms`, name)
	}
	if !utf8.ValidString(name) {
		return notStorable("the name %q is not UTF-8, which other platforms need", name)
	}
	header := &tar.Header{
		Name:    outputsName + "/" + name,
		Mode:    int64(permissions(info.Mode())),
		ModTime: info.ModTime(),
		Format:  tar.FormatPAX,
	}
	switch info.Mode().Type() {
	case 0:
		return p.file(name, path, info, header)
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		header.Typeflag = tar.TypeSymlink
		header.Linkname = filepath.ToSlash(target)
		if strings.Contains(header.Linkname, `\`) {
			return notStorable(`the target of the link %s -> %s contains "\"`, name, target)
		}
		if problem := checkLink(name, header.Linkname); problem != "" {
			return notStorable("link %s -> %s %s", name, target, problem)
		}
		if problem := p.outputs.checkLink(name, header.Linkname); problem != "" {
			return notStorable("link %s -> %s %s", name, target, problem)
		}
	default:
		return notStorable("%s is neither a file, a directory nor a link (%s)", name, info.Mode().Type())
	}
	return p.entry(header)
}

// file writes a regular file, and fails if the file changes meanwhile.
func (p *packer) file(name, path string, info fs.FileInfo, header *tar.Header) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // opened for reading: nothing is lost

	before, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, before) {
		return changed(name)
	}
	header.Typeflag = tar.TypeReg
	header.Size = before.Size()
	header.ModTime = before.ModTime()
	if err := p.entry(header); err != nil {
		return err
	}
	if err := p.content(f, header.Size); errors.Is(err, io.ErrUnexpectedEOF) {
		return changed(name)
	} else if err != nil {
		return err
	}
	after, err := f.Stat()
	if err != nil {
		return err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) || p.isNewer(after) {
		return changed(name)
	}
	return nil
}

func changed(name string) error { return fmt.Errorf("%s %w", name, ErrChanged) }

// vanished turns "no such file" into a change: Nx or another task has removed a file that
// Write was reading.
func vanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return err
}
