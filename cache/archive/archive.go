package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/frames"
)

// Format is the version of the format this package writes, and the only one
// it reads.
const Format = 1

// MaxWindow is the largest zstd window, in bytes, that a reader accepts: it
// bounds the memory an archive can ask for.
const MaxWindow = frames.Size

// InlineTerminalOutput is the number of bytes of terminal output that
// [Codec.Extract] returns in memory; a longer one is left in a file.
const InlineTerminalOutput = 256 << 10

const (
	metadataName = "metadata.json"
	terminalName = "terminalOutput"
	outputsName  = "outputs"
)

// ErrNotStorable is wrapped by the errors of [Codec.Write] that are the tree's own
// doing: it holds what an archive cannot.
var ErrNotStorable = errors.New("cannot be stored")

// ErrChanged is wrapped by the errors of [Codec.Write] that say that the tree is not,
// or does not stay, what it was: half of one result and half of the next is
// nobody's.
var ErrChanged = errors.New("changed while it was stored")

// ErrRefused is wrapped by the errors of [Codec.Extract] that are the archive's own
// doing: it is damaged, hostile or of another format.
var ErrRefused = errors.New("artifact refused")

// Task is what an archive says of a task besides its outputs.
type Task struct {
	Hash string `json:"hash"` // Nx's task hash
	Code int    `json:"code"` // exit code

	// Outputs, which no archive holds, decide which links [Codec.Write] stores.
	Outputs Outputs `json:"-"`
}

// metadata is the content of the first entry.
type metadata struct {
	Format int `json:"format"`
	Task
}

// ErrLinks is wrapped by the error of [Codec.Extract] that says that a sound archive has
// a link which [Limits.Outputs] do not allow.
var ErrLinks = errors.New("artifact has a link that Nx refuses")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

func notStorable(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrNotStorable}, args...)...)
}

// checkLink returns a sentence about a link, called name below outputs/, whose
// target may lie outside, or "".
//
// A target goes up at its beginning only. There it starts from the link's own
// parent, a real directory, and counting is exact; behind a name it might go up
// from another link, to the parent of where that one points. On its way down a
// target meets real directories and links that were checked themselves: by
// induction no chain of links leaves the tree, whatever the file system makes of
// the case of letters.
func checkLink(name, target string) string {
	if target == "" || strings.HasPrefix(target, "/") || hasDrive(target) {
		return "is not relative"
	}
	depth, down := strings.Count(name, "/"), false
	for part := range strings.SplitSeq(target, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			down = true
		case down:
			return "goes up behind a name"
		case depth == 0:
			return "leaves the outputs"
		default:
			depth--
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
