//go:build unix

package archive_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

func TestNotStorable(t *testing.T) {
	links := func(nodes ...node) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { plant(t, dir, nodes) }
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, dir string)
		want string // part of the error
	}{
		{"an absolute link", links(node{name: "l", target: "/etc/passwd"}), "link l -> /etc/passwd is not relative"},
		{"a link that leaves", links(node{name: "l", target: "../x"}), "link l -> ../x leaves the outputs"},
		{"a link that leaves from a folder", links(node{name: "a/b/l", target: "../../../x"}), "leaves the outputs"},
		{"a link to the parent", links(node{name: "l", target: ".."}), "leaves the outputs"},
		{"a link that leaves and comes back", links(node{name: "l", target: "../outputs/x"}), "leaves the outputs"},
		{"a link that leaves by way of another",
			links(node{name: "sub/deep", target: ".."}, node{name: "up", target: "sub/deep/../.."}), `link up -> sub/deep/../.. has ".." after a name`},
		{"a link that goes up behind a link",
			links(node{name: "sub/deep", target: ".."}, node{name: "up", target: "sub/deep/.."}), `has ".." after a name`},
		{"a link that leaves by way of a folder's link", links(
			node{name: "other/a/b/root", target: "../../.."},
			node{name: "way", target: "other"},
			node{name: "up", target: "way/a/b/root/../../../x"},
		), `has ".." after a name`},
		{"a target that is a drive on Windows", links(node{name: "l", target: `C:/x`}), "is not relative"},
		{"a target with a backslash", links(node{name: "l", target: `a\b`}), "the target of the link"},
		{"a name with a backslash", links(node{name: `a\b`}), "which separates folders"},
		{"a folder's name with a backslash", links(node{name: `a\b/c`}), "which separates folders"},
		{"a file of 17 GiB", func(t *testing.T, dir string) {
			if err := sparse(dir, "zeros", 17<<30); err != nil {
				t.Fatal(err)
			}
		}, "it unpacks to more bytes than allowed (17.2 GB)"},
		{"a FIFO", func(t *testing.T, dir string) {
			if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "fifo is neither a file"},
		{"a socket", func(t *testing.T, dir string) {
			t.Chdir(dir) // the path of a socket has at most 108 bytes
			l, err := net.Listen("unix", "socket")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "socket is neither a file"},
		{"a file instead of a folder", func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "is not a directory"},
		{"a link instead of a folder", func(t *testing.T, dir string) {
			if err := errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)); err != nil {
				t.Fatal(err)
			}
		}, "is not a directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(cachetest.TempDir(t), "123")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			test.make(t, dir)
			_, err := write(archive.Task{Hash: "123"}, "", dir)
			if !errors.Is(err, archive.ErrNotStorable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %v with %q", err, archive.ErrNotStorable, test.want)
			}
		})
	}
}

// A reader rejects such names, because they cannot exist on macOS and Windows.
func TestNameThatIsNotUTF8(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a file system that takes any bytes")
	}
	dir := cachetest.TempDir(t)
	plant(t, dir, []node{{name: "caf\xe9"}})
	if _, err := write(archive.Task{Hash: "123"}, "", dir); !errors.Is(err, archive.ErrNotStorable) {
		t.Errorf("got %v, want %v", err, archive.ErrNotStorable)
	}
}

// largerThanTheWork is the size of a file that is not completely read before the first
// write, however much is compressed concurrently.
const largerThanTheWork = 8 * archive.MaxWindow

// hook is a writer that calls a function at the first write, while the first large file
// is being read.
type hook struct {
	bytes.Buffer
	do func()
}

func (h *hook) Write(p []byte) (int, error) {
	if h.do != nil {
		h.do()
		h.do = nil
	}
	return h.Buffer.Write(p)
}

