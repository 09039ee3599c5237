//go:build unix

package archive_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// node is a file, a directory (its name ends in "/") or a link.
type node struct {
	name    string
	mode    os.FileMode // 0 means 0644 or 0755
	content string
	target  string
	time    time.Time // the zero value means someTime
}

// plant creates nodes below dir in the given order, and missing parents.
func plant(t *testing.T, dir string, nodes []node) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		path := filepath.Join(dir, n.name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		switch {
		case n.target != "":
			must(os.Symlink(n.target, path))
		case strings.HasSuffix(n.name, "/"):
			must(os.MkdirAll(path, 0o755))
		default:
			must(os.WriteFile(path, []byte(n.content), 0o644))
		}
	}
	// The deepest come first, so later ones do not change their times.
	deepest := slices.SortedFunc(slices.Values(nodes), func(a, b node) int {
		return strings.Count(strings.TrimSuffix(b.name, "/"), "/") - strings.Count(strings.TrimSuffix(a.name, "/"), "/")
	})
	for _, n := range deepest {
		path := filepath.Join(dir, n.name)
		if n.target == "" {
			mode := n.mode
			if mode == 0 {
				mode = 0o644
				if strings.HasSuffix(n.name, "/") {
					mode = 0o755
				}
			}
			must(os.Chmod(path, mode))
		}
		at := n.time
		if at.IsZero() {
			at = someTime
		}
		ts, err := unix.TimeToTimespec(at)
		must(err)
		must(unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
	}
}
