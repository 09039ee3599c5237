package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// If the file system refuses a rename, the result is still put at its path, without
// leftovers.
func TestReplaceIfRenamesAreRefused(t *testing.T) {
	reasons := []error{syscall.EXDEV, syscall.EBUSY, syscall.EINVAL}
	if runtime.GOOS == "windows" {
		reasons = []error{syscall.Errno(17)}
	}
	for _, reason := range reasons {
		for name, isRefused := range map[string]func(from, to string) bool{
			"of the existing file": func(from, _ string) bool { return strings.HasPrefix(from, "123") },
			"of the result":        func(_, to string) bool { return strings.HasPrefix(to, "123") },
			"of every file":        func(string, string) bool { return true },
			"of no file":           func(string, string) bool { return false },
		} {
			for _, there := range []string{"nothing", "a result", "a file", "a link", "an empty directory", "a read-only directory"} {
				t.Run(fmt.Sprint(reason, " ", name, ", ", there), func(t *testing.T) {
					f := openFolder(t)
					refuse := func(real move) move {
						return func(from *directory.Dir, name string, to *directory.Dir, newName string) error {
							if isRefused(name, newName) {
								return &os.LinkError{Op: "rename", Old: name, New: newName, Err: reason}
							}
							return real(from, name, to, newName)
						}
					}
					outside := putThere(t, f.cacheDirectory.Root.Name(), there)
					at := makeResult(t, f)
					if err := (mover{refuse(directory.Rename), refuse(directory.Exchange)}).replace(t.Context(), at, "123"); err != nil {
						t.Fatal(err)
					}
					checkMadeResult(t, filepath.Join(f.cacheDirectory.Root.Name(), "123"))
					if names := f.Names(); len(names) > 0 {
						t.Errorf("%v is left behind", names)
					}
					if b, err := os.ReadFile(outside); err != nil || string(b) != "precious" {
						t.Errorf("got %q, %v behind the link", b, err)
					}
				})
			}
		}
	}
}

// A result of another user, which cannot be moved, stays complete.
func TestReplaceThatIsNotPermitted(t *testing.T) {
	f := openFolder(t)
	dir := f.cacheDirectory.Root.Name()
	putThere(t, dir, "a result")
	denied := func(*directory.Dir, string, *directory.Dir, string) error {
		return &os.LinkError{Op: "rename", Err: syscall.EACCES}
	}
	if err := (mover{denied, denied}).replace(t.Context(), makeResult(t, f), "123"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want %v", err, fs.ErrPermission)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "123", "old")); err != nil || string(b) != "old" {
		t.Errorf("got %q, %v; want the existing file", b, err)
	}
}

// A copy that fails leaves no part of a result, and removes no other files.
func TestCopyThatBreaks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a socket in a folder breaks it, which is a file there")
	}
	f := openFolder(t)
	at := makeResult(t, f)
	t.Chdir(at.Full()) // the path of a socket may not be long
	socket, err := net.Listen("unix", "zzz")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	refused := func(*directory.Dir, string, *directory.Dir, string) error { return syscall.EXDEV }
	if err := (mover{refused, refused}).replace(t.Context(), at, "123"); err == nil {
		t.Error("a socket was copied")
	}
	if _, err := f.cacheDirectory.Root.Lstat("123"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v; want no result", err)
	}
	putThere(t, f.cacheDirectory.Root.Name(), "a result")
	if err := f.cacheDirectory.MakeEmpty("123"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v of a directory that is not empty, want %v", err, fs.ErrExist)
	}
}

func openFolder(t *testing.T) *Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	f, err := makeFolder(dir, newSession(), Rule{AllowInsecure: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.remove)
	return f
}

// putThere creates something at the result's path. It returns the path of a file whose
// content must stay "precious".
func putThere(t *testing.T, dir, kind string) (outside string) {
	t.Helper()
	place := filepath.Join(dir, "123")
	outside = filepath.Join(filepath.Dir(dir), "precious", "thesis")
	err := errors.Join(os.Mkdir(filepath.Dir(outside), 0o755), os.WriteFile(outside, []byte("precious"), 0o644))
	switch kind {
	case "a file":
		err = errors.Join(err, os.WriteFile(place, nil, 0o644))
	case "a link":
		err = errors.Join(err, os.Symlink(filepath.Dir(outside), place))
	case "an empty directory":
		err = errors.Join(err, os.Mkdir(place, 0o755))
	case "a result", "a read-only directory":
		err = errors.Join(err, os.Mkdir(place, 0o755), os.WriteFile(filepath.Join(place, "old"), []byte("old"), 0o644))
		if kind != "a result" {
			err = errors.Join(err, os.Chmod(place, 0o555))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return outside
}

var madeTime = time.Unix(1e9, 123_456_700)

// makeResult creates a result with entries of each kind.
func makeResult(t *testing.T, f *Folder) Path {
	t.Helper()
	at := Path{f, "1"}
	dir := filepath.Join(f.Root.Name(), "1")
	err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "sub", "empty"), 0o777),
		os.WriteFile(filepath.Join(dir, "run"), []byte("x"), 0o755),
		os.WriteFile(filepath.Join(dir, "sub", "a"), []byte("content"), 0o444),
		os.Symlink("../run", filepath.Join(dir, "sub", "link")),
		os.Symlink("nothing", filepath.Join(dir, "dangling")),
	)
	for _, name := range []string{"run", "sub/a", "sub/empty", "sub"} {
		err = errors.Join(err, os.Chtimes(filepath.Join(dir, name), madeTime, madeTime))
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func checkMadeResult(t *testing.T, dir string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := filepath.ToSlash(rel) + " " + info.Mode().Type().String()
		switch {
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			got = append(got, text+" "+filepath.ToSlash(target))
			return err
		case !info.ModTime().Equal(madeTime):
			t.Errorf("%s is of %s, want %s", rel, info.ModTime(), madeTime)
		}
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(content)
			if runtime.GOOS != "windows" {
				text += fmt.Sprintf(" %o", info.Mode().Perm()&0o700)
			}
		}
		got = append(got, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dangling L--------- nothing", "run ---------- x 700", "sub d---------", "sub/a ---------- content 400",
		"sub/empty d---------", "sub/link L--------- ../run",
	}
	if runtime.GOOS != "windows" && !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
