package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Scope identifies the writers of an entry. It is a segment of the blob's name:
// <prefix>/v1/<scope>/<hash>.
type Scope string

const (
	// Trusted is the scope of CI runs of trusted branches. All other runs read it.
	Trusted Scope = "trusted"
	// Local is the scope of developers' machines. CI does not read it.
	Local Scope = "local"
	// Shared is the only scope of a cache without isolation.
	Shared Scope = "shared"
	// Untrusted is the scope of unidentified runs. They write nothing, because they could
	// write for each other.
	Untrusted Scope = "untrusted"
)

// Kind is the first part of a scope. Pull requests, branches and tags have many scopes of
// one kind; every other scope is the only one of its kind.
type Kind string

// The kinds with many scopes.
const (
	KindPullRequest Kind = "pr"
	KindBranch      Kind = "branch"
	KindTag         Kind = "tag"      // no run writes it
	KindReadOnly    Kind = "readonly" // no run writes it
)

// Kinds are the kinds of scopes that isolated runs write.
func Kinds() []Kind {
	return []Kind{Kind(Trusted), KindPullRequest, KindBranch, Kind(Local)}
}

// PullRequest is the scope of a pull request.
func PullRequest(number string) Scope { return KindPullRequest.of(number) }

// Branch is the scope of an untrusted branch.
func Branch(name string) Scope { return KindBranch.of(name) }

// Tag is the scope of a tag. No run writes or reads it: releases are built from tags, and
// everyone who can write the scopes of pull requests could write the scope of the next tag
// in advance. Such a run reads only the trusted scope.
func Tag(name string) Scope { return KindTag.of(name) }

// ReadOnly is the scope of an untrusted branch that may be deployed: it is protected, the
// default branch, listed but not protected, or deployed by this run. No run writes or reads
// it, because anyone who could push the branch before could have written the scope of its
// name. Such a run reads only the trusted scope.
func ReadOnly(name string) Scope { return KindReadOnly.of(name) }

func (k Kind) of(name string) Scope { return Scope(string(k) + "-" + escape(name)) }

// Kind returns the kind of a scope.
func (s Scope) Kind() Kind {
	kind, _, _ := strings.Cut(string(s), "-")
	return Kind(kind)
}

// reads returns the scopes that a run of this scope reads, in order of precedence.
func (s Scope) reads() []Scope {
	switch {
	case s == Shared:
		return []Scope{Shared}
	case s == Trusted || !s.isWritten():
		return []Scope{Trusted}
	default:
		return []Scope{Trusted, s}
	}
}

// isWritten reports whether runs of this scope write it.
func (s Scope) isWritten() bool {
	return s != Untrusted && s.Kind() != KindTag && s.Kind() != KindReadOnly
}

// maxEscaped is the length of the longest escaped name that is not cut, in bytes. The name
// of a blob has at most 1,024.
const maxEscaped = 100

// escape turns any name into a part of a blob's name. Two names never become the same:
// otherwise a branch could get a name with which it reads and writes the scope of another.
// Letters, digits, "." and "-" stay; other bytes become "_" and two hexadecimal digits. A
// long name is cut, and "__" and a digest are added; no other name contains "__".
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		// In Azure, no segment of a name may end with a dot.
		isLastDot := c == '.' && i == len(name)-1
		if isPlain(c) && !isLastDot {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	if b.Len() <= maxEscaped {
		return b.String()
	}
	digest := sha256.Sum256([]byte(name))
	return b.String()[:maxEscaped-40] + "__" + hex.EncodeToString(digest[:16])
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-'
}

// Run is the result of [Detect].
type Run struct {
	Scope  Scope
	Reason string // why, for people: "GitHub Actions: push of main"
	// Fix says what keeps the run from writing or reading more, and how to fix it; "" if
	// nothing does.
	Fix        string
	Code       diagnostic.Code // of the fix
	Provenance Provenance
}

// Reads returns the scopes that the run reads, in order of precedence.
func (r Run) Reads() []Scope { return r.Scope.reads() }

// Writes reports whether the run writes its scope.
func (r Run) Writes() bool { return r.Scope.isWritten() }

// IsKind reports whether isolated runs write scopes of a kind.
func IsKind(kind string) bool { return slices.Contains(Kinds(), Kind(kind)) }
