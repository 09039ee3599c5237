package archive_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// sandbox is a directory to extract into, dir, with files around it that must not change.
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
	// The check also detects a file that is created and removed between two ticks of the
	// clock.
	must(filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, someTime, someTime))
	}))
	return s
}

// outside returns the listing of a sandbox without the contents of its directory.
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

// refuse extracts content in a sandbox. It fails unless the content is rejected and only
// its directory has changed.
func refuse(t *testing.T, r io.ReadSeeker, limits archive.Limits, want string) {
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

	// A reader that creates nothing gives the same reason.
	if _, visited := codec.Visit(rewound(t, r), limits, discard{}); fmt.Sprint(visited) != fmt.Sprint(err) {
		t.Errorf("Visit: got %.300v, want %.300v", visited, err)
	}
}

func rewound(t *testing.T, r io.ReadSeeker) io.Reader {
	t.Helper()
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return r
}

// discard is a visitor that keeps nothing.
type discard struct{}

func (discard) File(_ string, _ fs.FileMode, content io.Reader) error {
	_, err := io.Copy(io.Discard, content)
	return err
}

func (discard) Directory(string)    {}
func (discard) Link(string, string) {}

// checkInside fails if a link below dir leads out of the outputs.
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
