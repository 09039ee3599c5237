package manifest

import "cmp"

// Difference is an output that differs between two archives.
type Difference struct {
	Name string // below outputs/
	What What
}

// What says how an output differs.
type What string

// How outputs differ. If several apply, the first one counts.
const (
	Missing What = "missing" // only the first archive has it
	Extra   What = "extra"   // only the second archive has it
	Kind    What = "kind"    // a file, a directory and a link differ in their kind
	Content What = "content"
	Target  What = "target" // of a link
	Mode    What = "mode"   // of a file
)

// Differences returns what differs in the second archive, sorted by name. It is empty if
// the archives are equal, or if one has too many entries for a list.
func (m *Manifest) Differences(second *Manifest) (all []Difference) {
	x, y := m.entries, second.entries
	if x == nil || y == nil {
		return nil
	}
	for len(x) > 0 || len(y) > 0 {
		switch order := compareFirst(x, y); {
		case order < 0:
			all = append(all, Difference{x[0].name, Missing})
			x = x[1:]
		case order > 0:
			all = append(all, Difference{y[0].name, Extra})
			y = y[1:]
		default:
			if what := x[0].differsFrom(&y[0]); what != "" {
				all = append(all, Difference{x[0].name, what})
			}
			x, y = x[1:], y[1:]
		}
	}
	return all
}

// compareFirst compares the first names of two lists. The end of a list comes last.
func compareFirst(x, y []entry) int {
	switch {
	case len(x) == 0:
		return 1
	case len(y) == 0:
		return -1
	}
	return cmp.Compare(x[0].name, y[0].name)
}

func (e *entry) differsFrom(other *entry) What {
	switch {
	case e.kind != other.kind:
		return Kind
	case e.sha256 != other.sha256:
		return Content
	case e.target != other.target:
		return Target
	case e.mode != other.mode:
		return Mode
	}
	return ""
}
