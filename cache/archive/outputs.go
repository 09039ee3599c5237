package archive

import (
	"path"
	"strings"
)

// Outputs are where a task declares its outputs, for an Nx that refuses a result with a
// link that leaves the output it is in. The zero value is an Nx that does not.
//
// Nx 24 does so for results of a remote cache, and not for those of its own: it warns,
// and runs the task, each time again. Its rule, found by trying Nx 24.0.6 (there are
// tests with it in scripts/faults/links.test.js):
//
//   - An output reaches from its first name to the last one before a glob: that of
//     "dist/*/lib" is dist. Outputs that begin with "!" do not count.
//   - A link in an output, and in each of several that lie in each other, leads to
//     something below it: not to the output itself, and not by way of its outside.
//   - No output is a link itself.
type Outputs struct {
	bases string // each ends in a NUL
}

// NewOutputs returns outputs as Nx names them, relative to the workspace.
func NewOutputs(declared []string) Outputs {
	var bases strings.Builder
	for _, output := range declared {
		if strings.HasPrefix(output, "!") {
			continue
		}
		base := literalPart(output)
		if base == ".." || strings.HasPrefix(base, "../") || path.IsAbs(base) {
			continue // Nx refuses it, or resolves it in a way of its own
		}
		bases.WriteString(base + "\x00")
	}
	return Outputs{bases.String()}
}

// literalPart is what stands before the first component of a path that is a glob: "."
// is the workspace.
func literalPart(output string) string {
	if i := strings.IndexAny(output, "*?[{("); i >= 0 {
		output = output[:strings.LastIndexByte(output[:i], '/')+1]
	}
	return path.Clean(output)
}

// checkLink returns a sentence about a link, called name below outputs/, which Nx would
// refuse, or "". [checkLink] has said nothing about it.
func (o Outputs) checkLink(name, target string) string {
	for base := range strings.SplitSeq(strings.TrimSuffix(o.bases, "\x00"), "\x00") {
		below, ok := name, base == "."
		if !ok {
			below, ok = strings.CutPrefix(name, base+"/")
		}
		switch {
		case base == "":
		case name == base:
			return "is an output itself, and Nx refuses results with such links"
		case ok && !staysBelow(below, target):
			return "does not stay below the output " + base + ", and Nx refuses results with such links"
		}
	}
	return ""
}

// staysBelow reports whether a target, which goes up at its beginning only, leads to
// something below the directory that a link is called name in.
func staysBelow(name, target string) bool {
	depth := strings.Count(name, "/")
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return false
			}
		default:
			return true
		}
	}
	return depth > 0
}
