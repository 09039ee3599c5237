package license_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// F27: in nx#30726, the message was "license expired" for every problem. Ours has the
// real reason and the place of the license. Only the time changes in this test, not the
// licenses or Nx.
func TestF27_the_true_reason(t *testing.T) {
	issuer := newSigner("a", "https://a.example.com")
	keys := keySet(t, issuer)
	year := func(org, from, to string, more ...any) string {
		claims := map[string]any{"org": org, "nbf": unix(from + "T00:00:00Z"), "exp": unix(to + "T00:00:00Z")}
		if len(more) > 0 {
			claims["perpetualNxMajor"] = more[0]
		}
		return issuer.sign(claims)
	}
	first := year("first", "2026-01-01", "2027-01-01")
	second := year("second", "2026-12-15", "2028-01-01")
	next := year("next", "2027-01-01", "2028-01-01")
	late := year("late", "2027-01-02", "2028-01-01")
	perpetual := year("perpetual", "2026-01-01", "2027-01-01", 22)
	stranger := newSigner("c", "https://c.example.com").sign(nil)
	const variable, file = "NX_POWERPACK_LICENSE", ".nx/powerpack/license.ini"

	for _, tt := range []struct {
		name, env, file, now string
		nx                   string
		status               license.Status
		org, says            string
		soon                 bool
	}{
		{name: "none", now: "2026-06-01", status: license.Absent, says: "no license found: set " + variable + " (unset or empty now) or put it in " + file},
		{name: "before its first day", env: first, now: "2025-12-01", status: license.NotYetValid, says: variable + " is valid from 2026-01-01"},
		{name: "in its year", env: first, now: "2026-06-01", status: license.Valid, org: "first"},
		{name: "in its last days", env: first, now: "2026-12-31", status: license.Valid, org: "first", soon: true},
		{name: "after its last day", env: first, now: "2027-02-01", status: license.Expired, says: variable + " expired on 2027-01-01 00:00 UTC (31 days ago; this machine's clock says 2027-02-01 12:00 UTC): ask https://a.example.com"},
		{name: "renewed before its end", env: first, file: first + "\n" + second, now: "2026-12-31", status: license.Valid, org: "second"},
		{name: "renewed from its end", env: first, file: next, now: "2026-12-31", status: license.Valid, org: "first"},
		{name: "renewed with a gap", env: first, file: late, now: "2026-12-31", status: license.Valid, org: "first", soon: true},
		{name: "renewed, too early", file: first + "\n" + second, now: "2026-12-01", status: license.Valid, org: "first"},
		{name: "renewed, in both places too late", env: first, file: second, now: "2028-06-01", status: license.Expired,
			says: variable + " expired on 2027-01-01 00:00 UTC (517 days ago; this machine's clock says 2028-06-01 12:00 UTC): ask https://a.example.com for a renewal; the license in " + file + " expired on 2028-01-01"},
		{name: "expired, and one of another issuer", env: first, file: stranger, now: "2027-02-01", status: license.Expired,
			says: "; the license in " + file + ` is signed with the unknown key "c" of "https://c.example.com"`},
		{name: "not expired but of another issuer", env: stranger, now: "2027-02-01", status: license.UnknownIssuer, says: variable + " is signed with the unknown key"},
		{name: "cut", env: first[:len(first)-9], now: "2027-02-01", status: license.Malformed, says: variable + " is malformed"},

		{name: "for good, in its year", env: perpetual, now: "2026-06-01", nx: "24.0.6", status: license.Valid, org: "perpetual"},
		{name: "for good, in its last days", env: perpetual, now: "2026-12-31", nx: "22.7.12", status: license.Valid, org: "perpetual"},
		{name: "for good, in its last days, with a later Nx", env: perpetual, now: "2026-12-31", nx: "23.0.0", status: license.Valid, org: "perpetual", soon: true},
		{name: "for good", env: perpetual, now: "2036-01-01", nx: "22.7.12", status: license.Valid, org: "perpetual"},
		{name: "for good, with an earlier Nx", env: perpetual, now: "2036-01-01", nx: "20.0.13", status: license.Valid, org: "perpetual"},
		{name: "for good, with a later Nx", env: perpetual, now: "2027-02-01", nx: "23.3.2", status: license.Expired,
			says: "expired on 2027-01-01 00:00 UTC (31 days ago; this machine's clock says 2027-02-01 12:00 UTC) and covers Nx up to 22 only, not Nx 23: ask https://a.example.com for a renewal"},
		{name: "for good, with an unknown Nx", env: perpetual, now: "2027-02-01", status: license.Expired,
			says: "covers Nx up to 22 only, and the version of Nx is unknown: ask"},
		{name: "for good before its first day", env: perpetual, now: "2025-12-01", nx: "22.0.0", status: license.NotYetValid, says: "is valid from"},
		{name: "for good wins over what ends", env: second, file: perpetual, now: "2027-02-01", nx: "22.0.0", status: license.Valid, org: "perpetual"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			if tt.file != "" {
				writeFile(t, root, tt.file)
			}
			use := license.Use{Now: at(tt.now + "T12:00:00Z"), NxMajor: license.NxMajor(tt.nx)}
			got := license.Choose(license.Find(getenv(tt.env), root), keys, use)
			if got.Status != tt.status || got.Organization != tt.org && tt.org != "" || !strings.Contains(got.Reason, tt.says) || (got.Reason == "") != (tt.says == "") {
				t.Errorf("got %s for %q: %s\nwant %s for %q: %s", got.Status, got.Organization, got.Reason, tt.status, tt.org, tt.says)
			}
			if got.Status != license.Valid {
				diagnostictest.Check(t, diagnostic.Message{Code: got.Diagnostic(), Text: got.Reason})
			}
			if tt.status != license.Expired && strings.Contains(got.Reason, "expired") {
				t.Errorf("got %q for a license that has not expired", got.Reason)
			}
			if _, soon := got.ExpiresSoon(use.Now); soon != tt.soon {
				t.Errorf("got a warning: %v, want %v", soon, tt.soon)
			}
		})
	}
}

func TestNxMajor(t *testing.T) {
	for version, want := range map[string]int{"24.0.6": 24, "21.0.0-beta.1": 21, "22": 22, "": 0, "latest": 0, "-1.0": 0} {
		if got := license.NxMajor(version); got != want {
			t.Errorf("%q: got %d, want %d", version, got, want)
		}
	}
}

func TestInvalidPerpetualNxMajor(t *testing.T) {
	issuer := newSigner("a", "A")
	for value, want := range map[any]string{
		-1: "it has no usable perpetualNxMajor", "22": "its claim perpetualNxMajor has the wrong type", 22.5: "its claim perpetualNxMajor has the wrong type",
	} {
		got := license.Check(license.NewToken(issuer.sign(map[string]any{"perpetualNxMajor": value}), "T"), keySet(t, issuer), license.Use{Now: at("2026-06-01T00:00:00Z")})
		if got.Status != license.Malformed || !strings.Contains(got.Reason, want) {
			t.Errorf("%v: got %s, %q, want %q", value, got.Status, got.Reason, want)
		}
	}
}

func TestChooseFromNothing(t *testing.T) {
	if got := license.Choose(nil, license.KeySet{}, license.Use{}); got.Status == license.Valid || got.Used != -1 || len(got.All) != 0 {
		t.Errorf("got %+v", got)
	}
}
