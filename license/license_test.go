package license_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

const (
	fixtures          = "../testdata/license/"
	developmentIssuer = "https://nx-azure-cache.dev/development"
)

// signer is an issuer with one key.
type signer struct {
	kid, issuer string
	private     ed25519.PrivateKey
}

// development returns the development issuer, whose private key is public.
func development(t testing.TB) signer {
	t.Helper()
	data, err := os.ReadFile(fixtures + "development.private.jwk.json")
	if err != nil {
		t.Fatal(err)
	}
	var key struct{ Kid, Iss, D string }
	if err := json.Unmarshal(data, &key); err != nil {
		t.Fatal(err)
	}
	seed, err := base64.RawURLEncoding.DecodeString(key.D)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key.Kid, key.Iss, ed25519.NewKeyFromSeed(seed)}
}

// newSigner returns an issuer whose key depends only on its arguments.
func newSigner(kid, issuer string) signer {
	seed := sha256.Sum256([]byte(kid + issuer))
	return signer{kid, issuer, ed25519.NewKeyFromSeed(seed[:])}
}

func (s signer) public() []byte { return s.private.Public().(ed25519.PublicKey) }

// claims returns the claims of a license for the year 2026.
func (s signer) claims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss":        s.issuer,
		"org":        "Example GmbH",
		"jti":        "L-0001",
		"iat":        unix("2025-12-01T12:00:00Z"),
		"nbf":        unix("2026-01-01T00:00:00Z"),
		"exp":        unix("2027-01-01T00:00:00Z"),
		"features":   []string{"self-hosted-cache"},
		"seats":      50,
		"workspaces": 3,
	}
}

// sign signs the usual claims with changes made to them; nil removes one.
func (s signer) sign(changes jwt.MapClaims) string {
	claims := s.claims()
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return signed(jwt.SigningMethodEdDSA, s.private, jwt.MapClaims{"kid": s.kid}, claims)
}

