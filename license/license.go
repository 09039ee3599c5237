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

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Feature is the feature that a license must include.
const Feature = "self-hosted-cache"

const (
	// nbfLeeway is how early a license is accepted: clocks differ.
	nbfLeeway = 5 * time.Minute
	// warnBefore is how long before its end a license is said to expire soon.
	warnBefore = 14 * 24 * time.Hour
)

// Status is the outcome of [Check], spelled as on the wire.
type Status string

// Every Status there is.
const (
	Valid         Status = "valid"
	Absent        Status = "absent"         // there is none
	Malformed     Status = "malformed"      // it is not a license, or cannot be read
	UnknownIssuer Status = "unknown-issuer" // nobody whom we trust has signed it
	WrongFeature  Status = "wrong-feature"  // it is for something else
	NotYetValid   Status = "not-yet-valid"
	Expired       Status = "expired"
)

// License is what is known about a license after [Check].
//
// Only its Status says whether it may be used. The claims are set only when
// the signature was verified, so that nobody is shown the name of an
// organization that anybody could have written.
type License struct {
	Status Status
	Reason string // one sentence, with what to do; "" when Status is Valid
	Source string // where it was found: [Variable], [File], or as [NewToken] was told

	KeyID        string // "" when the signature was not verified
	Issuer       string
	Organization string
	ID           string
	IssuedAt     time.Time // UTC, like all times here; zero if the token does not say
	NotBefore    time.Time
	ExpiresAt    time.Time
	Features     []string
	Seats        int // informational, as Workspaces is; 0 if the token does not say
	Workspaces   int

	// PerpetualNxMajor is the last major version of Nx with which it counts even
	// after its end; 0: none. ForGood says that the Nx of the [Use] is covered so.
	PerpetualNxMajor int
	ForGood          bool
}

// Use is what a license is wanted for.
type Use struct {
	Now     time.Time
	NxMajor int // of the Nx that runs; 0: not known
}

// NxMajor returns the major version in one such as "24.0.6", or 0 where it has
// none.
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

// Check verifies token against keys, and judges it for a use.
func Check(token Token, keys KeySet, use Use) License {
	license, refused := verify(token, keys)
	if refused == nil {
		license.ForGood = use.NxMajor > 0 && use.NxMajor <= license.PerpetualNxMajor
		refused = license.judge(token, use)
	}
	license.Source = token.source
	license.Status = Valid
	if refused != nil {
		license.Status, license.Reason = refused.status, refused.reason
	}
	return license
}

// ExpiresSoon returns a one-line warning if the license is valid and expires
// within 14 days of now. One that counts with this Nx for good does not.
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

// parser verifies signatures. The claims are judged here, because users need a
// better sentence than "token has invalid claims: token is expired". Strict
// decoding leaves each token one spelling.
var parser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
	jwt.WithStrictDecoding(),
	jwt.WithoutClaimsValidation(),
)

// verify returns the claims of a token that a trusted key has signed.
func verify(token Token, keys KeySet) (License, *refusal) {
	if refused := token.checkShape(); refused != nil {
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
		KeyID:        parsed.Header["kid"].(string), // choose has seen that it is one
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

// checkShape refuses what is not even the outline of a JWT, which is mostly
// trouble with copying.
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

// choose returns the key that must have signed parsed, whose claims are not yet
// verified. What it quotes of them is clipped.
func (s KeySet) choose(token Token, parsed *jwt.Token, issuer string) (ed25519.PublicKey, *refusal) {
	// RFC 7515, section 4.1.11: who does not understand crit must refuse it.
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

// explain turns an error of package jwt into a refusal that quotes nothing of
// the token, as the errors of encoding/json would.
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

// judge refuses a license that is signed but does not count now.
func (l License) judge(token Token, use Use) *refusal {
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
			l.ExpiresAt.Format(minute), Relative(l.ExpiresAt, now), clock(now), l.beyond(use), l.Issuer)
	}
	return nil
}

// beyond says why a license that counts with some versions of Nx for good does not
// count with this one.
func (l License) beyond(use Use) string {
	switch {
	case l.PerpetualNxMajor == 0:
		return ""
	case use.NxMajor == 0:
		return fmt.Sprintf(" and covers Nx up to %d only, and nobody has said which Nx this is", l.PerpetualNxMajor)
	default:
		return fmt.Sprintf(" and covers Nx up to %d only, not Nx %d", l.PerpetualNxMajor, use.NxMajor)
	}
}

// missing names the claims that are required and not there, or make no sense.
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

// utc returns the zero time for a date that is not between 1970 and 9999.
// Beyond, times overflow and cannot be written as JSON.
func utc(date *jwt.NumericDate) time.Time {
	end := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	if date == nil || date.Unix() < 0 || date.Unix() >= end {
		return time.Time{}
	}
	return date.UTC()
}

// minute is how a moment is shown, in UTC.
const minute = "2006-01-02 15:04 UTC"

// clock says what time it is here: a wrong clock is a common cause, and only a person
// can see that it is wrong.
func clock(now time.Time) string {
	return "; this machine's clock says " + now.UTC().Format(minute)
}

// Relative says how far away the day of t is, such as "in 3 days", as people count
// days: by the calendar, in UTC like the dates next to it.
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
