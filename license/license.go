package license

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Feature is the feature that a license must include.
const Feature = "self-hosted-cache"

const (
	// nbfLeeway is how early a license is accepted, because clocks differ.
	nbfLeeway = 5 * time.Minute
	// warnBefore is how long before its expiry a license triggers a warning.
	warnBefore = 14 * 24 * time.Hour
)

// Status is the result of [Check], in the spelling of package rpc.
type Status string

// The values of Status.
const (
	Valid         Status = "valid"
	Absent        Status = "absent"         // none was found
	Malformed     Status = "malformed"      // it is not a license, or cannot be read
	UnknownIssuer Status = "unknown-issuer" // no trusted issuer has signed it
	WrongFeature  Status = "wrong-feature"  // it is for something else
	NotYetValid   Status = "not-yet-valid"
	Expired       Status = "expired"
)

// License is the result of [Check].
//
// Only its Status says whether it may be used. The claims are set only if the signature is
// valid, so that no one sees an organization's name that anyone could have written.
type License struct {
	Status Status
	Reason string // one sentence, with the fix; "" if Status is Valid
	Source string // where it was found: [Variable], [File], or the source given to [NewToken]

	KeyID        string // "" if the signature is not verified
	Issuer       string
	Organization string
	ID           string
	IssuedAt     time.Time // UTC, like all times here; zero if the token does not say
	NotBefore    time.Time
	ExpiresAt    time.Time
	Features     []string
	Seats        int // informational, as Workspaces is; 0 if the token does not say
	Workspaces   int

	// PerpetualNxMajor is the last major version of Nx for which the license is valid even
	// after its expiry, or 0. ForGood says whether that covers the Nx of the [Use].
	PerpetualNxMajor int
	ForGood          bool
}

// Diagnostic is the code of the reason; "" if Status is Valid.
func (l License) Diagnostic() diagnostic.Code { return diagnostics[l.Status] }

var diagnostics = map[Status]diagnostic.Code{
	Absent:        diagnostic.LicenseAbsent,
	Malformed:     diagnostic.LicenseMalformed,
	UnknownIssuer: diagnostic.LicenseOfOther,
	WrongFeature:  diagnostic.LicenseOfOther,
	NotYetValid:   diagnostic.LicenseNotYetValid,
	Expired:       diagnostic.LicenseExpired,
}

// Use is the use for which a license is checked.
type Use struct {
	Now     time.Time
	NxMajor int // of the running Nx; 0 if unknown
}

// NxMajor returns the major version of a version such as "24.0.6", or 0 if it has none.
func NxMajor(version string) int {
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// claims are the claims of a token as the package documentation lists them.
type claims struct {
	jwt.RegisteredClaims
	Organization string   `json:"org"`
	Features     []string `json:"features"`
	Seats        int      `json:"seats"`
	Workspaces   int      `json:"workspaces"`

	PerpetualNxMajor int `json:"perpetualNxMajor"`
}

// Check verifies token with keys, and checks whether it is valid for a use.
func Check(token Token, keys KeySet, use Use) License {
	checked, refused := verify(token, keys)
	if refused == nil {
		checked.ForGood = use.NxMajor > 0 && use.NxMajor <= checked.PerpetualNxMajor
		refused = checked.checkUse(token, use)
	}
	checked.Source = token.source
	checked.Status = Valid
	if refused != nil {
		checked.Status, checked.Reason = refused.status, refused.reason
	}
	return checked
}

// ExpiresSoon returns a one-line warning if the license is valid and expires
// within 14 days of now. A license that covers this Nx for good triggers no warning.
func (l License) ExpiresSoon(now time.Time) (warning string, soon bool) {
	if l.Status != Valid || l.ForGood || now.Before(l.ExpiresAt.Add(-warnBefore)) {
		return "", false
	}
	away := Relative(l.ExpiresAt, now)
	if l.ExpiresAt.Sub(now) < 48*time.Hour {
		away += clock(now)
	}
	return fmt.Sprintf("the license in %s expires on %s (%s): ask %s for a renewal",
		l.Source, l.ExpiresAt.Format(minute), away, l.Issuer), true
}

// parser verifies signatures. This package checks the claims itself, because users need a
// better sentence than "token has invalid claims: token is expired". With strict decoding,
// each token has only one spelling.
var parser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
	jwt.WithStrictDecoding(),
	jwt.WithoutClaimsValidation(),
)