// signed returns a token with any method, key and claims, valid or not.
func signed(method jwt.SigningMethod, key any, header, claims jwt.MapClaims) string {
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	maps.DeleteFunc(token.Header, func(_ string, v any) bool { return v == nil })
	text, err := token.SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

// keySet returns the set that trusts signers.
func keySet(t testing.TB, signers ...signer) license.KeySet {
	t.Helper()
	var jwks []string
	for _, s := range signers {
		jwks = append(jwks, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"iss":%q,"x":%q}`,
			s.kid, s.issuer, base64.RawURLEncoding.EncodeToString(s.public())))
	}
	keys, err := license.ParseKeySet([]byte(`{"keys":[` + strings.Join(jwks, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func at(timestamp string) time.Time {
	t, err := time.Parse(time.RFC3339, timestamp)
	if err != nil {
		panic(err)
	}
	return t
}

func unix(timestamp string) int64 { return at(timestamp).Unix() }

func TestCheckReadsClaims(t *testing.T) {
	issuer := newSigner("2026-a", "https://licenses.example.com")
	got := license.Check(license.NewToken(" "+issuer.sign(nil)+"\r\n", "a test"), keySet(t, issuer), license.Use{Now: at("2026-06-01T00:00:00Z")})
	want := license.License{
		Status:       license.Valid,
		Source:       "a test",
		KeyID:        "2026-a",
		Issuer:       "https://licenses.example.com",
		Organization: "Example GmbH",
		ID:           "L-0001",
		IssuedAt:     at("2025-12-01T12:00:00Z"),
		NotBefore:    at("2026-01-01T00:00:00Z"),
		ExpiresAt:    at("2027-01-01T00:00:00Z"),
		Features:     []string{"self-hosted-cache"},
		Seats:        50,
		Workspaces:   3,
	}
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

// TestCheck has all reasons. People read them at the end of a run.
func TestCheck(t *testing.T) {
	issuer := newSigner("a", "https://a.example.com")
	retired := newSigner("b", "https://b.example.com") // shares the set, not the issuer
	stranger := newSigner("c", "https://c.example.com")
	keys := keySet(t, issuer, retired)

	good := issuer.sign(nil)
	parts := strings.Split(good, ".")
	usual := jwt.MapClaims{"kid": "a"}
	const again = "; copy it again, whole, as its issuer gave it to you"
	const ask = "; ask its issuer for a correct one"

	tests := []struct {
		name   string
		token  string
		now    string // 2026-06-01 unless set
		status license.Status
		reason string // after "the license in T "
	}{
		{name: "everything right", token: good, status: license.Valid},
		{name: "no optional claims", token: issuer.sign(jwt.MapClaims{"iat": nil, "seats": nil, "workspaces": nil}), status: license.Valid},
		{name: "more features than needed", token: issuer.sign(jwt.MapClaims{"features": []string{"x", "self-hosted-cache"}}), status: license.Valid},
		{name: "unknown claims and header members", token: signed(jwt.SigningMethodEdDSA, issuer.private,
			jwt.MapClaims{"kid": "a", "x5t": "?"}, withClaim(issuer, "colour", "blue")), status: license.Valid},
		{name: "a fraction of a second in exp", token: issuer.sign(jwt.MapClaims{"exp": 1800000000.5}), status: license.Valid},

		{name: "nothing", token: "  ", status: license.Malformed, reason: "is malformed: it is empty" + again},
		{name: "one word", token: "secret", status: license.Malformed, reason: "is malformed: it has 1 part instead of the 3 of a JWT" + again},
		{name: "four parts", token: good + ".x", status: license.Malformed, reason: "is malformed: it has 4 parts instead of the 3 of a JWT" + again},
		{name: "a line break inside the signature", token: good[:len(good)-9] + "\n" + good[len(good)-9:], status: license.Malformed, reason: "is malformed: it has white space or a line break inside" + again},
		{name: "far too long", token: strings.Repeat("x", 64<<10+1), status: license.Malformed, reason: "is malformed: it is larger than 64 KiB" + again},
		{name: "base64 with padding", token: good + "==", status: license.Malformed, reason: "is malformed: not all of its parts are base64url" + again},
		{name: "a second spelling of the signature", token: respell(good), status: license.Malformed, reason: "is malformed: not all of its parts are base64url" + again},
		{name: "a payload that is text", token: parts[0] + "." + encode("text") + "." + parts[2], status: license.Malformed, reason: "is malformed: not all of its parts are the JSON of a license" + again},
		{name: "a header that is an array", token: encode("[]") + "." + parts[1] + "." + parts[2], status: license.Malformed, reason: "is malformed: not all of its parts are the JSON of a license" + again},
		{name: "a payload that is null", token: parts[0] + "." + encode("null") + "." + parts[2], status: license.Malformed, reason: "is malformed: it has no claim iss" + ask},
		{name: "a header that is null", token: encode("null") + "." + parts[1] + "." + parts[2], status: license.Malformed, reason: `is malformed: its algorithm is "" instead of "EdDSA"` + ask},
		{name: "a cut signature", token: good[:len(good)-10], status: license.Malformed, reason: "is malformed: its signature has 57 bytes instead of 64" + again},

		{name: "no algorithm", token: signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, usual, issuer.claims()), status: license.Malformed, reason: `is malformed: its algorithm is "none" instead of "EdDSA"` + ask},
		{name: "an HMAC with the public key as secret", token: signed(jwt.SigningMethodHS256, issuer.public(), usual, issuer.claims()), status: license.Malformed, reason: `is malformed: its algorithm is "HS256" instead of "EdDSA"` + ask},
		{name: "an unknown algorithm", token: signed(jwt.SigningMethodEdDSA, issuer.private, jwt.MapClaims{"kid": "a", "alg": "ROT13"}, issuer.claims()), status: license.Malformed, reason: `is malformed: its algorithm is "ROT13" instead of "EdDSA"` + ask},
		{name: "crit in the header", token: signed(jwt.SigningMethodEdDSA, issuer.private, jwt.MapClaims{"kid": "a", "crit": []string{"b64"}}, issuer.claims()), status: license.Malformed, reason: "is malformed: its header has crit, which licenses do not use" + ask},
		{name: "no kid", token: signed(jwt.SigningMethodEdDSA, issuer.private, nil, issuer.claims()), status: license.Malformed, reason: "is malformed: its header has no kid" + ask},
		{name: "a kid that is a number", token: signed(jwt.SigningMethodEdDSA, issuer.private, jwt.MapClaims{"kid": 7}, issuer.claims()), status: license.Malformed, reason: "is malformed: its header has no kid" + ask},
		{name: "no issuer", token: issuer.sign(jwt.MapClaims{"iss": nil}), status: license.Malformed, reason: "is malformed: it has no claim iss" + ask},
		{name: "no organization", token: issuer.sign(jwt.MapClaims{"org": nil}), status: license.Malformed, reason: "is malformed: it has no usable org" + ask},
		{name: "no expiry", token: issuer.sign(jwt.MapClaims{"exp": nil}), status: license.Malformed, reason: "is malformed: it has no usable exp" + ask},
		{name: "none of the required claims", token: issuer.sign(jwt.MapClaims{"org": "", "jti": nil, "nbf": nil, "exp": nil}), status: license.Malformed, reason: "is malformed: it has no usable org, jti, nbf, exp" + ask},
		{name: "an expiry after the year 9999", token: issuer.sign(jwt.MapClaims{"exp": 253402300800}), status: license.Malformed, reason: "is malformed: it has no usable exp" + ask},
		{name: "an expiry that overflows", token: issuer.sign(jwt.MapClaims{"exp": 1e300}), status: license.Malformed, reason: "is malformed: it has no usable exp" + ask},
		{name: "a start before 1970", token: issuer.sign(jwt.MapClaims{"nbf": -1}), status: license.Malformed, reason: "is malformed: it has no usable nbf" + ask},
		{name: "an organization that is a number", token: issuer.sign(jwt.MapClaims{"org": 1}), status: license.Malformed, reason: "is malformed: its claim org has the wrong type" + ask},
		{name: "an issuer that is a list", token: issuer.sign(jwt.MapClaims{"iss": []int{1}}), status: license.Malformed, reason: "is malformed: its claim iss has the wrong type" + ask},
		{name: "half a seat", token: issuer.sign(jwt.MapClaims{"seats": 0.5}), status: license.Malformed, reason: "is malformed: its claim seats has the wrong type" + ask},
		{name: "an expiry in words", token: issuer.sign(jwt.MapClaims{"exp": "tomorrow"}), status: license.Malformed, reason: "is malformed: not all of its parts are the JSON of a license" + again},

		{name: "an unknown key", token: stranger.sign(nil), status: license.UnknownIssuer,
			reason: `is signed with the unknown key "c" of "https://c.example.com": this build accepts licenses of https://a.example.com or https://b.example.com; ask there for one`},
		{name: "an unknown key with a very long name", token: newSigner(strings.Repeat("k", 99), "\x1b[2J").sign(nil), status: license.UnknownIssuer,
			reason: `is signed with the unknown key "` + strings.Repeat("k", 80) + `" of "\x1b[2J": this build accepts licenses of https://a.example.com or https://b.example.com; ask there for one`},
		{name: "the issuer of another key", token: issuer.sign(jwt.MapClaims{"iss": retired.issuer}), status: license.UnknownIssuer,
			reason: `names the issuer "https://b.example.com", but its key "a" belongs to https://a.example.com: ask there for a license`},
		{name: "the signature of a stranger under a known kid", token: signer{"a", issuer.issuer, stranger.private}.sign(nil), status: license.UnknownIssuer,
			reason: `is not from https://a.example.com as it says: its signature does not match the key "a"` + again},
		{name: "a payload changed after signing", token: parts[0] + "." + strings.Split(issuer.sign(jwt.MapClaims{"org": "Thieves Ltd"}), ".")[1] + "." + parts[2], status: license.UnknownIssuer,
			reason: `is not from https://a.example.com as it says: its signature does not match the key "a"` + again},
		{name: "a header changed after signing", token: encode(`{"alg":"EdDSA","kid":"a"}`) + "." + parts[1] + "." + parts[2], status: license.UnknownIssuer,
			reason: `is not from https://a.example.com as it says: its signature does not match the key "a"` + again},
		{name: "a signature of zeros", token: parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86), status: license.UnknownIssuer,
			reason: `is not from https://a.example.com as it says: its signature does not match the key "a"` + again},

		{name: "no features", token: issuer.sign(jwt.MapClaims{"features": nil}), status: license.WrongFeature,
			reason: "is for no feature, not for self-hosted-cache: ask https://a.example.com for one that includes it"},
		{name: "other features", token: issuer.sign(jwt.MapClaims{"features": []string{"conformance", "owners"}}), status: license.WrongFeature,
			reason: "is for conformance, owners, not for self-hosted-cache: ask https://a.example.com for one that includes it"},
		{name: "features that are not made to be read", token: issuer.sign(jwt.MapClaims{"features": []string{"a\nb", "\x1b[2J"}}), status: license.WrongFeature,
			reason: `is for a\nb, \x1b[2J, not for self-hosted-cache: ask https://a.example.com for one that includes it`},
		{name: "more features than a line can hold", token: issuer.sign(jwt.MapClaims{"features": []string{strings.Repeat("x", 99)}}), status: license.WrongFeature,
			reason: "is for " + strings.Repeat("x", 77) + "…, not for self-hosted-cache: ask https://a.example.com for one that includes it"},

		{name: "five minutes early", token: good, now: "2025-12-31T23:55:00Z", status: license.Valid},
		{name: "five minutes and a second early", token: good, now: "2025-12-31T23:54:59Z", status: license.NotYetValid,
			reason: "is valid from 2026-01-01 00:00 UTC (in 1 day): use it then, or set the clock of this machine, which says 2025-12-31 23:54 UTC"},
		{name: "a clock in 1970", token: good, now: "1970-01-01T00:00:00Z", status: license.NotYetValid,
			reason: "is valid from 2026-01-01 00:00 UTC (in 20454 days): use it then, or set the clock of this machine, which says 1970-01-01 00:00 UTC"},
		{name: "the last second", token: good, now: "2026-12-31T23:59:59Z", status: license.Valid},
		{name: "the first second after", token: good, now: "2027-01-01T00:00:00Z", status: license.Expired,
			reason: "expired on 2027-01-01 00:00 UTC (today; this machine's clock says 2027-01-01 00:00 UTC): ask https://a.example.com for a renewal"},
		{name: "a month after", token: good, now: "2027-02-04T23:00:00-05:00", status: license.Expired,
			reason: "expired on 2027-01-01 00:00 UTC (35 days ago; this machine's clock says 2027-02-05 04:00 UTC): ask https://a.example.com for a renewal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := at("2026-06-01T00:00:00Z")
			if tt.now != "" {
				now = at(tt.now)
			}
			got := license.Check(license.NewToken(tt.token, "T"), keys, license.Use{Now: now})
			reason := tt.reason
			if reason != "" {
				reason = "the license in T " + reason
			}
			if got.Status != tt.status || got.Reason != reason {
				t.Errorf("got %s:\n%s\nwant %s:\n%s", got.Status, got.Reason, tt.status, reason)
			}
			unverified := got.Status == license.UnknownIssuer
			if unverified && (got.KeyID != "" || got.Organization != "" || got.Issuer != "") {
				t.Errorf("got claims %+v, want none without a signature", got)
			}
		})
	}
}

func withClaim(s signer, name string, value any) jwt.MapClaims {
	claims := s.claims()
	claims[name] = value
	return claims
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decode(s string) (string, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return string(data), err
}

// respell changes bits of the last character that a lax decoder ignores: the 86
// characters of 64 bytes have four unused bits.
func respell(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])+1])
}

