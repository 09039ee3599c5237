//go:build unix

package archive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// script makes entries from any bytes. Each byte is a choice, so that nearly all results
// are valid tars with questionable names.
type script []byte

func (s *script) next() int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b)
}

// words are the components of names. "@" is the sandbox.
var words = []string{
	"a", "b", "d", "l", "..", "..", "A", "evil",
	"outputs", "canary", ".", "", "@", "C:", "terminalOutput", "metadata.json",
	"aside", "aside-evil", "between", "caf\u00e9", "\xff", "x y", strings.Repeat("n", 255), strings.Repeat("n", 256),
}

// scripts are scripts with the entries that they make.
var scripts = [][]byte{
	{0, 5, 2, 0, 3, 2, 4, 1, 200, 20, 5, 1, 1, 1, 0, 200, 20}, // a/l -> ../b, b -> a
	{0, 5, 1, 3, 1, 12, 200, 20},                              // l -> the sandbox
	{0, 5, 1, 3, 3, 4, 4, 9, 200, 20},                         // l -> ../../canary
	{0, 5, 2, 0, 3, 1, 4, 200, 20, 16, 3, 0, 3, 7, 9, 255},    // a/l -> .., and a file a/l/evil
	{0, 3, 1, 0, 11, 4, 4, 9, 0},                              // a hard link to ../../canary
	{15, 2, 2, 0, 1, 255, 0, 10, 0, 3, 12, 17, 9, 9, 255},     // a long terminal output, a private folder, a file of the sandbox
	{0, 0, 1, 0, 9, 255, 4, 1, 1, 2, 0, 5, 1, 3, 9, 0, 12, 0}, // a setuid file, a FIFO, a link with a backslash
}

func (s *script) path() string {
	b := s.next()
	var parts []string
	for range b & 7 {
		parts = append(parts, words[s.next()%len(words)])
	}
	separator := "/"
	if b&8 != 0 {
		separator = `\`
	}
	return strings.Join(parts, separator)
}

// entries returns the entries that s makes.
func (s script) entries(root string) []entry {
	entries := with()
	if s.next()%16 == 15 {
		entries[1] = file("terminalOutput", strings.Repeat("long ", archive.InlineTerminalOutput/5+s.next()))
	}
	made := map[string]bool{}
	for len(s) > 0 && len(entries) < 64 {
		b := s.next()
		name := s.path()
		if b&8 == 0 {
			name = "outputs/" + name
		}
		if b&16 == 0 { // or its parents may be missing
			for _, parent := range parents(name) {
				if !made[parent] {
					made[parent] = true
					entries = append(entries, folder(parent+"/"))
				}
			}
		}
		entries = append(entries, s.entry(b&7, name))
	}
	for i := range entries {
		header := &entries[i].Header
		header.Name = strings.ReplaceAll(header.Name, "@", root)
		header.Linkname = strings.ReplaceAll(header.Linkname, "@", root)
	}
	return entries
}

// parents returns the folders above name and below outputs/, the outermost
// first.
func parents(name string) (parents []string) {
	for i := len("outputs/"); i < len(name); i++ {
		if name[i] == '/' {
			parents = append(parents, name[:i])
		}
	}
	return parents
}

// mode returns the mode of an entry, rarely one that archives do not contain.
func (s *script) mode() int64 {
	b := int64(s.next())
	if b == 255 {
		return 0o4755
	}
	return b << 1 & 0o777
}

func (s *script) entry(kind int, name string) entry {
	switch kind {
	case 0, 1:
		e := file(name, strings.Repeat("x", s.next()))
		e.Mode = s.mode()
		return e
	case 2:
		e := folder(name + "/")
		e.Mode = s.mode()
		e.ModTime = time.Unix(int64(s.next()-128)<<s.next(), 0)
		return e
	case 3:
		return special(tar.TypeLink, name, s.path())
	case 4:
		kinds := []byte{tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeCont, 'Z'}
		return special(kinds[s.next()%len(kinds)], name, s.path())
	default:
		e := link(name, s.path())
		e.ModTime = time.Unix(int64(s.next()-128)<<s.next(), 0)
		return e
	}
}

// tarOfPossible is tarOf for the entries that can be written.
func tarOfPossible(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		e.Format = tar.FormatPAX
		if err := w.WriteHeader(&e.Header); err != nil {
			continue
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func describeEntries(entries []entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%q %.200q -> %.200q, %d bytes, mode %o, %s\n", e.Typeflag, e.Name, e.Linkname, e.Size, e.Mode, e.ModTime)
	}
	return b.String()
}
