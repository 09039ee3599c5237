package license

import (
	"slices"
	"strings"
	"time"
)

// Choice is the license that is used, and all that were found.
type Choice struct {
	// License is the used license. If none is valid, it has the status of the first and
	// the reasons of all.
	License
	All  []License // in the order of the tokens
	Used int       // index in All; -1 if none is valid
}

// Choose checks tokens. It uses the valid license that expires last, so that a renewal
// replaces the license that it renews.
func Choose(tokens []Token, keys KeySet, use Use) Choice {
	c := Choice{Used: -1}
	var reasons []string
	for i, token := range tokens {
		checked := Check(token, keys, use)
		c.All = append(c.All, checked)
		reasons = append(reasons, checked.Reason)
		if checked.Status == Valid && (c.Used < 0 || checked.expiry() > c.All[c.Used].expiry()) {
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

// ExpiresSoon is [License.ExpiresSoon], without a warning if a renewal was found: a license
// that starts before this one expires and is valid for longer than the warning period.
func (c Choice) ExpiresSoon(now time.Time) (warning string, soon bool) {
	isRenewal := func(l License) bool {
		return l.Status == NotYetValid && !l.NotBefore.After(c.ExpiresAt) && l.ExpiresAt.After(now.Add(warnBefore))
	}
	if slices.ContainsFunc(c.All, isRenewal) {
		return "", false
	}
	return c.License.ExpiresSoon(now)
}

// expiry orders licenses by their expiry.
func (l License) expiry() int64 {
	if l.ForGood {
		return 1<<63 - 1
	}
	return l.ExpiresAt.Unix()
}