func TestCheckWithoutTokenOrKeys(t *testing.T) {
	now := at("2026-06-01T00:00:00Z")
	if got := license.Check(license.Token{}, license.KeySet{}, license.Use{Now: now}); got.Status != license.Absent || got.Reason != "no license found" {
		t.Errorf("the zero Token: got %s, %q", got.Status, got.Reason)
	}
	got := license.Check(license.NewToken(newSigner("a", "A").sign(nil), "T"), license.KeySet{}, license.Use{Now: now})
	want := `the license in T is signed with the unknown key "a" of "A": this build accepts licenses of no issuer; ask there for one`
	if got.Status != license.UnknownIssuer || got.Reason != want {
		t.Errorf("the zero KeySet: got %s, %q, want %q", got.Status, got.Reason, want)
	}
	var many []signer
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		many = append(many, newSigner(name, strings.ToUpper(name)))
	}
	got = license.Check(license.NewToken(newSigner("x", "X").sign(nil), "T"), keySet(t, many...), license.Use{Now: now})
	if want := "this build accepts licenses of A or B or C or 2 others; ask there for one"; !strings.Contains(got.Reason, want) {
		t.Errorf("many issuers: got %q, want %q", got.Reason, want)
	}
	if (license.License{}).Status == license.Valid {
		t.Error("the zero License is valid")
	}
}

