package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// hostile is an archive that nobody may unpack.
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
		{"no metadata", slices.Concat(head()[1:], []entry{folder("outputs/")}), "where metadata.json must be"},
		{"metadata after the terminal output", []entry{head()[1], head()[0], folder("outputs/")}, "where metadata.json must be"},
		{"no terminal output", []entry{head()[0], folder("outputs/")}, "where terminalOutput must be"},
		{"metadata twice", slices.Concat(head()[:1], head(), []entry{folder("outputs/")}), "where terminalOutput must be"},
		{"metadata at the end again", with(head()[0]), "not below outputs/"},
		{"a terminal output at the end again", with(head()[1]), "not below outputs/"},
		{"metadata that is a folder", slices.Concat([]entry{folder("metadata.json")}, head()[1:]), "where metadata.json must be"},
		{"a terminal output that is a link", []entry{head()[0], link("terminalOutput", "/etc/passwd"), folder("outputs/")}, "where terminalOutput must be"},
		{"outputs that are a file", append(head(), file("outputs", "x")), "outputs is not a directory"},
		{"outputs that are a link", append(head(), link("outputs", "..")), "outputs is not a directory"},
		{"outputs twice", with(folder("outputs/")), "comes twice"},
		{"a file before the outputs", append(head(), file("outputs/a", "x")), "did not come before"},

		// metadata
		{"metadata of another format", []entry{file("metadata.json", `{"format":2,"hash":"123","code":0}`), head()[1], folder("outputs/")}, "format is 2"},
		{"metadata without a format", []entry{file("metadata.json", `{"hash":"123","code":0}`), head()[1], folder("outputs/")}, "format is 0"},
		{"metadata that is no JSON", []entry{file("metadata.json", `code=0`), head()[1], folder("outputs/")}, "metadata.json: "},
		{"metadata with a code that is no number", []entry{file("metadata.json", `{"format":1,"hash":"123","code":"0"}`), head()[1], folder("outputs/")}, "metadata.json: "},
		{"metadata with a code that is no integer", []entry{file("metadata.json", `{"format":1,"hash":"123","code":0.5}`), head()[1], folder("outputs/")}, "metadata.json: "},
		{"metadata that is too long", []entry{file("metadata.json", `{"format":1,"hash":"`+long+`"}`), head()[1], folder("outputs/")}, "at most 4096"},

		// one name twice
		{"a file twice", with(file("outputs/a", "1"), file("outputs/a", "2")), "comes twice"},
		{"a file over a folder", with(folder("outputs/a/"), file("outputs/a", "2")), "comes twice"},
		{"a folder over a file", with(file("outputs/a", "1"), folder("outputs/a/")), "comes twice"},
		{"a file over a link", with(link("outputs/a", "b"), file("outputs/a", "2")), "comes twice"},
		{"a link over a folder", with(folder("outputs/a/"), link("outputs/a", "b")), "comes twice"},
		{"a folder over a link", with(link("outputs/a", "b"), folder("outputs/a/")), "comes twice"},
		{"a file twice with another slash", with(folder("outputs/a/"), file("outputs/a/b", "1"), file(`outputs\a\b`, "2")), "comes twice"},

		// parents
		{"a parent that is missing", with(file("outputs/a/b", "x")), "did not come before"},
		{"a parent that comes later", with(file("outputs/a/b", "x"), folder("outputs/a/")), "did not come before"},
		{"a parent that is a file", with(file("outputs/a", "x"), file("outputs/a/b", "x")), "did not come before"},
		{"a parent that is a link", with(folder("outputs/d/"), link("outputs/a", "d"), file("outputs/a/b", "x")), "did not come before"},
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
		{"a link that leaves behind a name", with(folder("outputs/a/"), link("outputs/l", "a/../../evil")), "goes up behind a name"},
		{"a link that leaves by way of a later one", with(
			link("outputs/up", "sub/deep/../.."),
			folder("outputs/sub/"),
			link("outputs/sub/deep", ".."),
		), "goes up behind a name"},
		{"a link that leaves by way of a folder's link", with(
			folder("outputs/other/"),
			folder("outputs/other/a/"),
			link("outputs/other/a/root", "../.."),
			link("outputs/way", "other"),
			link("outputs/x", "way/a/root/../../evil"),
		), "goes up behind a name"},
		{"a link that leaves where case does not matter", with(
			folder("outputs/a/"),
			link("outputs/a/Root", ".."),
			link("outputs/x", "a/rOOT/../evil"),
		), "goes up behind a name"},
	}
	if runtime.GOOS == "windows" {
		for _, name := range []string{"NUL", "com1.txt", "a:stream", "trailing. "} {
			all = append(all, hostile{name, with(file("outputs/"+name, "x")), "not a name inside"})
		}
	}
	return all
}

