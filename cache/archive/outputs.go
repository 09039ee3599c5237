package archive

import (
	"path"
	"strings"
)

// Outputs are the declared outputs of a task, for an Nx that rejects a result with a link
// that leaves its output. The zero value is for an Nx that accepts such links.
//
// Nx 24 rejects such results of a remote cache, but not of its local cache: it warns and
// runs the task, every time. Its rule, found by trying Nx 24.0.6 (see
// scripts/faults/links.test.js):
//
//   - An output is the path before the first component with a glob: "dist/*/lib" is dist.
//     Outputs that begin with "!" do not count.
//   - A link in an output, or in several nested ones, must lead to something below each of
//     them: not to the output itself, and not by way of a path outside it.
//   - An output must not be a link itself.
type Outputs struct {
	bases string // each ends with a NUL
}

// NewOutputs returns the outputs that a task declares, relative to the workspace.
func NewOutputs(declared []string) Outputs {
	var bases strings.Builder
	for _, output := range declared {
		if strings.HasPrefix(output, "!") {
			continue
		}
		base := literalPart(output)
		if base == ".." || strings.HasPrefix(base, "../") || path.IsAbs(base) {
			continue // Nx rejects it, or resolves it differently
		}
		bases.WriteString(base + "\x00")
	}
	return Outputs{bases.String()}
}

// literalPart is the path before the first component with a glob; "." is the workspace.
func literalPart(output string) string {
	if i := strings.IndexAny(output, "*?[{("); i >= 0 {
		output = output[:strings.LastIndexByte(output[:i], '/')+1]
	}
	return path.Clean(output)
}

// checkLink returns what is wrong with a link, called name below outputs/, that Nx would
// reject, or "". The function [checkLink] has accepted the link.
func (o Outputs) checkLink(name, target string) string {
	for base := range strings.SplitSeq(strings.TrimSuffix(o.bases, "\x00"), "\x00") {
		below, ok := name, base == "."
		if !ok {
			below, ok = strings.CutPrefix(name, base+"/")
		}
		switch {
		case base == "":
		case name == base:
			return "is an output itself; Nx rejects results with such links"
		case ok && !staysBelow(below, target):
			return "does not stay below the output " + base + "; Nx rejects results with such links"
		}
	}
	return ""
}

// staysBelow reports whether a target, with ".." only at its beginning, leads to something
// below a directory in which the link is called name.
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
