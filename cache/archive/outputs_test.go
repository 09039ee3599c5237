package archive_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// Whether Nx 24.0.6 accepts a link in a result of a remote cache.
// scripts/faults/links.test.js tests the most important ones with Nx.
var nxLinks = []struct {
	outputs string // with commas
	link    string
	isTaken bool
}{
	{"dist/a", "dist/a/l -> f", true},
	{"dist/a", "dist/a/l -> d", true},
	{"dist/a", "dist/a/d/l -> ../f", true},
	{"dist/a", "dist/a/d/l -> ../d", true},
	{"dist/a", "dist/a/d/l -> .", true},
	{"dist/a", "dist/a/l -> nothing", true},
	{"dist/a", "dist/a/l -> l", true},
	{"dist/a", "dist/a/l -> ./././f", true},
	{"dist/a", "dist/a/l -> d//f", true},
	{"dist/a", "dist/a/l -> d/", true},
	{"dist/a/", "dist/a/l -> d/f", true},
	{"./dist/a", "dist/a/l -> d/f", true},
	{"dist/a", "dist/a/l -> .", false},
	{"dist/a", "dist/a/l -> ./", false},
	{"dist/a", "dist/a/d/l -> ..", false},
	{"dist/a", "dist/a/d/l -> ./../.", false},
	{"dist/a", "dist/a/l -> ../a/f", false},
	{"dist/a", "dist/a/d/l -> ../../a/f", false},
	{"dist/a", "dist/a/l -> ../ab/f", false},
	{"dist/a,dist/b", "dist/a/l -> ../b/f", false},
	{"dist/a,dist/b", "dist/a/l -> ../b", false},
	{"dist/a,out/b", "dist/a/l -> ../../out/b/f", false},
	{"dist/l,dist/f", "dist/l -> f", false},
	{"dist/l,dist/d", "dist/l -> d", false},
	{"dist,dist/a", "dist/a/l -> ../b/f", false},
	{"dist/a,dist", "dist/a/l -> ../b/f", false},
	{"dist,dist/a", "dist/b/l -> ../a/f", true},
	{"dist/*", "dist/a/l -> ../b/f", true},
	{"dist/?", "dist/a/l -> ../b/f", true},
	{"dist/{a,b}", "dist/a/l -> ../b/f", true},
	{"dist/[ab]", "dist/a/l -> ../b/f", true},
	{"dist/+(a|b)", "dist/a/l -> ../b/f", true},
	{"dist/*/x", "dist/a/x/l -> ../y", true},
	{"dist/a*.js", "dist/ay.js -> b/f", true},
	{"dist/*.l,dist/d", "dist/x.l -> d/f", true},
	{"dist/a/**/*", "dist/a/d/l -> ../f", true},
	{"dist/a/**/*", "dist/a/l -> ../b/f", false},
	{"dist/a/**/*", "dist/a/d/l -> ../../b/f", false},
	{"dist/a/**/*", "dist/a/d/l -> ..", false},
	{"dist/**/*.js,dist/a", "dist/a/y.js -> ../b/x.js", false},
	{"dist/**/*.js,dist/a/**/*.js", "dist/a/y.js -> ../b/x.js", false},
	{"dist,dist/a/*.map", "dist/a/y.js -> ../b/x.js", false},
	{"*.js", "y.js -> x.js", true},
	{"**/*.js", "lib/y.js -> ../dist/x.js", true},
	{"**/*.js", "dist/y.js -> ..", false},
	{"*.js", "y.js -> .", false},
	{"dist,!dist/a", "dist/b/l -> ../a/f", true},
	{"dist/b,!dist/**/*.map", "dist/b/l -> ../a/f", false},
	{"dist/@a", "dist/@a/l -> ../b/f", false},
	{"dist/a+b", "dist/a+b/l -> ../b/f", false},
	{"dist/a!b", "dist/a!b/l -> ../b/f", false},
	{"", "dist/a/l -> ../b/f", true}, // for an Nx that does not check links
}

// A result with a link that Nx rejects is neither stored nor restored, but the archive is
// valid.
func TestLinksThatNxRejects(t *testing.T) {
	for _, test := range nxLinks {
		t.Run(strings.ReplaceAll(test.outputs+" "+test.link, "/", "_"), func(t *testing.T) {
			name, target, _ := strings.Cut(test.link, " -> ")
			from, to := cachetest.TempDir(t), cachetest.TempDir(t)
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755), os.Symlink(target, filepath.Join(from, name))); err != nil {
				t.Fatal(err)
			}
			var outputs archive.Outputs
			if test.outputs != "" {
				outputs = archive.NewOutputs(strings.Split(test.outputs, ","))
			}
			_, err := write(archive.Task{Hash: "123", Outputs: outputs}, "", from)
			if test.isTaken != (err == nil) || err != nil && (!errors.Is(err, archive.ErrNotStorable) || !strings.Contains(err.Error(), test.link+" ")) {
				t.Errorf("stored: %v, want it accepted: %t", err, test.isTaken)
			}
			content := mustWrite(t, archive.Task{Hash: "123"}, "", from)
			limits := archive.LimitsOf(int64(len(content)))
			limits.Outputs = outputs
			_, err = codec.Extract(bytes.NewReader(content), to, "outputs", limits)
			if test.isTaken != (err == nil) || err != nil && (!errors.Is(err, archive.ErrLinks) || errors.Is(err, archive.ErrRefused)) {
				t.Errorf("restored: %v, want it accepted: %t", err, test.isTaken)
			}
		})
	}
}