// verify returns the claims of a token that a trusted key has signed.
func verify(token Token, keys KeySet) (License, *refusal) {
	if refused := token.checkShape(); refused != nil {
		if refused.status == Absent {
			refused = &refusal{Absent, refused.reason + keys.whereToAsk()}
		}
		return License{}, refused
	}
	var c claims
	parsed, err := parser.ParseWithClaims(*token.text, &c, func(t *jwt.Token) (any, error) {
		public, refused := keys.choose(token, t, c.Issuer)
		if refused != nil {
			return nil, refused
		}
		return public, nil
	})
	if err != nil {
		return License{}, token.explain(err, parsed, c.Issuer)
	}
	return License{
		KeyID:        parsed.Header["kid"].(string), // choose has checked its type
		Issuer:       c.Issuer,
		Organization: c.Organization,
		ID:           c.ID,
		IssuedAt:     utc(c.IssuedAt),
		NotBefore:    utc(c.NotBefore),
		ExpiresAt:    utc(c.ExpiresAt),
		Features:     c.Features,
		Seats:        c.Seats,
		Workspaces:   c.Workspaces,

		PerpetualNxMajor: c.PerpetualNxMajor,
	}, nil
}

// checkShape rejects a token without the shape of a JWT, which is usually copied
// incompletely.
func (t Token) checkShape() *refusal {
	switch {
	case t.refused != nil:
		return t.refused
	case t.text == nil:
		return &refusal{Absent, "no license found"}
	case *t.text == "":
		return t.malformed(copyAgain, "it is empty")
	case len(*t.text) > maxSize:
		return t.malformed(copyAgain, "it is larger than %d KiB", maxSize>>10)
	case strings.ContainsAny(*t.text, " \t\r\n"):
		// The base64 decoder would skip a line break.
		return t.malformed(copyAgain, "it has white space or a line break inside")
	}
	if n := strings.Count(*t.text, ".") + 1; n != 3 {
		return t.malformed(copyAgain, "it has %s instead of the 3 of a JWT", count(n, "part"))
	}
	return nil
}

// choose returns the key that must have signed parsed. The claims are not verified yet, so
// it quotes only their beginnings.
func (s KeySet) choose(token Token, parsed *jwt.Token, issuer string) (ed25519.PublicKey, *refusal) {
	// RFC 7515, section 4.1.11: a reader must reject a crit that it does not understand.
	if _, ok := parsed.Header["crit"]; ok {
		return nil, token.malformed(askIssuer, "its header has crit, which licenses do not use")
	}
	kid, _ := parsed.Header["kid"].(string)
	key, known := s.keys[kid]
	switch {
	case kid == "":
		return nil, token.malformed(askIssuer, "its header has no kid")
	case issuer == "":
		return nil, token.malformed(askIssuer, "it has no claim iss")
	case !known:
		return nil, token.refuse(UnknownIssuer,
			"is signed with the unknown key %.80q of %.80q: this build accepts licenses of %s; ask there for one",
			kid, issuer, s.names())
	case key.issuer != issuer:
		return nil, token.refuse(UnknownIssuer,
			"names the issuer %.80q, but its key %.80q belongs to %s: ask there for a license",
			issuer, kid, key.issuer)
	case len(parsed.Signature) != ed25519.SignatureSize:
		return nil, token.malformed(copyAgain, "its signature has %s instead of %d",
			count(len(parsed.Signature), "byte"), ed25519.SignatureSize)
	}
	return key.public, nil
}

