//go:build unix

package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/tree"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// fuzzLimits are small limits, because the tests also read what they extract.
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

// FuzzArchive extracts any bytes. Few inputs pass the checksums of zstd.
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

// FuzzTar extracts any bytes as a tar in a valid zstd frame. It corrects the checksums of
// headers, because few changes would pass them.
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

// withChecksums returns a copy of a tar in which every block that looks like a header has
// a correct checksum.
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

// FuzzEntries extracts valid tars of hostile entries, which [script] makes, into a folder
// with obstacles.
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

// checkExtract extracts content into s.dir and checks all promises of
// [archive.Codec.Extract], whether it accepts the archive or not.
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
	// A reader that creates nothing agrees, unless the file system is the reason.
	if _, visited := codec.Visit(bytes.NewReader(content), limits, discard{}); (err == nil || errors.Is(err, archive.ErrRefused)) && fmt.Sprint(visited) != fmt.Sprint(err) {
		if _, isTime := errors.AsType[*tree.TimeError](err); !isTime {
			t.Errorf("Visit: got %v, want %v", visited, err)
		}
	}
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

// allocated returns how many bytes this process has allocated in total.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// checkKinds fails if s.dir contains more entries, or other kinds, than an archive may
// create.
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
				t.Errorf("%s is a link of a rejected archive", path)
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
	// The terminal output is one more file.
	if entries > limits.Entries+1 || size > limits.Bytes {
		t.Errorf("got %d entries of %d bytes, want at most %+v", entries, size, limits)
	}
}

// checkError fails unless the error of a rejected archive blames the archive, or a file
// system that does not support a name.
func checkError(t *testing.T, s sandbox, contents archive.Contents, err error) {
	t.Helper()
	// On macOS, "A" is the same name as "a", and some names are not allowed.
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

// checkPacksAgain fails unless the extracted tree can be stored and extracted again
// without changes.
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

// writeThroughLinks acts like a task that runs after the outputs were restored: it writes
// to the target of every link. It ignores errors, because then nothing was written.
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

// obstruct creates links in s.dir that lead outside.
func (s *sandbox) obstruct(t *testing.T, way byte) {
	t.Helper()
	switch way % 8 { // usually nothing
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

// clear removes the links of obstruct, and fails unless they still exist.
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
