package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// hostile is an archive that a reader must reject.
type hostile struct {
	name    string
	entries []entry
	want    string // part of the error
}

func hostiles() []hostile {
	long := strings.Repeat("x", 5000)
	all := []hostile{
		// names
		{"a name that leaves", with(file("outputs/../evil", "x")), "not a name inside"},
		{"a name that leaves at once", with(file("../evil", "x")), "not a name inside"},
		{"a name that leaves far", with(file("outputs/a/../../../../evil", "x")), "not a name inside"},
		{"a name that leaves with backslashes", with(file(`outputs\..\..\evil`, "x")), "not a name inside"},
		{"a folder that leaves", with(folder("outputs/../evil/")), "not a name inside"},
		{"a link that is placed outside", with(link("outputs/../evil", "x")), "not a name inside"},
		{"an absolute name", with(file("/tmp/evil", "x")), "not a name inside"},
		{"an absolute name with a backslash", with(file(`\evil`, "x")), "not a name inside"},
		{"a drive", with(file("C:/evil", "x")), ""},
		{"a drive with a backslash", with(file(`C:\evil`, "x")), ""},
		{"a share", with(file(`\\server\share\evil`, "x")), "not a name inside"},
		{"a component that is empty", with(file("outputs//evil", "x")), "not a name inside"},
		{"a component that is a dot", with(file("outputs/./evil", "x")), "not a name inside"},
		{"a leading dot", with(file("./outputs/evil", "x")), "not a name inside"},
		{"a name that is not UTF-8", with(file("outputs/\xff\xfe", "x")), "not a name inside"},
		{"a folder whose name ends in two slashes", with(folder("outputs/evil//")), "not a name inside"},
		{"a file beside the outputs", with(file("evil", "x")), "not below outputs/"},
		{"a file beside the outputs with their name's beginning", with(file("outputs-evil", "x")), "not below outputs/"},
		{"a folder beside the outputs", with(folder("evil/")), "not below outputs/"},
		{"the parent as a folder", with(folder("../")), "not a name inside"},
		{"a dot as a folder", with(folder("./")), "not below outputs/"},

		// the order of entries
		{"nothing at all", nil, "ends before metadata.json"},
		{"only metadata", head()[:1], "ends before terminalOutput"},
		{"no outputs", head(), "has no outputs/"},
		{"no metadata", slices.Concat(head()[1:], []entry{folder("outputs/")}), "instead of metadata.json"},
		{"metadata after the terminal output", []entry{head()[1], head()[0], folder("outputs/")}, "instead of metadata.json"},
		{"no terminal output", []entry{head()[0], folder("outputs/")}, "instead of terminalOutput"},
		{"metadata twice", slices.Concat(head()[:1], head(), []entry{folder("outputs/")}), "instead of terminalOutput"},
		{"metadata at the end again", with(head()[0]), "not below outputs/"},
		{"a terminal output at the end again", with(head()[1]), "not below outputs/"},
		{"metadata that is a folder", slices.Concat([]entry{folder("metadata.json")}, head()[1:]), "instead of metadata.json"},
		{"a terminal output that is a link", []entry{head()[0], link("terminalOutput", "/etc/passwd"), folder("outputs/")}, "instead of terminalOutput"},
		{"outputs that are a file", append(head(), file("outputs", "x")), "outputs is not a directory"},
		{"outputs that are a link", append(head(), link("outputs", "..")), "outputs is not a directory"},
		{"outputs twice", with(folder("outputs/")), "comes twice"},
		{"a file before the outputs", append(head(), file("outputs/a", "x")), "does not come before it"},

		// metadata
		{"metadata of another format", []entry{file("metadata.json", `{"format":2,"hash":"123","code":0}`), head()[1], folder("outputs/")}, "format is 2"},
		{"metadata without a format", []entry{file("metadata.json", `{"hash":"123","code":0}`), head()[1], folder("outputs/")}, "format is 0"},
		{"metadata that is no JSON", []entry{file("metadata.json", `code=0`), head()[1], folder("outputs/")}, "metadata.json: "},
		{"metadata with a code that is no number", []entry{file("metadata.json", `{"format":1,"hash":"123","code":"0"}`), head()[1], folder("outputs/")}, "metadata.json: "},
		{"metadata with a code that is no integer", []entry{file("metadata.json", `{"format":1,"hash":"123","code":0.5}`), head()[1], folder("outputs/")}, "metadata.json: "},
		{"metadata that is too long", []entry{file("metadata.json", `{"format":1,"hash":"`+long+`"}`), head()[1], folder("outputs/")}, "at most 4096"},

		// duplicate names
		{"a file twice", with(file("outputs/a", "1"), file("outputs/a", "2")), "comes twice"},
		{"a file over a folder", with(folder("outputs/a/"), file("outputs/a", "2")), "comes twice"},
		{"a folder over a file", with(file("outputs/a", "1"), folder("outputs/a/")), "comes twice"},
		{"a file over a link", with(link("outputs/a", "b"), file("outputs/a", "2")), "comes twice"},
		{"a link over a folder", with(folder("outputs/a/"), link("outputs/a", "b")), "comes twice"},
		{"a folder over a link", with(link("outputs/a", "b"), folder("outputs/a/")), "comes twice"},
		{"a file twice with another slash", with(folder("outputs/a/"), file("outputs/a/b", "1"), file(`outputs\a\b`, "2")), "comes twice"},

		// parents
		{"a parent that is missing", with(file("outputs/a/b", "x")), "does not come before it"},
		{"a parent that comes later", with(file("outputs/a/b", "x"), folder("outputs/a/")), "does not come before it"},
		{"a parent that is a file", with(file("outputs/a", "x"), file("outputs/a/b", "x")), "does not come before it"},
		{"a parent that is a link", with(folder("outputs/d/"), link("outputs/a", "d"), file("outputs/a/b", "x")), "does not come before it"},
		{"a parent that is a link to the outside", with(link("outputs/a", "../.."), file("outputs/a/evil", "x")), "leaves the outputs"},

		// kinds
		{"a hard link", with(file("outputs/a", "x"), special(tar.TypeLink, "outputs/b", "outputs/a")), "is of type '1'"},
		{"a hard link to the outside", with(special(tar.TypeLink, "outputs/b", "/etc/passwd")), "is of type '1'"},
		{"a character device", with(special(tar.TypeChar, "outputs/null", "")), "is of type '3'"},
		{"a block device", with(special(tar.TypeBlock, "outputs/sda", "")), "is of type '4'"},
		{"a FIFO", with(special(tar.TypeFifo, "outputs/fifo", "")), "is of type '6'"},
		{"a contiguous file", with(special(tar.TypeCont, "outputs/cont", "")), "is of type '7'"},

		// links
		{"an absolute link", with(link("outputs/l", "/etc")), "is not relative"},
		{"an absolute link with a backslash", with(link("outputs/l", `\etc`)), "is not relative"},
		{"a link to a drive", with(link("outputs/l", `C:\Windows`)), "is not relative"},
		{"a link to a share", with(link("outputs/l", `\\server\share`)), "is not relative"},
		{"a link to nothing", with(link("outputs/l", "")), "is not relative"},
		{"a link that leaves", with(link("outputs/l", "../evil")), "leaves the outputs"},
		{"a link that leaves with a backslash", with(link("outputs/l", `..\evil`)), "leaves the outputs"},
		{"a link that leaves from a folder", with(folder("outputs/a/"), link("outputs/a/l", "../../evil")), "leaves the outputs"},
		{"a link that leaves behind a name", with(folder("outputs/a/"), link("outputs/l", "a/../../evil")), `has ".." after a name`},
		{"a link that leaves by way of a later one", with(
			link("outputs/up", "sub/deep/../.."),
			folder("outputs/sub/"),
			link("outputs/sub/deep", ".."),
		), `has ".." after a name`},
		{"a link that leaves by way of a folder's link", with(
			folder("outputs/other/"),
			folder("outputs/other/a/"),
			link("outputs/other/a/root", "../.."),
			link("outputs/way", "other"),
			link("outputs/x", "way/a/root/../../evil"),
		), `has ".." after a name`},
		{"a link that leaves where case does not matter", with(
			folder("outputs/a/"),
			link("outputs/a/Root", ".."),
			link("outputs/x", "a/rOOT/../evil"),
		), `has ".." after a name`},
	}
	if runtime.GOOS == "windows" {
		for _, name := range []string{"NUL", "com1.txt", "a:stream", "trailing. "} {
			all = append(all, hostile{name, with(file("outputs/"+name, "x")), "not a name inside"})
		}
	}
	return all
}

