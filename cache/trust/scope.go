package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Scope says who wrote an entry. It is a segment of the entry's name in the
// storage: <prefix>/v1/<scope>/<hash>.
type Scope string

const (
	// Trusted is the scope of runs of CI on trusted branches. All others read it.
	Trusted Scope = "trusted"
	// Local is the scope of developers' machines. CI does not read it.
	Local Scope = "local"
	// Shared is the one scope of a cache without isolation.
	Shared Scope = "shared"
	// Untrusted is the scope of runs of which it is not known who they are. They
	// write nothing, or they could write for each other.
	Untrusted Scope = "untrusted"
)

// Kind is what scopes of the same beginning have in common. Each scope but those
// of pull requests, branches and tags is the only one of its kind.
type Kind string

// The kinds of scopes of which there are many.
const (
	KindPullRequest Kind = "pr"
	KindBranch      Kind = "branch"
	KindTag         Kind = "tag"      // no run writes it
	KindReadOnly    Kind = "readonly" // no run writes it
)

// Kinds are the kinds of scopes that runs write where they are isolated.
func Kinds() []Kind {
	return []Kind{Kind(Trusted), KindPullRequest, KindBranch, Kind(Local)}
}

// PullRequest is the scope of a pull request.
func PullRequest(number string) Scope { return KindPullRequest.of(number) }

// Branch is the scope of a branch that is not trusted.
func Branch(name string) Scope { return KindBranch.of(name) }

// Tag is the scope of a tag. Releases are built on tags, and anybody who writes
// for pull requests could fill the scope of the next tag beforehand: so nobody
// writes or reads it. Such a run reads what is trusted.
func Tag(name string) Scope { return KindTag.of(name) }

// ReadOnly is the scope of a branch that may ship and is not trusted: protected, the
// default one, listed but not protected, or deployed. Anyone who could push the branch
// before could have filled a scope of its name. So no run writes or reads this scope:
// such a run reads what is trusted.
func ReadOnly(name string) Scope { return KindReadOnly.of(name) }

func (k Kind) of(name string) Scope { return Scope(string(k) + "-" + escape(name)) }

// Kind returns the kind of a scope.
func (s Scope) Kind() Kind {
	kind, _, _ := strings.Cut(string(s), "-")
	return Kind(kind)
}

// reads are the scopes that a run of this scope reads, the one that wins first.
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

// maxEscaped is the length of the longest name that stands in a scope as it is
// escaped, in bytes. A blob's name has at most 1,024.
const maxEscaped = 100

// escape makes of any name one that can stand in a blob's name, and of two names
// never the same: else a branch could be named so that it reads and writes what
// is another's. Letters, digits, "." and "-" stay, others are "_" and two
// hexadecimal digits. Of a long name the beginning stays, and a digest follows
// behind "__", which no other has.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		// Azure wants no segment of a name to end with a dot.
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

// Run is what is known of a run.
type Run struct {
	Scope      Scope
	Reason     string // why, for people: "GitHub Actions: push of main"
	Advice     string // what would make it more; "" where nothing is amiss
	Provenance Provenance
}

// Reads are the scopes that the run reads, the one that wins first.
func (r Run) Reads() []Scope { return r.Scope.reads() }

// Writes reports whether the run writes its scope.
func (r Run) Writes() bool { return r.Scope.isWritten() }

// IsKind reports whether scopes of a kind are written where runs are isolated.
func IsKind(kind string) bool { return slices.Contains(Kinds(), Kind(kind)) }
