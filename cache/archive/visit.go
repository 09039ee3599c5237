package archive

import (
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/tree"
)

// Visitor receives the entries below outputs/. Their names are relative to it, with "/".
type Visitor interface {
	// File reads the content to its end.
	File(name string, mode fs.FileMode, content io.Reader) error
	Directory(name string)
	// Link comes after all files and directories.
	Link(name, target string)
}

// Visit reads an archive to its end, and rejects what [Codec.Extract] rejects. It creates
// no files, and returns no terminal output that is longer than [InlineTerminalOutput].
func (c *Codec) Visit(r io.Reader, limits Limits, visitor Visitor) (Contents, error) {
	u := newUnpacker(c, visit{visitor}, limits)
	err := u.read(r)
	if err == nil {
		err = u.finish()
	}
	if err != nil {
		return Contents{}, err
	}
	u.contents.TerminalOutputFile = ""
	return u.contents, nil
}

// visit is a visitor as a target. The unpacker's name of outputs/ is "", so all names except
// that of the terminal output begin with "/".
type visit struct{ Visitor }

func (v visit) Create(name string, r io.Reader, _ int64, attributes tree.Attributes) error {
	if below, ok := strings.CutPrefix(name, "/"); ok {
		return v.File(below, attributes.Mode, r)
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

func (v visit) Mkdir(name string) error {
	if below, ok := strings.CutPrefix(name, "/"); ok {
		v.Directory(below)
	}
	return nil
}

func (v visit) Link(name, target string, _ time.Time) error {
	v.Visitor.Link(strings.TrimPrefix(name, "/"), target)
	return nil
}

func (visit) SetTime(string, time.Time) error { return nil }