func TestF15HostileArchives(t *testing.T) {
	for _, test := range hostiles() {
		t.Run(test.name, func(t *testing.T) {
			refuse(t, bytes.NewReader(archiveOf(t, test.entries)), archive.Limits{}, test.want)
		})
	}
}

// A reader accepts the archives that [with] makes.
func TestHandMadeArchive(t *testing.T) {
	dir := cachetest.TempDir(t)
	got := mustExtract(t, archiveOf(t, with(folder("outputs/a/"), file("outputs/a/b", "x"), link("outputs/l", "a/b"))), dir)
	if got.Hash != "123" || got.Size != 1 || string(got.TerminalOutput) != "done\n" {
		t.Errorf("got %+v, want hash 123, size 1 and the terminal output", got)
	}
	if b, err := os.ReadFile(filepath.Join(outputsOf(dir), "l")); err != nil || string(b) != "x" {
		t.Errorf("got %q, %v through the link, want %q", b, err, "x")
	}
}

// The stored modes of folders are ignored, as by Nx, so the owner can enter every folder.
func TestFoldersThatCannotBeEntered(t *testing.T) {
	closed := folder("outputs/d/")
	closed.Mode = 0
	dir := cachetest.TempDir(t)
	mustExtract(t, archiveOf(t, with(closed, folder("outputs/d/e/"), file("outputs/d/e/f", "x"), link("outputs/d/l", "e"))), dir)
	if info, err := os.Lstat(filepath.Join(outputsOf(dir), "d")); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm()&0o700 != 0o700) {
		t.Errorf("got %v, %v; want a folder that its owner can enter", info.Mode(), err)
	}
}