// explain turns an error of package jwt into a refusal. It quotes no part of the token,
// unlike the errors of encoding/json.
func (t Token) explain(err error, parsed *jwt.Token, issuer string) *refusal {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused
	}
	if errors.Is(err, jwt.ErrEd25519Verification) {
		return t.refuse(UnknownIssuer,
			"is not from %s as it says: its signature does not match the key %.80q; %s",
			issuer, parsed.Header["kid"], copyAgain)
	}
	if !errors.Is(err, jwt.ErrTokenMalformed) {
		alg, _ := parsed.Header["alg"].(string)
		return t.malformed(askIssuer, "its algorithm is %.20q instead of \"EdDSA\"", alg)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		name := wrong.Field[strings.LastIndex(wrong.Field, ".")+1:]
		return t.malformed(askIssuer, "its claim %s has the wrong type", name)
	}
	if _, ok := errors.AsType[base64.CorruptInputError](err); ok {
		return t.malformed(copyAgain, "not all of its parts are base64url")
	}
	return t.malformed(copyAgain, "not all of its parts are the JSON of a license")
}

// maxShown is how much of a claim a reason shows, in bytes.
const maxShown = 80

// checkUse rejects a signed license that is not valid for a use.
func (l License) checkUse(token Token, use Use) *refusal {
	now := use.Now
	if missing := l.missing(); len(missing) > 0 {
		return token.malformed(askIssuer, "it has no usable %s", strings.Join(missing, ", "))
	}
	switch {
	case !slices.Contains(l.Features, Feature):
		return token.refuse(WrongFeature, "is for %s, not for %s: ask %s for one that includes it",
			cmp.Or(printable.Short(strings.Join(l.Features, ", "), maxShown), "no feature"), Feature, l.Issuer)
	case now.Before(l.NotBefore.Add(-nbfLeeway)):
		return token.refuse(NotYetValid,
			"is valid from %s (%s): use it then, or set the clock of this machine, which says %s",
			l.NotBefore.Format(minute), Relative(l.NotBefore, now), now.UTC().Format(minute))
	case !now.Before(l.ExpiresAt) && !l.ForGood: // RFC 7519, section 4.1.4
		return token.refuse(Expired, "expired on %s (%s%s)%s: ask %s for a renewal",
			l.ExpiresAt.Format(minute), Relative(l.ExpiresAt, now), clock(now), l.uncoveredNx(use), l.Issuer)
	}
	return nil
}

// uncoveredNx says why a license that covers some versions of Nx for good does not cover
// this one.
func (l License) uncoveredNx(use Use) string {
	switch {
	case l.PerpetualNxMajor == 0:
		return ""
	case use.NxMajor == 0:
		return fmt.Sprintf(" and covers Nx up to %d only, and the version of Nx is unknown", l.PerpetualNxMajor)
	default:
		return fmt.Sprintf(" and covers Nx up to %d only, not Nx %d", l.PerpetualNxMajor, use.NxMajor)
	}
}

// missing returns the required claims that are missing or invalid.
func (l License) missing() []string {
	var names []string
	for _, claim := range []struct {
		name string
		ok   bool
	}{
		{"org", l.Organization != ""},
		{"jti", l.ID != ""},
		{"nbf", !l.NotBefore.IsZero()},
		{"exp", !l.ExpiresAt.IsZero()},
		{"perpetualNxMajor", l.PerpetualNxMajor >= 0},
	} {
		if !claim.ok {
			names = append(names, claim.name)
		}
	}
	return names
}

// utc returns the zero time for a date that is not between 1970 and 9999, because such times
// overflow or cannot be encoded as JSON.
func utc(date *jwt.NumericDate) time.Time {
	end := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	if date == nil || date.Unix() < 0 || date.Unix() >= end {
		return time.Time{}
	}
	return date.UTC()
}

// minute is the format of times in messages.
const minute = "2006-01-02 15:04 UTC"

// clock returns the time of this machine for a message: a wrong clock is a common cause, and
// only a person can notice it.
func clock(now time.Time) string {
	return "; this machine's clock says " + now.UTC().Format(minute)
}

// Relative returns the distance of t in calendar days, such as "in 3 days". The days are in
// UTC, like the dates next to it.
func Relative(t, now time.Time) string {
	const day = 24 * time.Hour
	switch n := int(t.UTC().Truncate(day).Sub(now.UTC().Truncate(day)) / day); {
	case n < 0:
		return count(-n, "day") + " ago"
	case n > 0:
		return "in " + count(n, "day")
	default:
		return "today"
	}
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
