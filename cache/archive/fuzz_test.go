//go:build unix

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
	"runtime/metrics"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// fuzzLimits are the limits of an archive, but small: what is extracted is looked
// at, too.
func fuzzLimits(content []byte) archive.Limits {
	const smaller = 64
	bytes := archive.LimitsOf(int64(len(content))).Bytes / smaller
	return archive.Limits{Entries: 200, Bytes: min(bytes, 4<<20)}
}

// maxAllocated bounds, in bytes, what one extraction allocates, freed or not.
// Nearly all of it is the decompressor's window.
const maxAllocated = 64 << 20

// goldenArchives returns the archives of testdata.
func goldenArchives(f *testing.F) (contents [][]byte) {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join(goldenDir, "*.tar.zst"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no archives in %s: %v", goldenDir, err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		contents = append(contents, content)
	}
	return contents
}

// FuzzArchive extracts any bytes. Few get past the checksums of zstd.
func FuzzArchive(f *testing.F) {
	for _, content := range goldenArchives(f) {
		f.Add(content)
	}
	sound := tarOf(f, with(file("outputs/a", "x")))
	f.Add(compress(f, sound, zstd.WithEncoderCRC(false)))
	f.Add(slices.Concat(compress(f, sound[:700]), compress(f, sound[700:])))
	f.Add(archiveOf(f, with(file("outputs/a", strings.Repeat("\x00", 2<<20)))))
	f.Add(compress(f, formOf(f, sparseVersions["1.0"])))
	f.Add(zerosOf(f, 3))
	f.Add(bytes.Repeat(emptyFrame, 100))
	f.Add(append(compress(f, sound), emptySizedFrame...))
	f.Add(append([]byte("\x50\x2a\x4d\x18\x05\x00\x00\x00words"), compress(f, sound)...))
	f.Add(zeroFrame(f))
	f.Fuzz(func(t *testing.T, content []byte) { checkExtract(t, newSandbox(t), content) })
}

// FuzzTar extracts any bytes as the tar in a sound zstd frame, with correct
// checksums, which hardly a change would get past.
func FuzzTar(f *testing.F) {
	for _, content := range goldenArchives(f) {
		content = decompress(f, content)
		// Fuzzing is slow with the golden archive of a long terminal output.
		f.Add(content[:min(len(content), 64<<10)])
	}
	for _, h := range hostiles() {
		f.Add(tarOf(f, h.entries))
	}
	for _, form := range forms() {
		f.Add(formOf(f, form.more))
	}
	f.Add(tarOf(f, with(folder("outputs/a/"), file("outputs/a/b", "x"), link("outputs/a/l", "../a/b"))))
	compressor := newCompressor(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		checkExtract(t, newSandbox(t), compressor.EncodeAll(withChecksums(content), nil))
	})
}

// withChecksums returns a copy of a tar in which all that looks like a header
// has a correct checksum.
func withChecksums(content []byte) []byte {
	content = bytes.Clone(content)
	for header := range slices.Chunk(content, 512) {
		if len(header) < 512 || string(header[257:262]) != "ustar" {
			continue
		}
		copy(header[148:], "        ")
		var sum int
		for _, b := range header {
			sum += int(b)
		}
		copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	}
	return content
}

// FuzzEntries extracts sound tars of hostile entries, which [script] makes, and
// puts things into their way.
func FuzzEntries(f *testing.F) {
	for seed := range 32 {
		f.Add([]byte(cachetest.Noise(uint64(seed), 16+seed*4)), byte(seed))
	}
	for _, seed := range scripts {
		for way := range byte(4) {
			f.Add(seed, way)
		}
	}
	compressor := newCompressor(f)
	f.Fuzz(func(t *testing.T, bytes []byte, way byte) {
		s := newSandbox(t)
		s.obstruct(t, way)
		entries := script(bytes).entries(s.root)
		defer func() {
			if t.Failed() {
				t.Logf("with %d in the way:\n%s", way, describeEntries(entries))
			}
		}()
		checkExtract(t, s, compressor.EncodeAll(tarOfPossible(t, entries), nil))
	})
}

