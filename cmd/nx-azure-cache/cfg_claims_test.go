package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// dotenv are the claims of a file .env.
func dotenv(variables env) (list []claim) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		list = append(list, claim{Name: name, Value: variables[name], File: ".env"})
	}
	return list
}

func TestWhichClaimsCount(t *testing.T) {
	claimed := env{
		connectionVariable: connectionString, ownConnectionVariable: connectionString, license.Variable: "a licence", modeVariable: "read-only",
		sasVariable: "x", credentialVariable: "azure-cli", trust.SigningKeyVariable: "x", trust.RefVariable: "refs/heads/main", workspaceVariable: "{}",
		"NX_AZURE_CACHE_LOG": "debug", "NX_AZURE_CACHE_LOG_FILE": "/x", "HTTPS_PROXY": "http://x", "SSL_CERT_FILE": "/x", "AZURE_CLIENT_ID": "x", "PATH": "/x", "GOMEMLIMIT": "1",
	}
	getenv := newClaims(dotenv(claimed)).over(env{}.get)
	for name, value := range claimed {
		want := ""
		if slices.Contains([]string{connectionVariable, ownConnectionVariable, license.Variable, modeVariable}, name) {
			want = value
		}
		if got := getenv(name); got != want {
			t.Errorf("%s of .env: got %q, want %q", name, got, want)
		}
	}
	getenv = newClaims(dotenv(claimed)).over(env{connectionVariable: "real", modeVariable: "no-cache"}.get)
	if got := getenv(connectionVariable) + getenv(modeVariable); got != "realno-cache" {
		t.Errorf("got %q, want the environment", got)
	}
	for _, one := range []claim{
		{Name: modeVariable, Value: " read-write "},
		{Name: connectionVariable, Value: connectionString, IsEmpty: true},
		{Name: "\x1b[31m", Value: "x"},
	} {
		if got := newClaims([]claim{one}).over(env{}.get)(one.Name); got != "" {
			t.Errorf("%+v: got %q", one, got)
		}
	}
}

func TestWhatIsSaidOfClaims(t *testing.T) {
	for name, test := range map[string]struct {
		list []claim
		mode cache.Mode
		want string // the lines, joined
	}{
		"ours": {dotenv(env{trust.RefVariable: "refs/heads/main"}), cache.ReadWrite,
			"NX_AZURE_CACHE_REF of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"two of ours": {[]claim{{Name: "NX_AZURE_CACHE_LOG", Value: "debug", File: ".env.local"}, {Name: "NX_AZURE_CACHE_BINARY", Value: "x"}}, cache.ReadWrite,
			"NX_AZURE_CACHE_BINARY (set inside Nx) and NX_AZURE_CACHE_LOG of .env.local are ignored: a checkout could set them. Set them in the environment of the CI job instead"},
		"those of an application": {dotenv(env{"AZURE_CLIENT_ID": "x", "HTTPS_PROXY": "x", "CI": "true", "NX_VERBOSE_LOGGING": "true"}), cache.ReadWrite, ""},
		"those that count":        {dotenv(env{connectionVariable: "x", license.Variable: "x", modeVariable: "read-only"}), cache.ReadOnly, ""},
		"the mode that it is":     {dotenv(env{modeVariable: "read-write"}), cache.ReadWrite, ""},
		"a higher mode": {dotenv(env{modeVariable: "read-write"}), cache.ReadOnly,
			"NX_POWERPACK_CACHE_MODE of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"what is empty": {[]claim{{Name: connectionVariable, Value: "x", File: ".env", IsEmpty: true}}, cache.ReadWrite,
			"AZURE_STORAGE_CONNECTION_STRING of .env is ignored: the environment sets it to an empty value, which a .env file cannot fill. Set a value there, or unset it"},
		"names of no variable":  {[]claim{{Name: "NX_AZURE_CACHE_\x1b[31m", Value: "x", File: ".env"}}, cache.ReadWrite, ""},
		"a file with any name":  {[]claim{{Name: "NX_AZURE_CACHE_X", Value: "x", File: ".env.\x1b[31m"}}, cache.ReadWrite, "NX_AZURE_CACHE_X of a .env file is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"an application's Nx":   {dotenv(env{"NX_CLI_SET": "true"}), cache.ReadWrite, ""},
		"nothing that is there": {nil, cache.ReadWrite, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(newClaims(test.list).warnings(test.mode, nil), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
	one := claim{Name: connectionVariable, Value: connectionString, File: ".env"}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", one, one, one, one, one, one), fmt.Sprintf("%+v", settings{claims: newClaims([]claim{one})})} {
		if strings.Contains(text, accountKey) {
			t.Errorf("%s shows a value", text)
		}
	}
}

// What an application has for itself is named where a request fails, and only there.
func TestClaimsExplainFailures(t *testing.T) {
	list := newClaims(dotenv(env{"AZURE_CLIENT_ID": "secret-id", "https_proxy": "x", "NODE_EXTRA_CA_CERTS": "x", "DATABASE_URL": "x", connectionVariable: "x"}))
	memory := new(cachetest.Memory)
	s := settings{accountName: "acme", claims: list}
	blobs := s.explain(memory)
	if _, err := blobs.Get(t.Context(), "x"); !errors.Is(err, cache.ErrNotFound) || strings.Contains(err.Error(), "AZURE") {
		t.Errorf("got %v, want it as it is", err)
	}
	failing := errors.New("nobody is signed in")
	err := explainedBlobs{memory, blobs.(explainedBlobs).hint}.explained(&cache.ConfigError{Err: failing})
	const want = "nobody is signed in (the account is that of azure.accountName in nx.json; AZURE_CLIENT_ID of .env and NODE_EXTRA_CA_CERTS of .env and https_proxy of .env are ignored: a checkout could set them; if the cache needs them, set them in the environment)"
	if _, isConfig := errors.AsType[*cache.ConfigError](err); err == nil || err.Error() != want || !isConfig {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	s.claims = newClaims(dotenv(env{"DATABASE_URL": "x"}))
	if hint := s.explain(memory).(explainedBlobs).hint; hint != "the account is that of azure.accountName in nx.json" {
		t.Errorf("a database explains why requests fail: %s", hint)
	}
}