// sandbox is a directory to extract into, dir, beside and below files that
// nobody may touch.
type sandbox struct {
	root, dir string
	planted   map[string]string // links in dir that a fuzz test puts in the way
}

func newSandbox(t testing.TB) sandbox {
	t.Helper()
	root := cachetest.TempDir(t)
	s := sandbox{root: root, dir: filepath.Join(root, "between", "aside")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"between/aside-evil", "between/outputs", "evil"} {
		must(os.MkdirAll(filepath.Join(root, name), 0o700))
	}
	for _, name := range []string{"canary", "between/evil", "between/canary", "between/aside-evil/canary", "between/outputs/canary", "evil/canary"} {
		must(os.WriteFile(filepath.Join(root, name), []byte("as it was"), 0o600))
	}
	must(os.Mkdir(s.dir, 0o700))
	// What is made and removed again between two ticks of the clock shows, too.
	must(filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, someTime, someTime))
	}))
	return s
}

// outside is the listing of a sandbox without what is in its directory.
func (s sandbox) outside(t testing.TB) map[string]string {
	t.Helper()
	all := listing(t, s.root)
	for name := range all {
		if name == "between/aside" || strings.HasPrefix(name, "between/aside/") {
			delete(all, name)
		}
	}
	info, err := os.Lstat(s.root)
	if err != nil {
		t.Fatal(err)
	}
	all["."] = fmt.Sprintf("%s %s", info.Mode(), info.ModTime().UTC().Format(time.RFC3339Nano))
	return all
}

// refuse extracts content beside other files, and checks that it is refused
// and that nothing but its directory was touched.
func refuse(t *testing.T, r io.Reader, limits archive.Limits, want string) {
	t.Helper()
	s := newSandbox(t)
	before := s.outside(t)

	contents, err := codec.Extract(r, s.dir, "outputs", limits)
	if !errors.Is(err, archive.ErrRefused) || !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("got %.300v, want %v with %q", err, archive.ErrRefused, want)
	}
	if contents.TerminalOutput != nil || contents.TerminalOutputFile != "" || contents.Task != (archive.Task{}) {
		t.Errorf("got %+v, want nothing", contents)
	}
	compare(t, s.outside(t), before)
	checkInside(t, s.dir)
}

// checkInside fails where a link below dir leads out of the outputs.
func checkInside(t testing.TB, dir string) {
	t.Helper()
	outputs, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	outputs = outputsOf(outputs)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type() != fs.ModeSymlink {
			return err
		}
		to, err := filepath.EvalSymlinks(path)
		if err == nil && to != outputs && !strings.HasPrefix(to, outputs+string(filepath.Separator)) {
			t.Errorf("%s leads to %s", path, to)
		}
		return nil // it dangles
	})
	if err != nil {
		t.Error(err)
	}
}

func TestF15HostileArchives(t *testing.T) {
	for _, test := range hostiles() {
		t.Run(test.name, func(t *testing.T) {
			refuse(t, bytes.NewReader(archiveOf(t, test.entries)), archive.Limits{}, test.want)
		})
	}
}

// What [with] makes is not refused for itself.
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

// A folder that its owner could not enter is one that others made so: Nx discards
// modes of folders.
func TestFoldersThatCannotBeEntered(t *testing.T) {
	closed := folder("outputs/d/")
	closed.Mode = 0
	dir := cachetest.TempDir(t)
	mustExtract(t, archiveOf(t, with(closed, folder("outputs/d/e/"), file("outputs/d/e/f", "x"), link("outputs/d/l", "e"))), dir)
	if info, err := os.Lstat(filepath.Join(outputsOf(dir), "d")); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm()&0o700 != 0o700) {
		t.Errorf("got %v, %v; want that its owner can enter it", info.Mode(), err)
	}
}

