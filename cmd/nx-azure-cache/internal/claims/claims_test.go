package claims

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// dotenv returns the claims of a file .env.
func dotenv(variables testenv.Env) (list []Claim) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		list = append(list, Claim{Name: name, Value: variables[name], File: ".env"})
	}
	return list
}

func TestCounted(t *testing.T) {
	claimed := testenv.Env{
		ConnectionVariable: testenv.ConnectionString, OwnConnectionVariable: testenv.ConnectionString, license.Variable: "a license", ModeVariable: "read-only",
		"NX_AZURE_CACHE_SAS_URL": "x", "NX_AZURE_CACHE_CREDENTIAL": "azure-cli", trust.SigningKeyVariable: "x", trust.RefVariable: "refs/heads/main", "NX_AZURE_CACHE_WORKSPACE": "{}",
		"NX_AZURE_CACHE_LOG": "debug", "NX_AZURE_CACHE_LOG_FILE": "/x", "HTTPS_PROXY": "http://x", "SSL_CERT_FILE": "/x", "AZURE_CLIENT_ID": "x", "PATH": "/x", "GOMEMLIMIT": "1",
	}
	getenv := New(dotenv(claimed)).Over(testenv.Env{}.Get)
	for name, value := range claimed {
		want := ""
		if slices.Contains([]string{ConnectionVariable, OwnConnectionVariable, license.Variable, ModeVariable}, name) {
			want = value
		}
		if got := getenv(name); got != want {
			t.Errorf("%s of .env: got %q, want %q", name, got, want)
		}
	}
	getenv = New(dotenv(claimed)).Over(testenv.Env{ConnectionVariable: "real", ModeVariable: "no-cache"}.Get)
	if got := getenv(ConnectionVariable) + getenv(ModeVariable); got != "realno-cache" {
		t.Errorf("got %q, want the environment", got)
	}
	for _, claim := range []Claim{
		{Name: ModeVariable, Value: " read-write "},
		{Name: ConnectionVariable, Value: testenv.ConnectionString, IsEmpty: true},
		{Name: "\x1b[31m", Value: "x"},
	} {
		if got := New([]Claim{claim}).Over(testenv.Env{}.Get)(claim.Name); got != "" {
			t.Errorf("%+v: got %q", claim, got)
		}
	}
}

func TestWarnings(t *testing.T) {
	for name, test := range map[string]struct {
		list []Claim
		mode cache.Mode
		want string // the lines, joined
	}{
		"ours": {dotenv(testenv.Env{trust.RefVariable: "refs/heads/main"}), cache.ReadWrite,
			"NX_AZURE_CACHE_REF of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"two of ours": {[]Claim{{Name: "NX_AZURE_CACHE_LOG", Value: "debug", File: ".env.local"}, {Name: "NX_AZURE_CACHE_BINARY", Value: "x"}}, cache.ReadWrite,
			"NX_AZURE_CACHE_BINARY (set inside Nx) and NX_AZURE_CACHE_LOG of .env.local are ignored: a checkout could set them. Set them in the environment of the CI job instead"},
		"two of an application": {dotenv(testenv.Env{"AZURE_CLIENT_ID": "x", "HTTPS_PROXY": "x", "CI": "true", "NX_VERBOSE_LOGGING": "true"}), cache.ReadWrite, ""},
		"claims that count":     {dotenv(testenv.Env{ConnectionVariable: "x", license.Variable: "x", ModeVariable: "read-only"}), cache.ReadOnly, ""},
		"the mode in use":       {dotenv(testenv.Env{ModeVariable: "read-write"}), cache.ReadWrite, ""},
		"a higher mode": {dotenv(testenv.Env{ModeVariable: "read-write"}), cache.ReadOnly,
			"NX_POWERPACK_CACHE_MODE of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"empty values": {[]Claim{{Name: ConnectionVariable, Value: "x", File: ".env", IsEmpty: true}}, cache.ReadWrite,
			"AZURE_STORAGE_CONNECTION_STRING of .env is ignored: the environment sets it to an empty value, which a .env file cannot fill. Set a value there, or unset it"},
		"names that are not of variables": {[]Claim{{Name: "NX_AZURE_CACHE_\x1b[31m", Value: "x", File: ".env"}}, cache.ReadWrite, ""},
		"a file with any name":            {[]Claim{{Name: "NX_AZURE_CACHE_X", Value: "x", File: ".env.\x1b[31m"}}, cache.ReadWrite, "NX_AZURE_CACHE_X of a .env file is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"an application's Nx":             {dotenv(testenv.Env{"NX_CLI_SET": "true"}), cache.ReadWrite, ""},
		"no claims":                       {nil, cache.ReadWrite, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(diagnostic.Strings(New(test.list).Warnings(test.mode, nil)), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
	claim := Claim{Name: ConnectionVariable, Value: testenv.ConnectionString, File: ".env"}
	if text := fmt.Sprintf("%v %+v %#v %s %q %x", claim, claim, claim, claim, claim, claim); strings.Contains(text, testenv.AccountKey) {
		t.Errorf("%s shows a value", text)
	}
}
