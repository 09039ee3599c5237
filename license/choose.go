package license

import (
	"slices"
	"strings"
	"time"
)

// Choice is the license that is used, of all that were found.
type Choice struct {
	// License is the one that is used. Where none counts it has the status of the
	// first, and the reasons of all.
	License
	All  []License // in the order of the tokens
	Used int       // the index in All; -1: none counts
}

// Choose checks tokens. Of those that count the one that lasts longest is used, so
// that a renewal takes over from what it renews by itself.
func Choose(tokens []Token, keys KeySet, use Use) Choice {
	c := Choice{Used: -1}
	var reasons []string
	for i, token := range tokens {
		license := Check(token, keys, use)
		c.All = append(c.All, license)
		reasons = append(reasons, license.Reason)
		if license.Status == Valid && (c.Used < 0 || license.lasts() > c.All[c.Used].lasts()) {
			c.Used = i
		}
	}
	switch {
	case c.Used >= 0:
		c.License = c.All[c.Used]
	case len(c.All) > 0:
		c.License = c.All[0]
		c.Reason = strings.Join(reasons, "; ")
	}
	return c
}

// ExpiresSoon is [License.ExpiresSoon], but for a license whose renewal is there: it
// begins before this one ends, and lasts for longer than the warning comes before.
func (c Choice) ExpiresSoon(now time.Time) (warning string, soon bool) {
	isRenewal := func(l License) bool {
		return l.Status == NotYetValid && !l.NotBefore.After(c.ExpiresAt) && l.ExpiresAt.After(now.Add(warnBefore))
	}
	if slices.ContainsFunc(c.All, isRenewal) {
		return "", false
	}
	return c.License.ExpiresSoon(now)
}

// lasts orders licenses by how long they count.
func (l License) lasts() int64 {
	if l.ForGood {
		return 1<<63 - 1
	}
	return l.ExpiresAt.Unix()
}