func TestRefusedStreams(t *testing.T) {
	sound := tarOf(t, with(file("outputs/a", strings.Repeat("content ", 10_000))))
	flipped := func(i int) []byte {
		b := compress(t, sound)
		b[(i+len(b))%len(b)] ^= 1
		return b
	}
	for _, test := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"nothing", nil, "ends before its end marker"},
		{"text", []byte("<html>404 Not Found</html>"), ""},
		{"gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), ""},
		{"tar without zstd", sound, ""},
		{"zstd without tar", compress(t, []byte(strings.Repeat("no tar ", 1000))), ""},
		{"an empty zstd frame", emptyFrame, "ends before its end marker"},
		{"data behind the frame", append(compress(t, sound), "more"...), ""},
		{"a zero behind the frame", append(compress(t, sound), 0), ""},
		{"another frame", append(compress(t, sound), compress(t, []byte("more"))...), "data after the end"},
		{"another archive", slices.Concat(compress(t, sound), compress(t, sound)), "data after the end"},
		{"another tar in the frame", compress(t, slices.Concat(sound, sound)), "data after the end"},
		{"zeros behind the tar", compress(t, append(slices.Clone(sound), make([]byte, 10<<10)...)), "data after the end"},
		{"a flipped bit in the beginning", flipped(0), ""},
		{"a flipped bit in the middle", flipped(len(compress(t, sound)) / 2), ""},
		{"a flipped bit in the checksum", flipped(-1), ""},
		{"a tar that is cut in a body", compress(t, sound[:len(sound)-3000]), ""},
		{"a tar that is cut in a header", compress(t, sound[:512*3+100]), ""},
		{"a window above the limit", frame(t, append(slices.Clone(sound), make([]byte, 20<<20)...), zstd.WithWindowSize(2*archive.MaxWindow)), "window"},
		{"a window of terabytes", []byte("\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00"), "window"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refuse(t, bytes.NewReader(test.content), archive.Limits{}, test.want)
		})
	}
}

// A writer may choose the sizes of frames within limits, and may leave out to tell
// them.
func TestArchiveInSeveralFrames(t *testing.T) {
	want := strings.Repeat("text of a file ", 200_000) + cachetest.Noise(1, 1<<20)
	content := tarOf(t, with(file("outputs/a", want)))
	sized := func(b []byte, options ...zstd.EOption) []byte {
		w, err := zstd.NewWriter(nil, append(options, zstd.WithWindowSize(archive.MaxWindow))...)
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(b, nil)
	}
	const part, short = 1 << 20, 64<<10 - 1
	text, noise := content[:part], content[len(content)-part:]
	rest := content[part : len(content)-part]
	middle := [][]byte{rest[:part], rest[part:]}
	skippable := []byte("\x50\x2a\x4d\x18\x05\x00\x00\x00words")
	for _, test := range []struct {
		name   string
		frames [][]byte
		want   string // part of the error, or "" if it is taken
	}{
		{"ours", [][]byte{sized(text, zstd.WithEncoderCRC(false)), sized(middle[0]), sized(middle[1]), sized(noise)}, ""},
		{"with checksums", [][]byte{sized(text, zstd.WithEncoderCRC(true)), sized(rest[:part]), sized(rest[part:]), sized(noise, zstd.WithEncoderCRC(true))}, ""},
		{"without sizes", [][]byte{frame(t, text), frame(t, middle[0]), frame(t, middle[1]), frame(t, noise)}, ""},
		{"one without a size", [][]byte{sized(text), frame(t, middle[0]), sized(middle[1]), sized(noise)}, ""},
		{"the first without a size", [][]byte{frame(t, text), sized(rest[:part]), sized(rest[part:]), sized(noise)}, ""},
		{"the last without a size", [][]byte{sized(text), sized(rest[:part]), sized(rest[part:]), frame(t, noise)}, ""},
		{"the shortest before the last", [][]byte{sized(content[:short+1]), sized(content[short+1 : part]), sized(middle[0]), sized(middle[1]), sized(noise)}, ""},
		{"a last one that is short", [][]byte{sized(text), sized(middle[0]), sized(middle[1]), sized(noise[:part-512]), sized(noise[part-512:])}, ""},
		{"one that is short", [][]byte{sized(content[:short]), sized(content[short:part]), sized(middle[0]), sized(middle[1]), sized(noise)}, "not the last"},
		{"one that is short and does not tell it", [][]byte{frame(t, content[:short]), sized(content[short:part]), sized(middle[0]), sized(middle[1]), sized(noise)}, "not the last"},
		{"an empty one between", [][]byte{sized(text), emptyFrame, sized(middle[0]), sized(middle[1]), sized(noise)}, "not the last"},
		{"an empty one at the end", [][]byte{sized(text), sized(middle[0]), sized(middle[1]), sized(noise), emptySizedFrame}, "a frame is empty"},
		{"one to be skipped", [][]byte{sized(text), skippable, sized(middle[0]), sized(middle[1]), sized(noise)}, "to be skipped"},
		{"one that is larger than a window", [][]byte{frame(t, content)}, "exceeds"},
		{"one that tells that it is larger", [][]byte{sized(content)}, "at most 2097152 are allowed"},
		{"tiny ones", append(each(content[:200], func(b []byte) []byte { return sized(b) }), sized(content[200:part]), sized(middle[0]), sized(middle[1]), sized(noise)), "not the last"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := slices.Concat(test.frames...)
			if test.want != "" {
				refuse(t, bytes.NewReader(all), archive.Limits{}, test.want)
				return
			}
			dir := cachetest.TempDir(t)
			if _, err := codec.Extract(bytes.NewReader(all), dir, "outputs", archive.Limits{}); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(outputsOf(dir), "a")); err != nil || string(got) != want {
				t.Errorf("got %d bytes, %v; want the same %d bytes", len(got), err, len(want))
			}
		})
	}
}