func TestRotation(t *testing.T) {
	const issuer = "https://licenses.example.com"
	old, fresh := newSigner("2026", issuer), newSigner("2027", issuer)
	check := func(s signer, keys license.KeySet) license.Status {
		return license.Check(license.NewToken(s.sign(nil), "T"), keys, license.Use{Now: at("2026-06-01T00:00:00Z")}).Status
	}

	both := keySet(t, old, fresh)
	if got := check(old, both); got != license.Valid {
		t.Errorf("old key while both are trusted: got %s, want valid", got)
	}
	if got := check(fresh, both); got != license.Valid {
		t.Errorf("new key while both are trusted: got %s, want valid", got)
	}
	if got := check(old, keySet(t, fresh)); got != license.UnknownIssuer {
		t.Errorf("old key after its removal: got %s, want unknown-issuer", got)
	}
}

func TestExpiresSoon(t *testing.T) {
	issuer := newSigner("a", "https://a.example.com")
	keys := keySet(t, issuer)
	tests := []struct {
		name, now, warning string
	}{
		{"a second more than 14 days", "2026-12-17T23:59:59Z", ""},
		{"14 days", "2026-12-18T00:00:00Z", "the license in T expires on 2027-01-01 00:00 UTC (in 14 days): ask https://a.example.com for a renewal"},
		{"the last second", "2026-12-31T23:59:59Z", "the license in T expires on 2027-01-01 00:00 UTC (in 1 day; this machine's clock says 2026-12-31 23:59 UTC): ask https://a.example.com for a renewal"},
		{"expired", "2027-01-01T00:00:00Z", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := at(tt.now)
			license := license.Check(license.NewToken(issuer.sign(nil), "T"), keys, license.Use{Now: now})
			warning, soon := license.ExpiresSoon(now)
			if warning != tt.warning || soon != (tt.warning != "") {
				t.Errorf("got %q, %t, want %q", warning, soon, tt.warning)
			}
		})
	}
}

func TestTokenIsNeverPrinted(t *testing.T) {
	const secret = "TOPSECRET"
	token := license.NewToken(secret, "T")
	type holder struct {
		Exported   license.Token
		unexported license.Token
		pointer    *license.Token
	}
	held := holder{token, token, &token}
	_, _ = held.unexported, held.pointer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		for _, v := range []any{token, &token, held, &held, []license.Token{token}, map[string]any{"token": token}} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, secret) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T prints the token: %s", verb, v, text)
			}
		}
	}
	data, err := json.Marshal(held)
	if err != nil || strings.Contains(string(data), secret) {
		t.Errorf("JSON has the token: %s, %v", data, err)
	}
	if got, want := fmt.Sprint(token), "license in T (redacted)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := fmt.Sprint(license.Token{}), "no license"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
