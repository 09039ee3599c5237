package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/frames"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Format is the version of the format this package writes, and the only one
// it reads.
const Format = 1

// MaxWindow is the largest zstd window, in bytes, that a reader accepts. It bounds the
// memory that an archive can request.
const MaxWindow = frames.Size

// InlineTerminalOutput is how many bytes of terminal output [Codec.Extract] returns in
// memory. It writes a longer one to a file.
const InlineTerminalOutput = 256 << 10

const (
	metadataName = "metadata.json"
	terminalName = "terminalOutput"
	outputsName  = "outputs"
)

// ErrNotStorable is wrapped by errors of [Codec.Write] about a tree that an archive cannot
// represent.
var ErrNotStorable = errors.New("cannot be stored")

// ErrChanged is wrapped by errors of [Codec.Write] about a tree that has changed, and may
// be a mixture of two results.
var ErrChanged = diagnostic.With(diagnostic.ResultChanged, errors.New("changed while it was stored"))

// ErrRefused is wrapped by errors of [Codec.Extract] about an archive that is damaged or
// hostile, or has another format.
var ErrRefused = errors.New("archive rejected")

// Task is the data of a task that an archive holds besides the outputs.
type Task struct {
	Hash string `json:"hash"` // Nx's task hash
	Code int    `json:"code"` // exit code

	// Outputs decide which links [Codec.Write] stores. The archive does not hold them.
	Outputs Outputs `json:"-"`
}

// metadata is the content of the first entry.
type metadata struct {
	Format int `json:"format"`
	Task
}

// ErrLinks is wrapped by the error of [Codec.Extract] for a valid archive with a link that
// [Limits.Outputs] do not allow.
var ErrLinks = errors.New("archive has a link that Nx rejects")

// refused is about an archive that this package does not make, unless it is damaged.
func refused(format string, args ...any) error {
	return refusedAs(diagnostic.EntryDangerous, format, args...)
}

func refusedAs(code diagnostic.Code, format string, args ...any) error {
	return diagnostic.With(code, fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...))
}

func notStorable(format string, args ...any) error {
	return notStorableAs(diagnostic.ResultNotStorable, format, args...)
}

func notStorableAs(code diagnostic.Code, format string, args ...any) error {
	return diagnostic.With(code, fmt.Errorf("%w: "+format, append([]any{ErrNotStorable}, args...)...))
}

// checkLink returns what is wrong with a link, called name below outputs/, whose target
// may be outside outputs/, or "".
//
// A target may contain ".." only at its beginning. There, ".." starts from the link's
// parent, a real directory, so counting is exact. After a name, ".." might start from
// another link and lead to the parent of that link's target. On its way down, a target
// passes only real directories and links that were checked themselves. By induction, no
// chain of links leaves the tree, even on file systems that ignore the case of letters.
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
			return "has \"..\" after a name"
		case depth == 0:
			return "leaves the outputs"
		default:
			depth--
		}
	}
	return ""
}

// hasDrive reports whether a target begins with a Windows drive, such as "C:".
func hasDrive(target string) bool {
	return len(target) >= 2 && target[1] == ':'
}

// permissions returns the bits of a mode that an archive keeps.
func permissions(mode fs.FileMode) fs.FileMode { return mode & fs.ModePerm }