// An error of the underlying reader does not reject the archive, wherever it occurs.
func TestReaderThatFails(t *testing.T) {
	content := archiveOf(t, with(file("outputs/noise", cachetest.Noise(1, 300_000))))
	broken := errors.New("connection reset")
	for _, at := range []int{0, 1, 10, len(content) / 3, len(content) / 2, len(content) - 1, len(content)} {
		r := io.MultiReader(bytes.NewReader(content[:at]), iotest.ErrReader(broken))
		_, err := codec.Extract(r, cachetest.TempDir(t), "outputs", archive.Limits{})
		if !errors.Is(err, broken) || errors.Is(err, archive.ErrRefused) {
			t.Errorf("after %d of %d bytes: got %v, want %v", at, len(content), err, broken)
		}
	}
}

// If its reader fails at the end, even a valid archive leaves no links and no read-only
// directories.
func TestReaderThatFailsAtItsEnd(t *testing.T) {
	content := archiveOf(t, with(
		entry{tar.Header{Typeflag: tar.TypeDir, Name: "outputs/d/", Mode: 0o555, ModTime: someTime}, ""},
		file("outputs/d/a", "x"), link("outputs/d/l", "a")))
	dir := t.TempDir() // not tempDir, because the remaining files can be removed
	wrong := errors.New("wrong digest")
	if _, err := codec.Extract(io.MultiReader(bytes.NewReader(content), iotest.ErrReader(wrong)), dir, "outputs", archive.Limits{}); !errors.Is(err, wrong) {
		t.Errorf("got %v, want %v", err, wrong)
	}
	if _, err := os.Lstat(filepath.Join(outputsOf(dir), "d", "l")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no link", err)
	}
	if info, err := os.Stat(filepath.Join(outputsOf(dir), "d")); err != nil || info.Mode().Perm()&0o700 != 0o700 {
		t.Errorf("got %v, %v; want a writable directory", info, err)
	}
}

func TestDirectoryThatIsNotReady(t *testing.T) {
	content := archiveOf(t, with(file("outputs/a", "x")))
	if _, err := codec.Extract(bytes.NewReader(content), filepath.Join(t.TempDir(), "missing"), "outputs", archive.Limits{}); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, archive.ErrRefused) {
		t.Errorf("missing: got %v, want %v", err, fs.ErrNotExist)
	}
	dir := cachetest.TempDir(t)
	if err := os.MkdirAll(outputsOf(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := codec.Extract(bytes.NewReader(content), dir, "outputs", archive.Limits{}); !errors.Is(err, fs.ErrExist) || errors.Is(err, archive.ErrRefused) {
		t.Errorf("not empty: got %v, want %v", err, fs.ErrExist)
	}
}
