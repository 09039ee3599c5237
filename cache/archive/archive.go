package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Format is the version of the format this package writes, and the only one
// it reads.
const Format = 1

// MaxWindow is the largest zstd window, in bytes, that a reader accepts: it
// bounds the memory an archive can ask for.
const MaxWindow = 8 << 20

// InlineTerminalOutput is the number of bytes of terminal output that
// [Extract] returns in memory; a longer one is left in a file.
const InlineTerminalOutput = 256 << 10

const (
	metadataName = "metadata.json"
	terminalName = "terminalOutput"
	outputsName  = "outputs"
)

// ErrNotStorable is wrapped by the errors of [Write] that are the tree's own
// doing: it holds what an archive cannot, or changed while it was read.
var ErrNotStorable = errors.New("cannot be stored")

// ErrRefused is wrapped by the errors of [Extract] that are the archive's own
// doing: it is damaged, hostile or of another format.
var ErrRefused = errors.New("artifact refused")

// Task is what an archive says of a task besides its outputs.
type Task struct {
	Hash string `json:"hash"` // Nx's task hash
	Code int    `json:"code"` // exit code
}

// metadata is the content of the first entry.
type metadata struct {
	Format int `json:"format"`
	Task
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

func notStorable(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrNotStorable}, args...)...)
}

// links maps the slash-separated name of each link below outputs/ to its target.
type links map[string]string

// check returns a sentence about the first link that leaves the tree, or "".
//
// A target is followed one component at a time. Going up from a real directory
// is exact; going up from a link is not (its parent is the parent of where it
// points), so a target may not do that. By induction over the links no chain of
// them leaves the tree.
func (l links) check() string {
	for name, target := range l {
		if problem := l.checkOne(name, target); problem != "" {
			return fmt.Sprintf("link %s -> %s %s", name, target, problem)
		}
	}
	return ""
}

func (l links) checkOne(name, target string) string {
	if target == "" || strings.HasPrefix(target, "/") || hasDrive(target) {
		return "is not relative"
	}
	at := strings.Split(name, "/")
	at = at[:len(at)-1]
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if len(at) == 0 {
				return "leaves the outputs"
			}
			if _, ok := l[strings.Join(at, "/")]; ok {
				return "goes up from another link"
			}
			at = at[:len(at)-1]
		default:
			at = append(at, part)
		}
	}
	return ""
}

// hasDrive reports whether a target is absolute on Windows: "C:" or a drive's
// relative path.
func hasDrive(target string) bool {
	return len(target) >= 2 && target[1] == ':'
}

// permissions is what an archive keeps of a mode.
func permissions(mode fs.FileMode) fs.FileMode { return mode & fs.ModePerm }