// Frames without content: one that does not tell its size, with a checksum, and
// one that does.
var (
	emptyFrame      = []byte("\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00\x99\xe9\xd8\x51")
	emptySizedFrame = []byte("\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00")
)

// each is what f makes of each byte.
func each(b []byte, f func([]byte) []byte) (all [][]byte) {
	for i := range b {
		all = append(all, f(b[i:i+1]))
	}
	return all
}

// What is wrong in a frame is seen where the frame is, and only there.
func TestFramesThatAreRefused(t *testing.T) {
	content := tarOf(t, with(file("outputs/a", cachetest.Noise(1, 5<<20))))
	whole := mustCompressFrames(t, content)
	for name, change := range map[string]func(frames [][]byte) [][]byte{
		"a block of a type that there is not": func(f [][]byte) [][]byte { f[1][headerSize] |= 3 << 1; return f },
		"a size that is not true":             func(f [][]byte) [][]byte { f[1][headerSize-2] ^= 1; return f },
		"a block that goes on":                func(f [][]byte) [][]byte { f[1] = f[1][:len(f[1])-100]; return f },
		"no last block":                       func(f [][]byte) [][]byte { return f[:2] },
		"an unknown frame":                    func(f [][]byte) [][]byte { f[1][0] ^= 0xff; return f },
		"the order of two":                    func(f [][]byte) [][]byte { f[0], f[1] = f[1], f[0]; return f },
	} {
		t.Run(name, func(t *testing.T) {
			frames := make([][]byte, len(whole))
			for i := range whole {
				frames[i] = bytes.Clone(whole[i])
			}
			refuse(t, bytes.NewReader(slices.Concat(change(frames)...)), archive.Limits{}, "")
		})
	}
}

// headerSize is that of a frame of 2 MiB: magic number, descriptor, four bytes of
// size.
const headerSize = 4 + 1 + 4