func TestTreeChangesWhileItIsRead(t *testing.T) {
	cachetest.SkipWithRace(t)
	const size = largerThanTheWork
	for _, test := range []struct {
		name   string
		change func(dir string) error
		want   string // part of the error, "" if there is none
	}{
		{"a file is truncated", func(dir string) error { return os.Truncate(filepath.Join(dir, "a"), 10) }, "a changed while it was stored"},
		{"a file is emptied", func(dir string) error { return os.Truncate(filepath.Join(dir, "a"), 0) }, "a changed while it was stored"},
		{"a file grows", func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "a"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close(), os.Chtimes(filepath.Join(dir, "a"), someTime, someTime))
		}, "a changed while it was stored"},
		{"a file is written in place", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a"), []byte(cachetest.Noise(9, size)), 0o600)
		}, "a changed while it was stored"},
		{"a later file is removed", func(dir string) error { return os.Remove(filepath.Join(dir, "b")) }, "no such file"},
		{"a later folder is removed", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "c")) }, "no such file"},
		{"everything is removed", os.RemoveAll, "no such file"},
		// An open file stays complete.
		{"the file is replaced by another", func(dir string) error {
			other := filepath.Join(dir, "..", "other")
			return errors.Join(os.WriteFile(other, []byte("other"), 0o600), os.Rename(other, filepath.Join(dir, "a")))
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(cachetest.TempDir(t), "123")
			plant(t, dir, []node{{name: "a", content: cachetest.Noise(8, size)}, {name: "b", content: "b"}, {name: "c/d", content: "d"}})
			w := &hook{do: func() {
				if err := test.change(dir); err != nil {
					t.Error(err)
				}
			}}
			err := codec.Write(w, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, time.Time{})
			if w.do != nil {
				t.Fatal("nothing was changed")
			}
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v, want nil", err)
				}
				return
			}
			if !errors.Is(err, archive.ErrChanged) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %v with %q", err, archive.ErrChanged, test.want)
			}
		})
	}
}

// full is a disk with space for some bytes.
type full struct {
	left int
	err  error
}

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestWriterThatFails(t *testing.T) {
	dir := cachetest.TempDir(t)
	plant(t, dir, []node{{name: "a", content: cachetest.Noise(1, 30<<20)}})
	disk := errors.New("no space left")
	for _, left := range []int{0, 1, 100, archive.MaxWindow, 5 * archive.MaxWindow, 30 << 20} {
		err := codec.Write(&full{left, disk}, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, time.Time{})
		if !errors.Is(err, disk) || errors.Is(err, archive.ErrNotStorable) {
			t.Errorf("after %d bytes: got %v, want %v", left, err, disk)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("after %d bytes: got an error of several lines: %q", left, err)
		}
	}
}

func TestTerminalOutputThatCannotBeRead(t *testing.T) {
	dir := cachetest.TempDir(t)
	broken := errors.New("broken")
	for _, test := range []struct {
		name string
		r    io.Reader
		want error
	}{
		{"it is shorter than said", strings.NewReader("12345"), io.ErrUnexpectedEOF},
		{"it breaks", io.MultiReader(strings.NewReader("12345"), errReader{broken}), broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := codec.Write(io.Discard, archive.Task{Hash: "123"}, test.r, 6, dir, time.Time{})
			if !errors.Is(err, test.want) || errors.Is(err, archive.ErrNotStorable) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// The output of an ended task is complete, so later bytes belong to something else.
func TestTerminalOutputThatGrows(t *testing.T) {
	var b bytes.Buffer
	if err := codec.Write(&b, archive.Task{Hash: "123"}, strings.NewReader("1234567"), 6, cachetest.TempDir(t), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := mustExtract(t, b.Bytes(), cachetest.TempDir(t)); string(got.TerminalOutput) != "123456" {
		t.Errorf("got %q, want %q", got.TerminalOutput, "123456")
	}
}

func TestUnreadableFileIsNotAChange(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := cachetest.TempDir(t)
	plant(t, dir, []node{{name: "a", mode: 0o200, content: "x", time: time.Unix(1, 0)}})
	if _, err := write(archive.Task{Hash: "123"}, "", dir); !errors.Is(err, os.ErrPermission) || errors.Is(err, archive.ErrNotStorable) {
		t.Errorf("got %v, want %v", err, os.ErrPermission)
	}
}
