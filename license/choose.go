package license

import (
	"cmp"
	"slices"
	"strings"
)

// Choose checks tokens and returns the licence that is used: of those that count
// the one that lasts longest, so that a renewal takes over from what it renews by
// itself. all are the licences in the order of the tokens. Where none counts,
// chosen has the status of the first, and the reasons of all.
func Choose(tokens []Token, keys KeySet, use Use) (chosen License, all []License) {
	var reasons []string
	for _, token := range tokens {
		licence := Check(token, keys, use)
		all = append(all, licence)
		reasons = append(reasons, licence.Reason)
	}
	var usable []License
	for _, licence := range all {
		if licence.Status == Valid {
			usable = append(usable, licence)
		}
	}
	if len(usable) > 0 { // the first of those that last equally long
		chosen = slices.MaxFunc(usable, func(a, b License) int { return cmp.Compare(a.lasts(), b.lasts()) })
		chosen.isRenewed = slices.ContainsFunc(all, func(other License) bool { return other.renews(chosen, use) })
		return chosen, all
	}
	if len(all) > 0 {
		chosen = all[0]
	}
	chosen.Reason = strings.Join(reasons, "; ")
	return chosen, all
}

// renews reports whether a licence takes over when another ends, for a good while.
func (l License) renews(other License, use Use) bool {
	return l.Status == NotYetValid && !l.NotBefore.After(other.ExpiresAt) && l.ExpiresAt.After(use.Now.Add(warnBefore))
}

// lasts orders licences by how long they count.
func (l License) lasts() int64 {
	if l.ForGood {
		return 1<<63 - 1
	}
	return l.ExpiresAt.Unix()
}