func mustCompressFrames(t *testing.T, content []byte) (frames [][]byte) {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithWindowSize(archive.MaxWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(content, archive.MaxWindow) {
		frames = append(frames, w.EncodeAll(part, nil))
	}
	return frames
}

func TestTruncatedArchive(t *testing.T) {
	content := archiveOf(t, with(folder("outputs/d/"), file("outputs/d/noise", cachetest.Noise(1, 300_000)), file("outputs/text", strings.Repeat("text ", 1000))))
	for i := range 20 {
		refuse(t, bytes.NewReader(content[:len(content)*i/20]), archive.Limits{}, "")
	}
	refuse(t, bytes.NewReader(content[:len(content)-1]), archive.Limits{}, "")
}

// sentinel is a reader that nobody may read any more once it is closed.
type sentinel struct {
	t      *testing.T
	r      io.Reader
	closed bool // the race detector sees who reads meanwhile
}

func (s *sentinel) Read(p []byte) (int, error) {
	if s.closed {
		s.t.Error("it is read after Extract has returned")
	}
	return s.r.Read(p)
}

// What comes next is received and decompressed beside the writing of files: not
// any more when Extract has returned.
func TestNothingIsReadAfterARefusal(t *testing.T) {
	content := archiveOf(t, with(file("evil", "x"), file("outputs/noise", cachetest.Noise(1, 8<<20))))
	for range 20 {
		s := &sentinel{t: t, r: bytes.NewReader(content)}
		if _, err := codec.Extract(s, cachetest.TempDir(t), "outputs", archive.Limits{}); !errors.Is(err, archive.ErrRefused) {
			t.Errorf("got %v, want %v", err, archive.ErrRefused)
		}
		s.closed = true
	}
}

func TestLimits(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	// A size that no body follows: what is declared counts, not what comes.
	huge := tarOf(t, with(file("outputs/huge", "")))
	at := bytes.LastIndex(huge, []byte("outputs/huge"))
	copy(huge[at+124:], "77777777777\x00") // 8 GiB - 1, octal
	var sum int
	copy(huge[at+148:], "        ")
	for _, b := range huge[at : at+512] {
		sum += int(b)
	}
	copy(huge[at+148:], fmt.Sprintf("%06o\x00 ", sum))

	many := func(n int) []entry {
		var entries []entry
		for i := range n {
			entries = append(entries, file(fmt.Sprintf("outputs/%d", i), ""))
		}
		return with(entries...)
	}
	for _, test := range []struct {
		name    string
		content []byte
		limits  archive.Limits
		want    string // "" if it is within the limits
	}{
		{"a bomb", archiveOf(t, with(file("outputs/a", zeros))), archive.Limits{Entries: 10, Bytes: 1<<20 + 4}, "more bytes"},
		{"exactly the bytes", archiveOf(t, with(file("outputs/a", zeros))), archive.Limits{Entries: 10, Bytes: 1<<20 + 5}, ""},
		{"a bomb of many files", archiveOf(t, with(file("outputs/a", zeros), file("outputs/b", zeros))), archive.Limits{Entries: 10, Bytes: 2 << 20}, "more bytes"},
		{"a bomb of terminal output", archiveOf(t, []entry{head()[0], file("terminalOutput", zeros), folder("outputs/")}), archive.Limits{Entries: 10, Bytes: 1<<20 - 1}, "more bytes"},
		{"a huge size declared", compress(t, huge), archive.Limits{Entries: 10, Bytes: 1 << 30}, "more bytes"},
		{"exactly the entries", archiveOf(t, many(9)), archive.Limits{Entries: 10, Bytes: 100}, ""},
		{"an entry too many", archiveOf(t, many(10)), archive.Limits{Entries: 10, Bytes: 100}, "more entries"},
		{"the limits by default", archiveOf(t, many(1000)), archive.Limits{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want != "" {
				refuse(t, bytes.NewReader(test.content), test.limits, test.want)
				return
			}
			if _, err := codec.Extract(bytes.NewReader(test.content), cachetest.TempDir(t), "outputs", test.limits); err != nil {
				t.Errorf("got %v, want nil", err)
			}
		})
	}
}

// A million bytes of name compress to a few; what is kept of them does not.
// Links wait in memory: no file system refuses their names.
func TestLimitOfNames(t *testing.T) {
	long := strings.Repeat("n", 250)
	var entries []entry
	for i := range 100 {
		entries = append(entries, link(fmt.Sprintf("outputs/%d%s", i, long), long))
	}
	content := archiveOf(t, with(entries...))
	refuse(t, bytes.NewReader(content), archive.Limits{Entries: 101, Bytes: 1 << 20}, "its names are longer")
	if _, err := codec.Extract(bytes.NewReader(content), cachetest.TempDir(t), "outputs", archive.Limits{Entries: 1000, Bytes: 1 << 20}); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	content = archiveOf(t, with(link("outputs/a", strings.Repeat("t", 200_000))))
	refuse(t, bytes.NewReader(content), archive.Limits{Entries: 1000, Bytes: 1 << 20}, "its names are longer")
	content = archiveOf(t, with(link("outputs/a", strings.Repeat("t", 300_000))))
	refuse(t, bytes.NewReader(content), archive.Limits{}, "at most 262144 are allowed")
}

// The reader's own errors are not the archive's doing, wherever they come.
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

// Not even a sound archive leaves links or read-only directories behind before
// its reader has come to its end.
func TestReaderThatFailsAtItsEnd(t *testing.T) {
	content := archiveOf(t, with(
		entry{tar.Header{Typeflag: tar.TypeDir, Name: "outputs/d/", Mode: 0o555, ModTime: someTime}, ""},
		file("outputs/d/a", "x"), link("outputs/d/l", "a")))
	dir := t.TempDir() // and not tempDir: what is left can be removed as it is
	wrong := errors.New("wrong digest")
	if _, err := codec.Extract(io.MultiReader(bytes.NewReader(content), iotest.ErrReader(wrong)), dir, "outputs", archive.Limits{}); !errors.Is(err, wrong) {
		t.Errorf("got %v, want %v", err, wrong)
	}
	if _, err := os.Lstat(filepath.Join(outputsOf(dir), "d", "l")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want no link", err)
	}
	if info, err := os.Stat(filepath.Join(outputsOf(dir), "d")); err != nil || info.Mode().Perm()&0o700 != 0o700 {
		t.Errorf("got %v, %v; want a directory that can be written", info, err)
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
