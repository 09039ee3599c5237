//go:build unix

package archive_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

var before1970 = time.Date(1969, 7, 20, 20, 17, 40, 123456789, time.UTC)

// rich is a tree with everything that results of tasks are known to contain.
func rich() []node {
	long := strings.Repeat("n", 255)
	nodes := []node{
		// modes
		{name: "modes/644", mode: 0o644, content: "a"},
		{name: "modes/755", mode: 0o755, content: "#!/bin/sh\n"},
		{name: "modes/600", mode: 0o600, content: "c"},
		{name: "modes/444", mode: 0o444, content: "d"},
		{name: "modes/read-only/", mode: 0o555},
		{name: "modes/read-only/inner/", mode: 0o555},
		{name: "modes/read-only/inner/file", mode: 0o444, content: "e"},
		{name: "modes/read-only/inner/link", target: "file"},
		{name: "modes/private/", mode: 0o700},

		// times
		{name: "times/", time: before1970.Add(-time.Hour)},
		{name: "times/file", content: "a", time: before1970},
		{name: "times/link", target: "file", time: before1970.Add(time.Nanosecond)},
		{name: "times/epoch", time: time.Unix(0, 0)},
		{name: "times/whole", time: time.Unix(1_700_000_000, 0)},
		{name: "times/future", time: time.Date(2106, 2, 8, 0, 0, 0, 1, time.UTC)},

		// links
		{name: "links/to-file", target: "../modes/644"},
		{name: "links/to-folder", target: "../modes"},
		{name: "links/to-link", target: "to-folder"},
		{name: "links/through-link", target: "to-link/755"},
		{name: "links/dangling", target: "nowhere/to/be/seen"},
		{name: "links/to-itself", target: "to-itself"},
		{name: "links/to-the-root", target: ".."},
		{name: "links/a/b/c/up", target: "../../../../modes/644"},
		{name: "links/dots", target: "./.././modes//644"},
		{name: "links/...", target: "..."},

		// pnpm
		{name: "node_modules/.pnpm/a@1.0.0/node_modules/a/index.js", content: "require('b')"},
		{name: "node_modules/.pnpm/a@1.0.0/node_modules/b", target: "../../b@2.0.0/node_modules/b"},
		{name: "node_modules/.pnpm/b@2.0.0/node_modules/b/index.js", content: "1"},
		{name: "node_modules/.pnpm/node_modules/b", target: "../b@2.0.0/node_modules/b"},
		{name: "node_modules/a", target: ".pnpm/a@1.0.0/node_modules/a"},
		{name: "node_modules/.bin/a", target: "../a/index.js"},

		// next build with output: 'standalone'
		{name: ".next/standalone/apps/web/server.js", content: "next"},
		{name: ".next/standalone/apps/web/node_modules/react", target: "../../../node_modules/.pnpm/react@19/node_modules/react"},
		{name: ".next/standalone/node_modules/.pnpm/react@19/node_modules/react/index.js", content: "react"},
		{name: ".next/standalone/node_modules/react", target: ".pnpm/react@19/node_modules/react"},

		// names
		{name: "names/metadata.json", content: "not ours"},
		{name: "names/terminalOutput", content: "not ours"},
		{name: "metadata.json", content: "not ours either"},
		{name: "terminalOutput", content: "not ours either"},
		{name: "outputs/outputs/outputs", content: "nor this"},
		{name: "names/caf\u00e9 (NFC)", content: "1"},
		{name: "names/cafe\u0301 (NFD)", content: "2"},
		{name: "names/日本語/🎉", content: "3"},
		{name: "names/ leading and trailing ", content: "4"},
		{name: "names/new\nline", content: "5"},
		{name: "names/tab\tand \x01 control", content: "6"},
		{name: "names/-rf", content: "7"},
		{name: "names/--help/", mode: 0o755},
		{name: "names/C:", content: "8"},
		{name: "names/a=b\"c'd$e`f*g?h", content: "9"},
		{name: "names/.hidden/.gitignore", content: "*"},
		{name: "names/..x/x../...", content: "10"},
		{name: "names/" + long, content: "255 bytes"},
		{name: "names/" + strings.Repeat("m", 200) + "/" + strings.Repeat("m", 200), content: "a path of 400"},
		{name: "names/long-target", target: strings.Repeat("t/", 1000) + "t"},

		// nothing
		{name: "empty/file"},
		{name: "empty/folder/"},
		{name: "empty/folders/in/folders/"},
	}
	if runtime.GOOS == "linux" { // PATH_MAX is 1,024 on macOS
		deep := strings.Repeat(long+"/", 14) // 3,584 bytes
		nodes = append(nodes, node{name: "names/deep/" + deep + strings.Repeat("x", 250), content: "a path of nearly 4,000"})
	}
	// Around the blocks of tar (512) and of zstd (128 KiB), and batches of files
	// (512 KiB).
	for i, size := range []int{1, 511, 512, 513, 128<<10 - 1, 128 << 10, 128<<10 + 1, 512<<10 - 1, 512 << 10, 512<<10 + 1, 3<<20 + 7} {
		nodes = append(nodes,
			node{name: fmt.Sprintf("sizes/noise/%d", size), content: cachetest.Noise(uint64(i), size)},
			node{name: fmt.Sprintf("sizes/zeros/%d", size), content: strings.Repeat("\x00", size)})
	}
	return nodes
}