func newCompressor(f *testing.F) *zstd.Encoder {
	f.Helper()
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
	if err != nil {
		f.Fatal(err)
	}
	return compressor
}

// checkExtract extracts content into s.dir and checks all that [archive.Codec.Extract]
// promises, whether it takes the archive or not.
func checkExtract(t *testing.T, s sandbox, content []byte) {
	t.Helper()
	before := s.outside(t)
	started := allocated()
	limits := fuzzLimits(content)

	contents, err := codec.Extract(bytes.NewReader(content), s.dir, "outputs", limits)

	if n := allocated() - started; n > maxAllocated {
		t.Errorf("allocated %d bytes, want at most %d", n, maxAllocated)
	}
	compare(t, s.outside(t), before)
	s.clear(t)
	checkKinds(t, s, limits, err)
	if err != nil {
		checkError(t, s, contents, err)
		return
	}
	if contents.Size > limits.Bytes {
		t.Errorf("got %d bytes, want at most %d", contents.Size, limits.Bytes)
	}
	checkInside(t, s.dir)
	checkPacksAgain(t, s, contents)
	writeThroughLinks(t, s)
	compare(t, s.outside(t), before)
}

// allocated is the number of bytes that this process has ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// checkKinds fails where there is more below s.dir, or something else, than an
// archive may put there.
func checkKinds(t *testing.T, s sandbox, limits archive.Limits, refused error) {
	t.Helper()
	var entries int
	var size int64
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == s.dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		entries++
		switch mode := info.Mode(); {
		case mode.IsRegular():
			size += info.Size()
			if links := info.Sys().(*syscall.Stat_t).Nlink; links != 1 {
				t.Errorf("%s has %d names, want 1", path, links)
			}
		case mode.Type() == fs.ModeSymlink:
			if errors.Is(refused, archive.ErrRefused) {
				t.Errorf("%s is a link of an archive that was refused", path)
			}
		case !mode.IsDir():
			t.Errorf("%s is %s", path, mode)
		}
		if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0 {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// One more is the file of the terminal output.
	if entries > limits.Entries+1 || size > limits.Bytes {
		t.Errorf("got %d entries of %d bytes, want at most %+v", entries, size, limits)
	}
}

// checkError fails unless an archive that is not taken is told to be the
// archive's fault, or that of a file system that cannot hold a name.
func checkError(t *testing.T, s sandbox, contents archive.Contents, err error) {
	t.Helper()
	// On macOS, where "A" is "a" and some names are not allowed, also those.
	inTheWay := errors.Is(err, fs.ErrExist) && (len(s.planted) > 0 || runtime.GOOS == "darwin")
	cannotBe := errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.EILSEQ)
	if !errors.Is(err, archive.ErrRefused) && !inTheWay && !cannotBe {
		t.Errorf("got %v, want it to be %v", err, archive.ErrRefused)
	}
	if contents.TerminalOutput != nil || contents.TerminalOutputFile != "" || contents.Task != (archive.Task{}) || contents.Size != 0 {
		t.Errorf("got %+v, want nothing", contents)
	}
	if text := err.Error(); len(text) > 16<<10 {
		t.Errorf("got an error of %d bytes: %.100s", len(text), text)
	}
}

// checkPacksAgain fails unless what was extracted can be stored and extracted
// again, and is then the same.
func checkPacksAgain(t *testing.T, s sandbox, contents archive.Contents) {
	t.Helper()
	terminal := contents.TerminalOutput
	if contents.TerminalOutputFile != "" {
		if contents.TerminalOutputFile != archive.TerminalOutputOf(outputsOf(s.dir)) {
			t.Errorf("got the terminal output in %s", contents.TerminalOutputFile)
		}
		var err error
		if terminal, err = os.ReadFile(contents.TerminalOutputFile); err != nil {
			t.Fatal(err)
		}
	}
	outputs := outputsOf(s.dir)
	content, err := write(archive.Task{Hash: "1", Code: contents.Code}, string(terminal), outputs)
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return // it has files that not even their owner may read
	}
	if err != nil {
		t.Fatalf("cannot be stored again: %v", err)
	}
	again := cachetest.TempDir(t)
	got := mustExtract(t, content, again)
	if got.Code != contents.Code || got.Size != contents.Size || !bytes.Equal(readTerminal(t, got), terminal) {
		t.Errorf("got code %d, size %d, want %d and %d, and the same terminal output", got.Code, got.Size, contents.Code, contents.Size)
	}
	compare(t, listing(t, outputsOf(again)), listing(t, outputs))
}

