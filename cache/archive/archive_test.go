package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

var someTime = time.Date(2024, 2, 29, 12, 34, 56, 789012345, time.UTC)

var codec = archive.NewCodec()

// outputsOf returns the folder of the outputs of an archive that a test extracts into dir.
func outputsOf(dir string) string { return filepath.Join(dir, "outputs") }

func write(task archive.Task, terminal, dir string) ([]byte, error) {
	var b bytes.Buffer
	err := codec.Write(&b, task, strings.NewReader(terminal), int64(len(terminal)), dir, time.Time{})
	return b.Bytes(), err
}

func mustWrite(t *testing.T, task archive.Task, terminal, dir string) []byte {
	t.Helper()
	b, err := write(task, terminal, dir)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	return b
}

func mustExtract(t *testing.T, content []byte, dir string) archive.Contents {
	t.Helper()
	c, err := codec.Extract(bytes.NewReader(content), dir, "outputs", archive.Limits{})
	if err != nil {
		t.Fatalf("extract: %v", err)
	}
	return c
}

// listing returns the attributes and contents of all files below dir.
func listing(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s %s", info.Mode(), info.ModTime().UTC().Format(time.RFC3339Nano))
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %d bytes %x", len(content), sha256.Sum256(content))
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + filepath.ToSlash(target)
		}
		name, err := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%.80q: got  %s\nwant %s", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%.80q: got %s, want nothing", name, got[name])
		}
	}
}

// entry is an entry of an archive that a test writes by hand.
type entry struct {
	tar.Header
	body string
}

func file(name, body string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body)), ModTime: someTime}, body}
}

func folder(name string) entry {
	return entry{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: someTime}, ""}
}

func link(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777, ModTime: someTime}, ""}
}

func special(kind byte, name, target string) entry {
	return entry{tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o644, ModTime: someTime}, ""}
}

// head returns the entries at the beginning of every archive.
func head() []entry {
	return []entry{file("metadata.json", `{"format":1,"hash":"123","code":0}`), file("terminalOutput", "done\n")}
}

// with returns the beginning of a valid archive, followed by entries.
func with(entries ...entry) []entry {
	return slices.Concat(head(), []entry{folder("outputs/")}, entries)
}

func tarOf(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.Format == tar.FormatUnknown {
			e.Format = tar.FormatPAX
		}
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
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

// compress compresses a tar into frames of the largest size.
func compress(t testing.TB, content []byte, options ...zstd.EOption) (all []byte) {
	t.Helper()
	for part := range slices.Chunk(content, archive.MaxWindow) {
		all = append(all, frame(t, part, options...)...)
	}
	return all
}

// frame compresses into one frame, which omits its size if it has several blocks.
func frame(t testing.TB, content []byte, options ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	options = append([]zstd.EOption{zstd.WithWindowSize(archive.MaxWindow)}, options...)
	w, err := zstd.NewWriter(&b, options...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decompress(t testing.TB, content []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func archiveOf(t testing.TB, entries []entry) []byte {
	t.Helper()
	return compress(t, tarOf(t, entries), zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
}
