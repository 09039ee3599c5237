package license_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// The tests of cmd/nx-azure-license cover the issuers of a release build, which the
// linker sets.
func TestIssuersOfASourceBuild(t *testing.T) {
	keys, err := license.Issuers()
	if err != nil {
		t.Fatal(err)
	}
	token := license.NewToken(development(t).sign(nil), "T")
	got := license.Check(token, keys, license.Use{Now: at("2026-06-01T00:00:00Z")})
	if got.Status != license.Valid || got.Issuer != developmentIssuer {
		t.Errorf("got %s of %s, %s, want a valid license of %s", got.Status, got.Issuer, got.Reason, developmentIssuer)
	}
}

func TestWhereToAskForALicense(t *testing.T) {
	development, err := license.Issuers()
	if err != nil {
		t.Fatal(err)
	}
	for want, keys := range map[string]license.KeySet{
		"no license found; this build from source trusts the public development key: issue a license to yourself": development,
		"no license found; ask A for one":      keySet(t, newSigner("a", "A"), newSigner("b", "A")),
		"no license found; ask A or B for one": keySet(t, newSigner("b", "B"), newSigner("a", "A")),
	} {
		got := license.Check(license.Token{}, keys, license.Use{Now: at("2026-06-01T00:00:00Z")})
		if got.Status != license.Absent || got.Reason != want {
			t.Errorf("got %s, %q, want %q", got.Status, got.Reason, want)
		}
	}
}

func TestParseKeySet(t *testing.T) {
	const x = `"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"` // RFC 8037, appendix A.2
	const whole = `"kty":"OKP","crv":"Ed25519","kid":"a","iss":"A",` + x
	set := func(keys ...string) string { return `{"keys":[{` + strings.Join(keys, `},{`) + `}]}` }
	tests := []struct {
		name, json, err string // err "" means none
	}{
		{"one key", set(whole), ""},
		{"two keys of one issuer", set(whole, strings.Replace(whole, `"kid":"a"`, `"kid":"b"`, 1)), ""},
		{"the optional members alg and use", set(whole + `,"alg":"EdDSA","use":"sig"`), ""},
		{"unknown members", set(whole + `,"note":"of 2026"`), ""},
		{"nothing", ``, "key set: unexpected end of JSON input"},
		{"trailing text", set(whole) + `x`, "key set: invalid character 'x' after top-level value"},
		{"a single key instead of a set", `{` + whole + `}`, `key set: "keys" is missing or empty, want at least one key`},
		{"no keys", `{"keys":[]}`, `key set: "keys" is missing or empty, want at least one key`},
		{"an RSA key", set(strings.Replace(whole, "OKP", "RSA", 1)), `key set: key 1 (kid "a"): its kty is "RSA", want "OKP"`},
		{"a key for encryption", set(strings.Replace(whole, "Ed25519", "X25519", 1)), `key set: key 1 (kid "a"): its crv is "X25519", want "Ed25519"`},
		{"another algorithm", set(whole + `,"alg":"ES256"`), `key set: key 1 (kid "a"): its alg is "ES256", want "EdDSA" or none`},
		{"another use", set(whole + `,"use":"enc"`), `key set: key 1 (kid "a"): its use is "enc", want "sig" or none`},
		{"no kid", set(strings.Replace(whole, `"kid":"a",`, ``, 1)), `key set: key 1 (kid ""): it has no kid`},
		{"no iss", set(strings.Replace(whole, `"iss":"A",`, ``, 1)), `key set: key 1 (kid "a"): it has no iss, which binds it to its issuer`},
		{"an iss of two lines", set(strings.Replace(whole, `"A"`, `"A\nB"`, 1)), `key set: key 1 (kid "a"): its iss is "A\nB", want at most 200 bytes that can be shown on a line`},
		{"a long iss", set(strings.Replace(whole, `"A"`, `"`+strings.Repeat("A", 200)+`"`, 1)), ""},
		{"an iss that is too long", set(strings.Replace(whole, `"A"`, `"`+strings.Repeat("A", 201)+`"`, 1)), `key set: key 1 (kid "a"): its iss is "` + strings.Repeat("A", 80) + `", want at most 200 bytes that can be shown on a line`},
		{"a key that is no object", `{"keys":["a"]}`, `key set: key 1: json: cannot unmarshal string into Go value of type license.jwk`},
		{"keys twice, the second without what the first has", `{"keys":[{` + whole + `}],"keys":[{"kid":"b"}]}`, `key set: key 1 (kid "b"): its kty is "", want "OKP"`},
		{"no x", set(strings.Replace(whole, `,`+x, ``, 1)), `key set: key 1 (kid "a"): its x has 0 bytes, want 32`},
		{"a short x", set(strings.Replace(whole, "URo", "", 1)), `key set: key 1 (kid "a"): its x has 30 bytes, want 32`},
		{"an x with padding", set(strings.Replace(whole, "URo", "URo=", 1)), `key set: key 1 (kid "a"): its x is not base64url without padding: illegal base64 data at input byte 43`},
		{"the same kid twice", set(whole, strings.Replace(whole, `"iss":"A"`, `"iss":"B"`, 1)), `key set: key 2 (kid "a"): an earlier key has the same kid`},
		{"a private key", set(whole + `,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"`), `key set: key 1 (kid "a"): it has a private part (d), which does not belong here`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := license.ParseKeySet([]byte(tt.json))
			switch {
			case tt.err == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case tt.err != "" && (err == nil || err.Error() != tt.err):
				t.Errorf("got %v, want %s", err, tt.err)
			}
		})
	}
}