func readTerminal(t *testing.T, contents archive.Contents) []byte {
	t.Helper()
	if contents.TerminalOutputFile == "" {
		return contents.TerminalOutput
	}
	terminal, err := os.ReadFile(contents.TerminalOutputFile)
	if err != nil {
		t.Fatal(err)
	}
	return terminal
}

// writeThroughLinks does what a task might that runs after the outputs were
// restored: it writes wherever a link leads. Where that fails, nothing was
// written.
func writeThroughLinks(t *testing.T, s sandbox) {
	t.Helper()
	var links []string
	err := filepath.WalkDir(outputsOf(s.dir), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type() == fs.ModeSymlink {
			links = append(links, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		_ = os.WriteFile(link+"/evil", []byte("written through a link"), 0o600)
		_ = os.WriteFile(link, []byte("written through a link"), 0o600)
		_ = os.Mkdir(link+"/evil-dir", 0o700)
	}
}

// obstruct puts links into s.dir, which should be empty, that lead outside.
func (s *sandbox) obstruct(t *testing.T, way byte) {
	t.Helper()
	switch way % 8 { // mostly nothing
	case 1:
		s.planted = map[string]string{"terminalOutput": "../canary"}
	case 2:
		s.planted = map[string]string{"outputs": "../aside-evil"}
	case 3:
		s.planted = map[string]string{"outputs": s.root, "terminalOutput": "../nothing"}
	}
	for name, target := range s.planted {
		if err := os.Symlink(target, filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// clear fails unless what obstruct has put there is there still, and removes it.
func (s sandbox) clear(t *testing.T) {
	t.Helper()
	for name, target := range s.planted {
		path := filepath.Join(s.dir, name)
		if got, err := os.Readlink(path); got != target {
			t.Errorf("%s: got a link to %q, %v, want %q", name, got, err, target)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// script makes entries of any bytes: each byte chooses something, so that
// nearly all there is are sound tars of questionable names.
type script []byte

func (s *script) next() int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b)
}

// words are what names are made of. "@" stands for the sandbox.
var words = []string{
	"a", "b", "d", "l", "..", "..", "A", "evil",
	"outputs", "canary", ".", "", "@", "C:", "terminalOutput", "metadata.json",
	"aside", "aside-evil", "between", "caf\u00e9", "\xff", "x y", strings.Repeat("n", 255), strings.Repeat("n", 256),
}

// scripts are some that make what is told beside them.
var scripts = [][]byte{
	{0, 5, 2, 0, 3, 2, 4, 1, 200, 20, 5, 1, 1, 1, 0, 200, 20}, // a/l -> ../b, b -> a
	{0, 5, 1, 3, 1, 12, 200, 20},                              // l -> the sandbox
	{0, 5, 1, 3, 3, 4, 4, 9, 200, 20},                         // l -> ../../canary
	{0, 5, 2, 0, 3, 1, 4, 200, 20, 16, 3, 0, 3, 7, 9, 255},    // a/l -> .., and a file a/l/evil
	{0, 3, 1, 0, 11, 4, 4, 9, 0},                              // a hard link to ../../canary
	{15, 2, 2, 0, 1, 255, 0, 10, 0, 3, 12, 17, 9, 9, 255},     // a long terminal output, a closed folder, a file of the sandbox
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
		if b&16 == 0 { // else its parents may be missing
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

// mode is that of an entry, seldom one that archives do not have.
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

// tarOfPossible is tarOf without the entries that cannot be written.
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