// withNewFolders returns a listing in which all folders have the mode of a new folder.
func withNewFolders(t *testing.T, all map[string]string) map[string]string {
	t.Helper()
	info, err := os.Lstat(cachetest.TempDir(t)) // made with 0777
	if err != nil {
		t.Fatal(err)
	}
	all = maps.Clone(all)
	for name, text := range all {
		if mode, rest, _ := strings.Cut(text, " "); mode[0] == 'd' {
			all[name] = info.Mode().String() + " " + rest
		}
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	plant(t, from, rich())
	want := listing(t, from)

	content := mustWrite(t, archive.Task{Hash: "123", Code: 0}, "done\n", from)
	got := mustExtract(t, content, to)
	compare(t, listing(t, from), want) // the writer has changed nothing
	compare(t, listing(t, outputsOf(to)), withNewFolders(t, want))

	var size int64
	for _, n := range rich() {
		size += int64(len(n.content))
	}
	if got.Size != size {
		t.Errorf("got size %d, want %d", got.Size, size)
	}
	if got.Task != (archive.Task{Hash: "123"}) || string(got.TerminalOutput) != "done\n" {
		t.Errorf("got %+v with %q, want hash 123, code 0 and %q", got.Task, got.TerminalOutput, "done\n")
	}
}

// More files and folders than are written or open at once.
func TestRoundTripOfManyFiles(t *testing.T) {
	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	var nodes []node
	for i := range 1000 {
		nodes = append(nodes, node{
			name:    fmt.Sprintf("%d/%d/%s/%d", i%7, i%31, strings.Repeat("d/", i%5), i),
			content: cachetest.Noise(uint64(i), i*i%40_000),
		})
	}
	plant(t, from, nodes)
	mustExtract(t, mustWrite(t, archive.Task{Hash: "123"}, "", from), to)
	compare(t, listing(t, outputsOf(to)), listing(t, from))
}

// The sizes of a reader's reads do not matter.
func TestRoundTripOfSlowReaders(t *testing.T) {
	from := cachetest.TempDir(t)
	plant(t, from, []node{{name: "a", content: cachetest.Noise(1, 200_000)}, {name: "b/c", target: "../a"}})
	content := mustWrite(t, archive.Task{Hash: "123"}, "", from)
	want := listing(t, from)

	to := cachetest.TempDir(t)
	if _, err := codec.Extract(iotest.OneByteReader(bytes.NewReader(content)), to, "outputs", archive.Limits{}); err != nil {
		t.Errorf("one byte at a time: %v", err)
	}
	compare(t, listing(t, outputsOf(to)), want)

	to = cachetest.TempDir(t)
	if _, err := codec.Extract(iotest.DataErrReader(bytes.NewReader(content)), to, "outputs", archive.Limits{}); err != nil {
		t.Errorf("the last bytes with io.EOF: %v", err)
	}
	compare(t, listing(t, outputsOf(to)), want)
}

func TestEmptyTree(t *testing.T) {
	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	got := mustExtract(t, mustWrite(t, archive.Task{Hash: "123"}, "", from), to)
	if info, err := os.Stat(outputsOf(to)); err != nil || info.Mode() != os.ModeDir|0o755 {
		t.Errorf("got %v, %v; want a directory of mode 0755", info, err)
	}
	if got.Size != 0 || len(got.TerminalOutput) != 0 || got.TerminalOutputFile != "" {
		t.Errorf("got %+v, want nothing", got)
	}
}

// A hard link becomes a second file. Writing to one file does not change the other.
func TestHardLink(t *testing.T) {
	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	plant(t, from, []node{{name: "a", content: "content"}})
	if err := os.Link(filepath.Join(from, "a"), filepath.Join(from, "b")); err != nil {
		t.Fatal(err)
	}
	mustExtract(t, mustWrite(t, archive.Task{Hash: "123"}, "", from), to)
	compare(t, listing(t, outputsOf(to)), listing(t, from))
	a, err := os.Stat(filepath.Join(outputsOf(to), "a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(filepath.Join(outputsOf(to), "b"))
	if err != nil {
		t.Fatal(err)
	}
	if os.SameFile(a, b) {
		t.Error("got one file of two names, want two files")
	}
}

func TestSpecialModeBitsAreDropped(t *testing.T) {
	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	plant(t, from, []node{
		{name: "file", mode: 0o755 | os.ModeSetuid | os.ModeSetgid},
		{name: "folder/", mode: 0o755 | os.ModeSticky},
	})
	mustExtract(t, mustWrite(t, archive.Task{Hash: "123"}, "", from), to)
	for name, want := range map[string]os.FileMode{"file": 0o755, "folder": os.ModeDir | 0o755} {
		info, err := os.Stat(filepath.Join(outputsOf(to), name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

// In nx#36116, only two of the four bytes of an exit code were read.
func TestF15ExitCode(t *testing.T) {
	dir := cachetest.TempDir(t)
	for _, code := range []int{0, 1, 2, 127, 130, 137, 255, 256, 65536, -1, 1<<31 - 1, 1 << 31, -1 << 31, 3221225786} {
		got := mustExtract(t, mustWrite(t, archive.Task{Hash: "123", Code: code}, "", dir), cachetest.TempDir(t))
		if got.Code != code {
			t.Errorf("got %d, want %d", got.Code, code)
		}
	}
}

func TestTerminalOutput(t *testing.T) {
	const inline = archive.InlineTerminalOutput
	from := cachetest.TempDir(t)
	for _, test := range []struct {
		name, text string
		asFile     bool
	}{
		{"empty", "", false},
		{"NUL and ANSI", "\x1b[32m✓\x1b[0m done\r\n\x00\x07\ttail", false},
		{"not UTF-8", "caf\xe9 \xff\xfe", false},
		{"one byte below the limit", cachetest.Noise(1, inline-1), false},
		{"at the limit", cachetest.Noise(2, inline), false},
		{"one byte above the limit", cachetest.Noise(3, inline+1), true},
		{"5 MiB", strings.Repeat("> tsc -b\n", 5<<20/9), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := cachetest.TempDir(t)
			got := mustExtract(t, mustWrite(t, archive.Task{Hash: "123"}, test.text, from), to)
			text := string(got.TerminalOutput)
			if test.asFile {
				if got.TerminalOutput != nil || filepath.Dir(got.TerminalOutputFile) != to {
					t.Errorf("got %d bytes and the file %q, want a file in %s", len(text), got.TerminalOutputFile, to)
				}
				content, err := os.ReadFile(got.TerminalOutputFile)
				if err != nil {
					t.Fatal(err)
				}
				text = string(content)
			} else if got.TerminalOutputFile != "" {
				t.Errorf("got the file %s, want text", got.TerminalOutputFile)
			}
			if text != test.text {
				t.Errorf("got %d bytes, want the %d of before", len(text), len(test.text))
			}
		})
	}
}

func TestSameTreeGivesSameBytes(t *testing.T) {
	cachetest.SkipWithRace(t)
	nodes := rich()
	task := archive.Task{Hash: "123", Code: 1}
	first := cachetest.TempDir(t)
	plant(t, first, nodes)
	want := mustWrite(t, task, "done", first)

	if !bytes.Equal(mustWrite(t, task, "done", first), want) {
		t.Error("packing the same tree twice results in different bytes")
	}

	second := filepath.Join(cachetest.TempDir(t), "elsewhere", "with another mode")
	if err := os.MkdirAll(second, 0o700); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(nodes)
	plant(t, second, nodes)
	copyFolderTimes(t, first, second)
	if !bytes.Equal(mustWrite(t, task, "done", second), want) {
		t.Error("the same tree, created elsewhere in another order, results in different bytes")
	}

	if bytes.Equal(mustWrite(t, archive.Task{Hash: "123", Code: 2}, "done", first), want) {
		t.Error("another exit code results in the same bytes")
	}
	if bytes.Equal(mustWrite(t, task, "done.", first), want) {
		t.Error("another terminal output results in the same bytes")
	}
}

// copyFolderTimes sets the times of the directories in to as in from.
func copyFolderTimes(t *testing.T, from, to string) {
	t.Helper()
	for name := range listing(t, from) {
		info, err := os.Lstat(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			if err := os.Chtimes(filepath.Join(to, name), info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Common tools can read the format.
func TestOtherToolsListIt(t *testing.T) {
	for _, program := range []string{"zstd", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	from := cachetest.TempDir(t)
	plant(t, from, []node{
		{name: "dist/main.js", content: "1"},
		{name: "dist/empty/"},
		{name: "dist/link", target: "main.js"},
		{name: "dist/" + strings.Repeat("n", 240), content: "2"},
	})
	path := filepath.Join(t.TempDir(), "a.tar.zst")
	if err := os.WriteFile(path, mustWrite(t, archive.Task{Hash: "123"}, "", from), 0o600); err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "sh", "-c", `zstd -dc "$1" | tar t`, "sh", path)
	list.Stderr = os.Stderr
	got, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "metadata.json\nterminalOutput\noutputs/\noutputs/dist/\noutputs/dist/empty/\noutputs/dist/link\noutputs/dist/main.js\n" +
		"outputs/dist/" + strings.Repeat("n", 240) + "\n"
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
