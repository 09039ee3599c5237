package license_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

var update = flag.Bool("update", false, "rewrite the tokens in testdata/license")

// tokens makes the golden tokens. Ed25519 signatures are deterministic, so the tokens
// change only with their content.
func tokens(t testing.TB) map[string]string {
	issuer := development(t)
	century := jwt.MapClaims{"exp": unix("2126-01-01T00:00:00Z")}
	with := func(name string, value any) jwt.MapClaims {
		return jwt.MapClaims{"exp": century["exp"], name: value}
	}
	claims := withClaim(issuer, "exp", century["exp"])
	header := jwt.MapClaims{"kid": issuer.kid}

	valid := issuer.sign(century)
	parts := strings.Split(valid, ".")
	thieves := strings.Split(issuer.sign(with("org", "Thieves Ltd")), ".")

	return map[string]string{
		"valid.jwt":              valid,
		"expired.jwt":            issuer.sign(jwt.MapClaims{"nbf": unix("2024-01-01T00:00:00Z"), "exp": unix("2025-01-01T00:00:00Z")}),
		"perpetual.jwt":          issuer.sign(jwt.MapClaims{"nbf": unix("2024-01-01T00:00:00Z"), "exp": unix("2025-01-01T00:00:00Z"), "perpetualNxMajor": 24}),
		"not-yet-valid.jwt":      issuer.sign(with("nbf", unix("2125-01-01T00:00:00Z"))),
		"wrong-feature.jwt":      issuer.sign(with("features", []string{"conformance"})),
		"no-features.jwt":        issuer.sign(with("features", nil)),
		"no-organization.jwt":    issuer.sign(with("org", nil)),
		"no-expiry.jwt":          issuer.sign(jwt.MapClaims{"exp": nil}),
		"no-kid.jwt":             signed(jwt.SigningMethodEdDSA, issuer.private, nil, claims),
		"other-issuer.jwt":       newSigner("other", "https://other.example.com").sign(century),
		"borrowed-issuer.jwt":    issuer.sign(with("iss", "https://other.example.com")),
		"borrowed-key-id.jwt":    newSigner(issuer.kid, issuer.issuer).sign(century),
		"tampered-payload.jwt":   parts[0] + "." + thieves[1] + "." + parts[2],
		"tampered-signature.jwt": parts[0] + "." + parts[1] + "." + thieves[2],
		"cut.jwt":                valid[:len(valid)-10],
		"two-parts.jwt":          parts[0] + "." + parts[1],
		"alg-none.jwt":           signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, header, claims),
		"alg-hs256.jwt":          signed(jwt.SigningMethodHS256, issuer.public(), header, claims),
		"not-a-jwt.jwt":          "0123456789abcdef",
	}
}

// readGolden returns the golden tokens by file name.
func readGolden(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(fixtures + "*.jwt")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no tokens in %s", fixtures)
	}
	golden := make(map[string]string)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		golden[filepath.Base(path)] = strings.TrimSpace(string(data))
	}
	return golden
}

// goldenCase is the result for one token at one time, with the issuers of a source build.
// The README of the directory explains the fields.
type goldenCase struct {
	Name         string         `json:"name"`
	Token        string         `json:"token"`
	Now          time.Time      `json:"now"`
	Status       license.Status `json:"status"`
	Organization string         `json:"organization"`
	ExpiresAt    time.Time      `json:"expiresAt"`
}

func readCases(t testing.TB) []goldenCase {
	t.Helper()
	data, err := os.ReadFile(fixtures + "cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases in cases.json")
	}
	return cases
}

func TestGoldenTokens(t *testing.T) {
	want := tokens(t)
	if *update {
		for name, token := range want {
			if err := os.WriteFile(fixtures+name, []byte(token+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := readGolden(t)
	for name, token := range want {
		if got[name] != token {
			t.Errorf("%s is not what this test makes; go test ./license -update rewrites it", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not made by this test", name)
		}
	}
}

func TestGoldenCases(t *testing.T) {
	keys, err := license.Issuers()
	if err != nil {
		t.Fatal(err)
	}
	golden := readGolden(t)
	unused := readGolden(t)
	for _, tt := range readCases(t) {
		t.Run(tt.Name, func(t *testing.T) {
			delete(unused, tt.Token)
			text, ok := golden[tt.Token]
			if !ok {
				t.Fatalf("no file %s", tt.Token)
			}
			got := license.Check(license.NewToken(text, tt.Token), keys, license.Use{Now: tt.Now})
			if got.Status != tt.Status || got.Organization != tt.Organization || !got.ExpiresAt.Equal(tt.ExpiresAt) {
				t.Errorf("got %s, %q, %s, want %s, %q, %s: %s", got.Status, got.Organization, got.ExpiresAt,
					tt.Status, tt.Organization, tt.ExpiresAt, got.Reason)
			}
			checkResult(t, text, got, "")
		})
	}
	for name := range unused {
		t.Errorf("no case uses %s", name)
	}
}
